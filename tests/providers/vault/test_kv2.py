from dataclasses import replace

import pytest

from providers.vault.kv2 import KvStore
from providers.vault.options import KvOptions
from rotation.errors import (
    Conflict,
    Denied,
    NeedsPerson,
    Permanent,
    RotationError,
    Transient,
    UsageError,
)
from rotation.interfaces import PluginContext
from rotation.testing import CallFault
from rotation.testing.store import StoreConformance
from rotation.types import (
    COMPROMISED,
    CURRENT,
    PENDING,
    PREVIOUS,
    Fields,
    PermissionSet,
    SecretValue,
)
from tests.real.vault_server import Refused
from tests.support.vault_kv import (
    FIRST,
    INSTALLATION,
    SECOND,
    THIRD,
    Bench,
    bench,
    credential,
    promoted,
)

__all__ = ["bench"]

VERIFY, PROMOTE, PROVE = PermissionSet.VERIFY, PermissionSet.PROMOTE, PermissionSet.PROVE


def version_of(attempt: str) -> str:
    return f"rot1-{INSTALLATION}-{attempt}"


class TestConformance(StoreConformance):
    @pytest.fixture
    def bench(self, bench: Bench) -> Bench:
        return bench


def store_of(bench: Bench, context: PluginContext, **change: object) -> KvStore:
    """The same secret, seen by a process that knows nothing yet."""
    options = KvOptions(
        connection="main", mount=bench.mount, path=bench.path, staging=bench.staging
    )
    return KvStore(options, replace(context, **change))


def code_of(error: pytest.ExceptionInfo[RotationError]) -> str:
    return error.value.code


def test_a_value_waits_where_no_reader_of_the_secret_looks(bench: Bench):
    version = bench.store.stage(SECOND, credential(2), onto=bench.adopted())
    assert version == version_of(SECOND)
    staged = bench.vault.api("GET", f"{bench.staging}/data/{bench.stream}/{SECOND}")["data"]
    assert staged["data"] == bench.given(credential(2))
    bench.vault.policy("reader", {f"{bench.mount}/data/*": ["read", "list"]})
    with pytest.raises(Refused) as refused:
        bench.vault.api(
            "GET",
            f"{bench.staging}/data/{bench.stream}/{SECOND}",
            token=bench.vault.token("reader"),
        )
    assert refused.value.status == 403


def test_a_secret_that_somebody_else_wrote_is_known_by_its_number(bench: Bench):
    assert bench.adopted() == "kv-1"
    assert bench.store.state().labels == {CURRENT: "kv-1"}
    assert bench.store.read("kv-1", under=PROVE) == credential(1).fields


def test_other_keys_stay_as_vault_gives_them(bench: Bench):
    """Vault's reads turn a number beyond 2^53 into another one: what they give does not change."""
    others = {"n": 3, "f": 1.5, "big": 2**63 + 12345, "list": [1, {"x": None}], "none": None}
    old = f"kv-{bench.write({**bench.given(credential(1)), **others})}"
    seen = bench.data()
    new = bench.store.stage(SECOND, credential(2), onto=old)
    bench.store.promote(new, expecting=old)
    bench.store.promote(old, expecting=new)
    bench.store.promote(new, expecting=old)
    assert {key: repr(value) for key, value in bench.data().items() if key in others} == {
        key: repr(value) for key, value in seen.items() if key in others
    }


def test_the_secret_itself_is_read_neither_to_stage_nor_to_promote(bench: Bench):
    old = bench.adopted()
    since = bench.vault.audited()
    new = bench.store.stage(SECOND, credential(2), onto=old)
    bench.store.promote(new, expecting=old)
    bench.store.state()
    read = [
        entry["request"]["path"]
        for entry in bench.vault.requests(since)
        if entry["request"]["operation"] == "read"
    ]
    assert f"{bench.mount}/data/{bench.path}" not in read


def test_the_first_value_is_the_first_that_readers_ever_get(bench: Bench):
    empty = bench.store.place(FIRST)
    assert bench.seen() is None
    version = bench.store.stage(SECOND, credential(2), onto=None)
    bench.store.promote(version, expecting=empty)
    assert bench.metadata()["current_version"] == 1
    assert bench.seen() == bench.given(credential(2))


def test_back_to_the_placeholder_is_back_to_nothing_of_ours(bench: Bench):
    empty = bench.store.place(FIRST)
    version = bench.store.stage(SECOND, credential(2), onto=None)
    bench.store.promote(version, expecting=empty)
    bench.edit({"elsewhere": "kept"})
    edited = bench.store.state().current
    assert edited == "kv-2"
    bench.store.promote(empty, expecting=edited)
    assert bench.seen() == {"elsewhere": "kept"}
    assert bench.store.state().current == empty
    with pytest.raises(Transient) as caught:
        bench.store.read(empty, under=VERIFY)
    assert code_of(caught) == "store.placeholder"
    again = bench.store.stage(THIRD, credential(3), onto=None)
    bench.store.promote(again, expecting=empty)
    assert bench.seen() == {**bench.given(credential(3)), "elsewhere": "kept"}


