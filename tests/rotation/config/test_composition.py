"""`composed:` and `accept_stale:`: what they come to, and what is refused."""

import json

import pytest

from rotation.config import schema
from rotation.plan.specification import differences, spec_digest, spec_from_json, spec_to_json
from tests.rotation.config.files import VALID, Find, Load

FIELDS = "fields: {access_key_id: ID, secret_access_key: KEY}"
URL = "s3://{access_key_id}:{secret_access_key}@{host}/{bucket}"


def with_keys(*lines: str) -> str:
    added = "".join(f"    {line}\n" for line in lines)
    return VALID.replace("    probe:", f"{added}    probe:")


def test_what_is_composed_is_part_of_what_a_rotation_holds_on_to(loaded: Load) -> None:
    configuration = loaded(with_keys(FIELDS, f'composed: {{url: "{URL}"}}', "accept_stale: [old]"))
    [entry] = configuration.secrets()
    spec = configuration.specification(entry)
    assert (spec.composed, spec.accept_stale) == ({"url": URL}, ("old",))
    assert spec_from_json(json.loads(json.dumps(spec_to_json(spec)))) == spec
    plain = loaded(with_keys(FIELDS))
    [without] = plain.secrets()
    other = plain.specification(without)
    assert differences(spec, other) == ["composed"]
    assert spec_digest(spec) != spec_digest(other)


def test_a_rotation_that_began_before_it_was_known_is_read(loaded: Load) -> None:
    configuration = loaded(VALID)
    [entry] = configuration.secrets()
    spec = configuration.specification(entry)
    older = spec_to_json(spec)
    del older["composed"], older["accept_stale"]
    assert spec_from_json(older) == spec


def test_the_schema_has_both() -> None:
    secret = schema()["properties"]["secrets"]["items"]["properties"]
    assert secret["composed"]["additionalProperties"] == {"type": "string"}
    assert secret["accept_stale"]["items"] == {"type": "string"}


@pytest.mark.parametrize(
    ("lines", "path", "rule"),
    [
        (['composed: {url: "https://h/"}'], "composed.url", "in braces"),
        (['composed: {url: "Key={secret_access_key};"}'], "composed.url", "a URL"),
        (['composed: {url: "https://{host}/"}'], "composed.url", "never change"),
        ([FIELDS, 'composed: {KEY: "{access_key_id}"}'], "composed.KEY", "field's own"),
        (
            [FIELDS, 'composed: {url: "https://{access_key_id}:{KEY}@h"}'],
            "composed.url",
            "write {sec",
        ),
        (
            ['composed: {a: "{access_key_id}", b: "https://{access_key_id}@h/{a}"}'],
            "composed.b",
            "composed itself",
        ),
        (
            ["foreign_fields: none", 'composed: {url: "https://{access_key_id}@{host}"}'],
            "composed.url",
            "no other keys are kept",
        ),
        (["accept_stale: [access_key_id]"], "accept_stale", "rotated"),
        (['composed: {url: "https://{access_key_id}:hunter2@h"}'], "composed.url", "secret"),
    ],
)
def test_what_cannot_be_kept_is_refused(
    found: Find, lines: list[str], path: str, rule: str
) -> None:
    [finding] = found(with_keys(*lines))
    assert path in finding.path
    assert rule in finding.message
    assert "hunter2" not in str(finding)
