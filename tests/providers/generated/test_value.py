from datetime import UTC, datetime

import pytest

from providers.generated import value as module
from providers.generated.options import GeneratedOptions
from providers.generated.value import GeneratedIssuer
from rotation.errors import Permanent, Refused, Transient, UsageError
from rotation.interfaces import PluginContext
from rotation.types import Fields, SecretValue, mark

INSTALLATION = "0f3a9c2b71de"
ATTEMPT = "a" * 32
NOW = datetime(2026, 3, 1, tzinfo=UTC)


class StoppedClock:
    def now(self):
        return NOW


class Service:
    """Accepts several values at once, as a verifier must."""

    def __init__(self, *, error=None):
        self.accepted = {}
        self.error = error

    def accept(self, handle_id, value):
        if self.error:
            raise self.error
        self.accepted[handle_id] = value.reveal()

    def drop(self, handle_id, value):
        if self.error:
            raise self.error
        self.accepted.pop(handle_id, None)
        if value is not None:
            self.accepted = {k: v for k, v in self.accepted.items() if v != value.reveal()}


def issuer(*verifiers, kind="password", **options):
    context = PluginContext(installation=INSTALLATION, clock=StoppedClock(), verifiers=verifiers)
    return GeneratedIssuer(GeneratedOptions(kind=kind, **options), context)


def test_issuing_touches_nothing_and_names_the_attempt():
    service = Service()
    credential = issuer(service).issue(ATTEMPT)
    assert credential.handle.id == f"gen-{ATTEMPT}"
    assert credential.handle.created == NOW
    assert service.accepted == {}


def test_every_verifier_accepts_the_new_value_beside_the_old():
    first, second = Service(), Service()
    ours = issuer(first, second)
    old, new = ours.issue("b" * 32), ours.issue(ATTEMPT)
    ours.activate(old)
    ours.activate(new)
    ours.activate(new)
    both = {c.handle.id: c.fields.secret["password"].reveal() for c in (old, new)}
    assert first.accepted == second.accepted == both


def test_destroying_drops_one_value_and_no_other():
    service = Service()
    ours = issuer(service)
    old, new = ours.issue("b" * 32), ours.issue(ATTEMPT)
    ours.activate(old)
    ours.activate(new)
    ours.destroy(old.handle.id, old.fields)
    ours.destroy(old.handle.id)
    assert list(service.accepted) == [new.handle.id]


def test_an_adopted_value_is_dropped_by_its_bytes():
    service = Service()
    service.accepted = {"from before": "handed over by mail"}
    adopted = Fields(secret={"password": SecretValue("handed over by mail")})
    ours = issuer(service)
    ours.destroy(ours.handle_of(adopted, "17"), adopted)
    assert service.accepted == {}


def test_a_verifier_that_fails_does_not_keep_the_others_from_dropping():
    failing, service = Service(error=Transient("consumer.busy", "later")), Service()
    ours = issuer(failing, service)
    old = ours.issue(ATTEMPT)
    service.accept(old.handle.id, old.fields.secret["password"])
    with pytest.raises(Transient):
        ours.destroy(old.handle.id, old.fields)
    assert service.accepted == {}


def test_a_verifier_that_refuses_the_new_value_stops_the_activation():
    ours = issuer(Service(error=Refused("consumer.refused", "no")))
    with pytest.raises(Refused):
        ours.activate(ours.issue(ATTEMPT))


def test_a_verifier_is_given_the_public_half_of_a_key_pair_only():
    service = Service()
    ours = issuer(service, kind="key-pair")
    new = ours.issue(ATTEMPT)
    public_key = new.fields.public["public_key"]
    ours.activate(new)
    assert service.accepted == {new.handle.id: public_key}
    read_back_as_secret = {**new.fields.secret, "public_key": SecretValue(public_key)}
    ours.destroy("adopted-1", Fields(secret=read_back_as_secret))
    assert service.accepted == {}


def test_there_is_no_off_switch():
    ours = issuer(Service())
    assert not ours.traits.can_suspend
    for call in (ours.suspend, ours.resume):
        with pytest.raises(Permanent) as refused:
            call("gen-1")
        assert refused.value.code == "issuer.cannot-suspend"


def test_nothing_is_listed_and_no_use_reported():
    ours = issuer(Service())
    assert not ours.traits.lists
    assert ours.listing().handles == ()
    assert not ours.traits.reports_usage
    with pytest.raises(Permanent):
        ours.usage("gen-1")


@pytest.mark.parametrize(
    ("version", "handle"),
    [
        (mark(INSTALLATION, ATTEMPT), f"gen-{ATTEMPT}"),
        (mark("feedfeedfeed", ATTEMPT), f"gen-{ATTEMPT}"),
        ("7a1f7c58-93a1-4a3f-8f4f-0e5bb0a9c1f2", "adopted-7a1f7c58-93a1-4a3f-8f4f-0e5bb0a9c1f2"),
        ("3", "adopted-3"),
    ],
)
def test_the_handle_of_a_stored_value_follows_from_its_version(version, handle):
    assert issuer(Service()).handle_of(Fields(), version) == handle


def test_what_issue_names_and_what_the_store_s_version_names_are_one_handle():
    ours = issuer(Service())
    new = ours.issue(ATTEMPT)
    assert ours.handle_of(new.fields, mark(INSTALLATION, ATTEMPT)) == new.handle.id


def test_a_value_that_nobody_verifies_is_refused_unless_said():
    with pytest.raises(UsageError, match="no-verifier"):
        issuer()
    assert issuer(unverified=True).issue(ATTEMPT).handle.id == f"gen-{ATTEMPT}"


def test_a_missing_extra_is_named_before_anything_begins(monkeypatch):
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match="cryptography") as refused:
        issuer(Service(), kind="key-pair")
    assert "rotation[keys]" in refused.value.hint