def test_the_old_value_comes_back_under_its_own_mark(bench: Bench):
    old, new = promoted(bench)
    bench.store.promote(old, expecting=new)
    state = bench.store.state()
    assert (state.current, state.labels[PREVIOUS]) == (old, new)
    assert bench.store.read(old, under=VERIFY) == credential(1).fields
    assert bench.metadata()["current_version"] == 3


def test_a_promotion_that_was_not_answered_is_known_by_its_values(bench: Bench):
    old = bench.adopted()
    new = bench.store.stage(SECOND, credential(2), onto=old)
    with bench.trouble("promote", CallFault.LOST), pytest.raises(RotationError):
        bench.store.promote(new, expecting=old)
    assert bench.store.state().current == "kv-2"
    bench.store.promote(new, expecting=old)
    assert bench.store.state().current == new
    assert bench.metadata()["current_version"] == 2


def test_a_promotion_whose_record_is_missing_is_recorded(bench: Bench):
    old = bench.adopted()
    new = bench.store.stage(SECOND, credential(2), onto=old)
    with (
        bench.inject_fault("PATCH", "kv/metadata/", CallFault.DENIED),
        pytest.raises(Denied) as caught,
    ):
        bench.store.promote(new, expecting=old)
    assert not caught.value.unchanged
    bench.store.promote(new, expecting=old)
    assert bench.store.state().labels == {CURRENT: new, PREVIOUS: old, PENDING: new}


def test_a_promotion_whose_write_is_denied_says_that_nothing_changed(bench: Bench):
    old = bench.adopted()
    new = bench.store.stage(SECOND, credential(2), onto=old)
    with bench.trouble("promote", CallFault.DENIED), pytest.raises(Denied) as caught:
        bench.store.promote(new, expecting=old)
    assert caught.value.unchanged
    assert bench.store.state().current == old


def test_a_foreign_write_in_our_place_is_no_promotion(bench: Bench):
    old = bench.adopted()
    new = bench.store.stage(SECOND, credential(2), onto=old)
    bench.edit({"secret": "somebody-else-s"})
    with pytest.raises(Conflict):
        bench.store.promote(new, expecting=old)
    assert bench.data()["secret"] == "somebody-else-s"


def test_a_write_at_the_same_moment_wins_and_is_seen(bench: Bench, monkeypatch):
    """Between our look and our write; Vault refuses the number that it replaces."""
    old = bench.adopted()
    new = bench.store.stage(SECOND, credential(2), onto=old)
    write = KvStore._write

    def interrupted(self: KvStore, *args: object, **more: object) -> int:
        bench.edit({"elsewhere": "changed"})
        return write(self, *args, **more)

    monkeypatch.setattr(KvStore, "_write", interrupted)
    with pytest.raises(Conflict) as caught:
        bench.store.promote(new, expecting=old)
    assert code_of(caught) == "store.conflict"
    assert bench.data() == {**bench.given(credential(1)), "elsewhere": "changed"}


def test_the_bytes_of_what_is_over_leave_the_history(bench: Bench):
    old, new = promoted(bench)
    bench.store.promote(old, expecting=new)
    bench.store.promote(new, expecting=old)  # the old bytes are in the history twice now
    bench.store.unlabel(old, PREVIOUS, under=PROMOTE)
    versions = bench.metadata()["versions"]
    assert {number: version["destroyed"] for number, version in versions.items()} == {
        "1": True, "2": False, "3": True, "4": False,
    }  # fmt: skip
    assert PREVIOUS not in bench.store.state().labels
    assert bench.seen() == {**bench.given(credential(2)), "elsewhere": "kept"}
    with pytest.raises(Transient) as caught:
        bench.store.read(old, under=PROVE)
    assert code_of(caught) == "store.version-missing"


def test_what_readers_get_is_never_destroyed(bench: Bench):
    _, new = promoted(bench)
    for label in (PREVIOUS, COMPROMISED):
        bench.store.unlabel(new, label, under=PROMOTE)
    with pytest.raises(Permanent):
        bench.store.unlabel(new, CURRENT, under=PROMOTE)
    assert bench.seen() == {**bench.given(credential(2)), "elsewhere": "kept"}


def test_a_mark_of_compromise_says_when(bench: Bench):
    old, _ = promoted(bench)
    bench.store.mark_compromised(old)
    when, _, version = bench.metadata()["custom_metadata"]["rotation:compromised"].partition(" ")
    assert version == old
    assert when.endswith("Z")
    bench.store.unlabel(old, COMPROMISED, under=PermissionSet.CONTAIN)
    assert COMPROMISED not in bench.store.state().labels


def test_marks_of_others_stay(bench: Bench):
    bench.settings(custom_metadata={"team": "billing"})
    old, _ = promoted(bench)
    bench.store.claim(INSTALLATION)
    bench.store.mark_compromised(old)
    assert bench.metadata()["custom_metadata"]["team"] == "billing"


