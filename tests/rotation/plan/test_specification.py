"""A specification as it is kept, and what of the configuration may change meanwhile."""

from dataclasses import replace

import pytest

from rotation.errors import JournalError
from rotation.plan.specification import (
    changes,
    differences,
    spec_digest,
    spec_from_json,
    spec_to_json,
    waiting,
)
from rotation.types import PluginSpec
from tests.support.stories import seeded

SPEC = seeded().spec


def test_it_is_read_as_it_was_kept() -> None:
    assert spec_from_json(spec_to_json(SPEC)) == SPEC
    assert spec_digest(SPEC) == spec_digest(spec_from_json(spec_to_json(SPEC)))


def test_a_key_of_a_later_version_is_ignored_and_a_missing_one_is_told() -> None:
    content = spec_to_json(SPEC)
    assert spec_from_json({**content, "approvals": 2}) == SPEC
    del content["identity"]
    with pytest.raises(JournalError) as caught:
        spec_from_json(content)
    assert caught.value.code == "journal.specification"


def test_the_issuer_must_stay_and_the_waits_may_change() -> None:
    now = replace(SPEC, issuer=PluginSpec(type="simulated", options={"user": "two"}), grace_s=90)
    assert differences(SPEC, now) == ["issuer"]
    assert changes(SPEC, now) == ['issuer: user null -> "two"']
    assert waiting(SPEC, now) == ["grace_s"]


def test_a_consumer_may_go_and_none_may_come() -> None:
    first, *_ = SPEC.consumers
    fewer = replace(SPEC, consumers=(first,))
    assert differences(SPEC, fewer) == []
    assert differences(fewer, SPEC) == ["consumer:batch"]
    assert waiting(SPEC, fewer) == ["consumers"]
