"""What an issuer does with a vendor that misbehaves. In no case lives a key that nobody has."""

import json
import logging
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from providers.http.issuer import HttpApiIssuer
from providers.http.testing.acme import DECLARATION, IDEMPOTENT, Acme
from providers.http.testing.service import Fault
from rotation.errors import (
    Ambiguous,
    Conflict,
    Denied,
    NeedsPerson,
    Permanent,
    RotationError,
    Transient,
)
from rotation.types import Fields, KeyState, contains_live_value, mark
from tests.support.http import ATTEMPT, INSTALLATION, Bench, context, declared

OTHER = "2" * 32


def issuer_of(bench: Bench, **more: Any) -> HttpApiIssuer:
    return HttpApiIssuer(declared(**more), context(bench.connection))


def changed(**parts: dict[str, Any]) -> dict[str, Any]:
    return {**DECLARATION, **{name: {**DECLARATION[name], **part} for name, part in parts.items()}}


# --------------------------------------------------------------------------- a mint in doubt


def test_what_we_mint_carries_our_mark_and_the_list_shows_it(bench: Bench, acme: Acme) -> None:
    new = bench.issuer.issue(ATTEMPT)
    ours = mark(INSTALLATION, ATTEMPT)
    assert acme.instances[new.handle.id].label == f"billing-{ours}"
    assert new.handle.mark == ours
    [listed] = bench.issuer.listing().handles
    assert listed == new.handle


@pytest.mark.parametrize("kind", [Fault.LOST, Fault.PAGE, Fault.TRUNCATED, Fault.HUGE])
def test_a_mint_with_a_useless_answer_is_found_by_its_mark(
    bench: Bench, acme: Acme, kind: Fault
) -> None:
    with acme.fault("create", kind), pytest.raises(Ambiguous):
        bench.issuer.issue(ATTEMPT)
    assert acme.minted == 1
    [orphan] = bench.issuer.listing().handles
    assert orphan.mark == mark(INSTALLATION, ATTEMPT)