def test_a_staged_leftover_of_unknown_origin_is_what_is_pending(bench: Bench):
    bench.adopted()
    body = {"data": {"id": "planted", "secret": "planted-value"}}
    bench.vault.api("POST", f"{bench.staging}/data/{bench.stream}/planted", body)
    bench.store.stage(SECOND, credential(2), onto=None)
    assert bench.store.state().pending == "staged-planted"
    bench.store.unlabel("staged-planted", PENDING, under=PROMOTE)
    assert bench.store.state().pending == version_of(SECOND)


def test_of_several_attempts_the_last_one_is_pending(bench: Bench):
    bench.adopted()
    for attempt in (THIRD, SECOND, FIRST):
        bench.store.stage(attempt, credential(1), onto=None)
    assert bench.store.state().pending == version_of(FIRST)


@pytest.mark.parametrize("kind", ["delete", "destroy"])
def test_where_the_newest_version_is_gone_nothing_is_written(bench: Bench, kind: str):
    old = bench.adopted()
    new = bench.store.stage(SECOND, credential(2), onto=old)
    bench.vault.api("POST", f"{bench.mount}/{kind}/{bench.path}", {"versions": [1]})
    assert bench.store.state().refusal[0] == "store.deleted"
    with pytest.raises(NeedsPerson) as caught:
        bench.store.promote(new, expecting=old)
    assert code_of(caught) == "store.deleted"


@pytest.mark.parametrize(
    ("key", "mount", "code"),
    [
        ({}, {}, None),
        ({"max_versions": 2}, {}, "store.few-versions"),
        ({"max_versions": 2}, {"max_versions": 5}, None),
        ({}, {"max_versions": 2}, "store.few-versions"),
        ({"delete_version_after": "720h"}, {}, "store.expiring"),
        ({}, {"delete_version_after": "720h"}, "store.expiring"),
    ],
)
def test_settings_that_would_lose_what_we_need_are_refused(bench: Bench, key, mount, code):
    bench.vault.api("POST", f"{bench.mount}/config", mount)
    bench.settings(**key)
    bench.adopted()
    refusal = bench.store.state().refusal
    assert (refusal and refusal[0]) == code


def test_a_write_without_a_number_must_be_impossible(bench: Bench):
    bench.adopted()
    assert bench.store.state().guarded
    bench.vault.api("POST", f"{bench.mount}/config", {"cas_required": False})
    assert not bench.store.state().guarded
    bench.settings(cas_required=True)
    assert bench.store.state().guarded


def test_the_clock_is_vault_s(bench: Bench):
    bench.adopted()
    assert bench.store.state().server_at is not None


@pytest.mark.parametrize("value", ["", "***", "[REDACTED]", "<secret>", "${SECRET}", "changeme"])
def test_a_mask_is_never_written(bench: Bench, value: str):
    new = replace(
        credential(2),
        fields=Fields(
            public={"access_key_id": "AKIAEXAMPLE"},
            secret={"secret_access_key": SecretValue(value)},
        ),
    )
    with pytest.raises(NeedsPerson) as caught:
        bench.store.stage(SECOND, new, onto=bench.adopted())
    assert code_of(caught) == "store.masked"
    assert bench.store.state().pending is None


def test_a_value_that_is_no_text_is_not_ours(bench: Bench):
    version = f"kv-{bench.write({'id': 5, 'secret': 'not/a+secret'})}"
    with pytest.raises(NeedsPerson) as caught:
        bench.store.read(version, under=PROVE)
    assert code_of(caught) == "store.missing-field"


def test_a_bare_value_does_not_fit(bench: Bench, context: PluginContext):
    with pytest.raises(UsageError):
        store_of(bench, context, fields={"value": ""})


def test_a_mount_that_is_not_there_needs_a_person(bench: Bench):
    bench.adopted()
    bench.vault.api("DELETE", f"sys/mounts/{bench.staging}")
    with pytest.raises(NeedsPerson) as caught:
        bench.store.state()
    assert code_of(caught) == "store.no-staging"


def test_nothing_but_ids_is_in_the_metadata(bench: Bench):
    promoted(bench)
    text = str(bench.metadata())
    for number in (1, 2):
        assert credential(number).fields.secret["secret_access_key"].reveal() not in text


def test_the_value_before_is_destroyed_when_its_rotation_is_over(bench: Bench) -> None:
    old = bench.adopted()
    new = bench.store.stage(FIRST, bench.credential(2), onto=old)
    bench.store.promote(new, expecting=old)
    number = int(old.removeprefix("kv-"))
    assert bench.data(number)["secret"] == bench.given(bench.credential(1))["secret"]
    for _ in range(2):
        bench.store.unlabel(new, PENDING, under=PROMOTE)
    assert bench.metadata()["versions"][str(number)]["destroyed"] is True
    state = bench.store.state()
    assert (state.current, state.pending, state.labels.get(PREVIOUS)) == (new, None, None)
    assert bench.seen()["elsewhere"] == "kept"