def test_a_mint_that_never_ends_is_ended(
    bench: Bench, acme: Acme, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("providers.http.client.METHOD_S", 1.5)
    monkeypatch.setattr("providers.http.api.MINT_S", 0.5)
    with acme.fault("create", Fault.ENDLESS), pytest.raises(Ambiguous):
        bench.issuer.issue(ATTEMPT)


def test_a_lost_mint_is_sent_again_under_its_idempotency_key(bench: Bench, acme: Acme) -> None:
    issuer = issuer_of(bench, declaration=changed(create=IDEMPOTENT))
    with acme.fault("create", Fault.LOST):
        new = issuer.issue(ATTEMPT)
    assert acme.minted == 1
    assert acme.calls.count("create") == 2
    assert acme.accepts(new.fields.secret["secret"].reveal())


@pytest.mark.parametrize("second", [Fault.LOST, Fault.THROTTLED, Fault.DENIED, Fault.PAGE])
def test_a_second_answer_does_not_undo_the_doubt_of_the_first(
    bench: Bench, acme: Acme, second: Fault
) -> None:
    """That the second did not happen says nothing of the first."""
    issuer = issuer_of(bench, declaration=changed(create=IDEMPOTENT))
    with acme.fault("create", Fault.LOST, second), pytest.raises(Ambiguous):
        issuer.issue(ATTEMPT)
    assert acme.minted == 1


def test_a_lost_mint_is_never_sent_again_without_one(bench: Bench, acme: Acme) -> None:
    with acme.fault("create", Fault.LOST), pytest.raises(Ambiguous):
        bench.issuer.issue(ATTEMPT)
    assert acme.calls.count("create") == 1


def test_a_redirect_is_not_followed_to_a_metadata_service(bench: Bench, acme: Acme) -> None:
    """Nothing else listens there, so a connection would be refused by the tests' own hook."""
    for operation, call in (("list", bench.issuer.listing), ("create", None)):
        with acme.fault(operation, Fault.REDIRECTED), pytest.raises(NeedsPerson) as caught:
            call() if call else bench.issuer.issue(ATTEMPT)
        assert caught.value.code == "http.redirected"
    assert acme.minted == 0


@pytest.mark.parametrize("operation", ["suspend", "delete"])
def test_a_page_that_says_200_is_no_success(bench: Bench, acme: Acme, operation: str) -> None:
    new = bench.issuer.issue(ATTEMPT)
    call = bench.issuer.suspend if operation == "suspend" else bench.issuer.destroy
    with acme.fault(operation, Fault.PAGE), pytest.raises(Transient):
        call(new.handle.id)
    call(new.handle.id)


@pytest.mark.parametrize("secret", ["", "short", None, 12345678])
def test_what_is_no_secret_is_not_taken_for_one(bench: Bench, acme: Acme, secret: object) -> None:
    acme.twist = lambda document: {**document, "key": secret}
    with pytest.raises(RotationError):
        bench.issuer.issue(ATTEMPT)
    assert not acme.instances


@pytest.mark.parametrize("kind", [Fault.PAGE, Fault.TRUNCATED, Fault.HUGE])
def test_a_useless_list_is_no_empty_list(bench: Bench, acme: Acme, kind: Fault) -> None:
    bench.issuer.issue(ATTEMPT)
    with acme.fault("list", kind), pytest.raises(Transient):
        bench.issuer.listing()


def test_it_waits_as_long_as_the_service_asks(bench: Bench, acme: Acme) -> None:
    with acme.fault("create", Fault.THROTTLED), pytest.raises(Transient) as caught:
        bench.issuer.issue(ATTEMPT)
    assert caught.value.retry_after == 7
    assert acme.minted == 0


@pytest.mark.parametrize("kind", [Fault.DENIED, Fault.BROKEN])
@pytest.mark.parametrize("operation", ["list", "create", "delete", "suspend"])
def test_an_error_that_echoes_the_key_is_not_repeated(
    bench: Bench, acme: Acme, kind: Fault, operation: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    new = bench.issuer.issue(ATTEMPT)
    calls = {
        "list": bench.issuer.listing,
        "create": lambda: bench.issuer.issue(OTHER),
        "delete": lambda: bench.issuer.destroy(new.handle.id),
        "suspend": lambda: bench.issuer.suspend(new.handle.id),
    }
    with acme.fault(operation, kind), pytest.raises(RotationError) as caught:
        calls[operation]()
    reply = f"{caught.value} {caught.value.__dict__} {caplog.text}"
    assert not contains_live_value(reply)
    assert acme.admin["token"] not in reply
    assert caught.value.__cause__ is None


def test_a_denial_says_what_the_service_calls_the_permission(bench: Bench, acme: Acme) -> None:
    with acme.fault("create", Fault.DENIED), pytest.raises(Denied) as caught:
        bench.issuer.issue(ATTEMPT)
    assert "keys:write" in caught.value.hint


# ---------------------------------------------------------------------- an answer that is wrong


def test_an_id_that_is_the_secret_is_neither_kept_nor_sent(bench: Bench, acme: Acme) -> None:
    acme.twist = lambda document: {**document, "id": document["key"]}
    with pytest.raises(NeedsPerson) as caught:
        bench.issuer.issue(ATTEMPT)
    assert caught.value.code == "http.id-secret"
    assert acme.minted == 1
    assert not acme.instances


@pytest.mark.parametrize(
    "handle_id", ["../users/1", "key-1/../../x", "KEY-1", "..", "", 3.5, None, True]
)
def test_an_id_that_the_declaration_does_not_allow_is_not_used(
    bench: Bench, acme: Acme, handle_id: object
) -> None:
    acme.twist = lambda document: {**document, "id": handle_id}
    with pytest.raises(RotationError):
        bench.issuer.issue(ATTEMPT)
    assert not acme.instances
    assert all(path.startswith("/v1/teams/a/keys") for path in acme.targets)
    assert not [path for path in acme.targets if "users" in path or ".." in path]


@pytest.mark.parametrize("lie", ["id", "id and label"])
def test_an_answer_that_names_another_key_does_not_cost_that_one(
    bench: Bench, acme: Acme, lie: str
) -> None:
    old = bench.issuer.issue(ATTEMPT)
    other = acme.mint("key-900001", "of-somebody-else")
    named = {"id": old.handle.id} if lie == "id" else {"id": other.id, "name": "of-somebody-else"}
    acme.twist = lambda document: {**document, **named}
    with pytest.raises(RotationError):
        bench.issuer.issue(OTHER)
    assert acme.minted == 3
    assert acme.instances.keys() == {old.handle.id, other.id}


def test_an_answer_without_a_secret_leaves_nothing_alive(bench: Bench, acme: Acme) -> None:
    acme.twist = lambda document: {k: v for k, v in document.items() if k != "key"}
    with pytest.raises(RotationError):
        bench.issuer.issue(ATTEMPT)
    assert acme.minted == 1
    assert not acme.instances


def test_what_cannot_be_removed_stays_in_doubt(bench: Bench, acme: Acme) -> None:
    acme.twist = lambda document: {**document, "scopes": []}
    with acme.fault("delete", Fault.BROKEN), pytest.raises(Ambiguous) as caught:
        bench.issuer.issue(ATTEMPT)
    assert caught.value.code == "http.not-removed"


def test_fewer_rights_than_were_sent_are_found_before_a_consumer_is_refused(
    bench: Bench, acme: Acme
) -> None:
    acme.scopes_given = ["read"]
    with pytest.raises(NeedsPerson) as caught:
        bench.issuer.issue(ATTEMPT)
    assert caught.value.code == "http.differs"
    assert "/scopes: read instead of read, write" in caught.value.message
    assert not acme.instances


def test_other_rights_than_the_predecessor_s_are_not_even_minted(bench: Bench, acme: Acme) -> None:
    old = bench.issuer.issue(ATTEMPT)
    with pytest.raises(NeedsPerson) as caught:
        issuer_of(bench, scopes=("read",)).issue(OTHER)
    assert caught.value.code == "http.differs"
    assert acme.minted == 1
    new = issuer_of(bench, scopes=("read",), accept_changes=True).issue(OTHER)
    assert acme.instances.keys() == {old.handle.id, new.handle.id}


def test_another_owner_than_the_predecessor_s_is_found(bench: Bench, acme: Acme) -> None:
    old = bench.issuer.issue(ATTEMPT)
    acme.owner = "team-b"
    with pytest.raises(NeedsPerson) as caught:
        bench.issuer.issue(OTHER)
    assert "/owner: team-b instead of team-a" in caught.value.message
    assert acme.instances.keys() == {old.handle.id}


@pytest.mark.parametrize("ends", ["2030-01-01T00:00:00Z", None])
def test_another_end_than_was_sent_is_found(bench: Bench, acme: Acme, ends: str | None) -> None:
    acme.twist = lambda document: {**document, "expires": ends}
    with pytest.raises(NeedsPerson, match=r"it (ends|never ends)"):
        bench.issuer.issue(ATTEMPT)
    assert not acme.instances


def test_the_end_is_told(bench: Bench) -> None:
    new = bench.issuer.issue(ATTEMPT)
    assert new.handle.expires is not None
    life = new.handle.expires - datetime.now(UTC)
    assert timedelta(days=29) < life < timedelta(days=31)


# --------------------------------------------------------------------------- whose it is


def test_only_what_has_our_name_is_of_this_identity(bench: Bench, acme: Acme) -> None:
    ours = bench.issuer.issue(ATTEMPT)
    acme.mint("key-900001", "billing-eu-rot1-0123456789ab-" + "3" * 32)
    acme.mint("key-900002", "billing2")
    adopted = acme.mint("key-900003", "billing")
    assert bench.issuer.listing().ids == {ours.handle.id, adopted.id}


def test_not_found_is_gone_only_where_the_list_agrees(bench: Bench, acme: Acme) -> None:
    new = bench.issuer.issue(ATTEMPT)
    wrong = changed(delete={"path": "/v1/teams/a/keys/wrong-{id}"})
    with pytest.raises(NeedsPerson) as caught:
        issuer_of(bench, declaration=wrong).destroy(new.handle.id)
    assert caught.value.code == "http.not-found"
    assert acme.instances.keys() == {new.handle.id}
    bench.issuer.destroy(new.handle.id)
    bench.issuer.destroy(new.handle.id)
    with pytest.raises(Conflict):
        bench.issuer.suspend(new.handle.id)


def test_a_wrong_organisation_is_not_gone(bench: Bench, acme: Acme) -> None:
    new = bench.issuer.issue(ATTEMPT)
    elsewhere = issuer_of(bench, parameters={"team": "b"})
    with pytest.raises(NeedsPerson):
        elsewhere.destroy(new.handle.id)
    assert acme.instances.keys() == {new.handle.id}


def test_a_state_that_nobody_declared_is_unknown(bench: Bench) -> None:
    options = changed(item={"active": "yes", "suspended": "no"})
    issuer = issuer_of(bench, declaration=options)
    issuer.issue(ATTEMPT)
    assert [handle.state for handle in issuer.listing().handles] == [KeyState.UNKNOWN]


@pytest.mark.parametrize("handle_id", ["../users/1", "not-a-key", "key-1\n", ""])
@pytest.mark.parametrize("pointer", ["/id", "/elsewhere/id"])
def test_an_adopted_id_is_checked_too(bench: Bench, handle_id: str, pointer: str) -> None:
    issuer = issuer_of(bench, declaration=changed(item={"id": pointer}))
    with pytest.raises(NeedsPerson):
        issuer.handle_of(Fields(public={"id": handle_id}), "version-1")
    assert issuer.handle_of(Fields(public={"id": "key-12"}), "version-1") == "key-12"


def test_a_list_that_ignores_its_page_is_not_read_for_ever(bench: Bench) -> None:
    bench.issuer.issue(ATTEMPT)
    stuck = changed(list={"parameter": "seite", "path": "/v1/teams/{team}/keys?page=1"})
    with pytest.raises(NeedsPerson) as caught:
        issuer_of(bench, declaration=stuck).listing()
    assert caught.value.code == "http.list-endless"


def test_a_parameter_of_the_wrong_form_is_refused_before_anything_is_sent(
    bench: Bench, acme: Acme
) -> None:
    body = json.dumps({"name": "{label}", "team": "{team:int}", "scopes": "{scopes}",
                       "expires": "{expires:time}"})  # fmt: skip
    with pytest.raises(Permanent) as caught:
        issuer_of(bench, declaration=changed(create={"body": body})).issue(ATTEMPT)
    assert caught.value.code == "http.parameter"
    assert acme.minted == 0
