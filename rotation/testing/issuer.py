"""IssuerConformance: what every issuer promises, asked of its service."""

import logging
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any, Protocol, TypeVar, cast

import pytest

from rotation.errors import Ambiguous, Conflict, Denied, RotationError, SlotFull, Transient
from rotation.interfaces import DelegatedIssuer, Issuer
from rotation.testing import CallFault
from rotation.types import Credential, Fields, KeyState, Traits, contains_live_value

ATTEMPTS = tuple(f"{number:032x}" for number in range(1, 5))

READS = ("listing", "usage")
CHANGES = ("suspend", "resume", "destroy")
OPERATIONS = (*READS, "issue", "activate", *CHANGES)
"""The methods that call the service: `issue` where it makes the values, else `activate`."""

Test = TypeVar("Test", bound=Callable[..., None])


def claims(traits: Traits) -> frozenset[str]:
    """The issuer's claims: the operations that reach its service, and how its credentials live."""
    claimed = {
        "listing": traits.lists,
        "usage": traits.reports_usage,
        "issue": traits.origin == "assigned",
        "activate": traits.origin == "chosen",
        "suspend": traits.can_suspend,
        "resume": traits.can_suspend,
        "destroy": not traits.delegated,
        "overlap": traits.overlap and traits.live_max != 1,
        "in place": not traits.overlap,
        "delegated": traits.delegated,
        "limit": traits.live_max is not None,
    }
    return frozenset(claim for claim, made in claimed.items() if made)


def where(*claimed: str) -> Callable[[Test], Test]:
    """Marks a test that is for issuers with one of these claims."""

    def marked(test: Test) -> Test:
        vars(test)["where"] = frozenset(claimed)
        return test

    return marked


def for_each(*operations: str) -> Callable[[Test], Test]:
    """Marks a test that runs for each of these operations that the issuer claims."""

    def marked(test: Test) -> Test:
        vars(test)["operations"] = operations
        return where(*operations)(test)

    return marked


class IssuerBench(Protocol):
    """The issuer under test with an empty identity, and what its service says of it."""

    @property
    def issuer(self) -> Issuer: ...

    @property
    def options(self) -> Any:
        """What the issuer was built from."""
        ...

    def accepts(self, fields: Fields) -> bool:
        """Whether the service takes these fields as a login now."""
        ...

    def use(self, fields: Fields) -> None:
        """Logs in as somebody else, so that the service may report the use."""
        ...

    def live(self) -> Mapping[str, KeyState]:
        """Every instance that the service has, by id."""
        ...

    def mints(self) -> int:
        """How many instances were ever made at the service."""
        ...

    def settle(self) -> None:
        """Waits until the service has taken note of everything."""
        ...

    def trouble(self, operation: str, kind: CallFault) -> AbstractContextManager[None]:
        """Makes the next call of the method `operation` fail in this way."""
        ...


class IssuerLife:
    """How credentials live and die, on a service that answers."""

    claims: frozenset[str] = frozenset()

    def __init_subclass__(cls, *, traits: Traits | None = None) -> None:
        """Tests of what the traits deny are not defined, so traits are a claim made in code."""
        if traits is None:
            return
        cls.claims = claims(traits)
        for name in dir(cls):
            if cls.claims.isdisjoint(getattr(getattr(cls, name), "where", cls.claims)):
                setattr(cls, name, None)

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        if "operation" in metafunc.fixturenames:
            operations = vars(metafunc.function)["operations"]
            metafunc.parametrize(
                "operation", [operation for operation in operations if operation in self.claims]
            )

    @pytest.fixture
    def bench(self) -> IssuerBench:
        raise NotImplementedError("override the fixture `bench`")

    def test_the_issuer_claims_what_the_suite_was_told(self, bench: IssuerBench) -> None:
        assert claims(bench.issuer.traits) == self.claims, "the suite has other traits= than it"

    def test_a_new_credential_logs_in(self, bench: IssuerBench) -> None:
        new = _made(bench)
        assert bench.accepts(new.fields), "the service refuses what `issue` and `activate` made"
        found = bench.issuer.handle_of(new.fields, "version-1")
        assert found == new.handle.id, "`handle_of` names another instance than `issue` did"

    def test_a_person_can_end_it_where_nothing_of_ours_works(self, bench: IssuerBench) -> None:
        """Without a connection too, because the configuration may be what is broken."""
        new = _made(bench)
        secrets = new.fields.secret.values()
        command = bench.options.by_hand(new.handle.id, {})
        assert command, (
            "its options need `by_hand(handle_id, connections)`: a command, without them too"
        )
        assert not any(value.is_in(command) for value in secrets), "`by_hand` holds a secret"

    @where("listing")
    def test_the_listing_is_what_is_alive(self, bench: IssuerBench) -> None:
        empty = bench.issuer.traits.delegated or bench.issuer.listing().ids == frozenset()
        assert empty, "the bench needs an identity without instances"
        new = _made(bench)
        listing = bench.issuer.listing()
        listed = {handle.id: handle.state for handle in listing.handles}
        assert listed == bench.live(), "`listing` differs from what the service has"
        assert listing.find(new.handle.id) is not None, "`listing` lacks what was just made"

    @where("overlap")
    def test_the_old_one_survives_the_new_one(self, bench: IssuerBench) -> None:
        old = _made(bench, ATTEMPTS[0])
        new = _made(bench, ATTEMPTS[1])
        assert old.handle.id != new.handle.id, "two instances have one id"
        assert bench.accepts(old.fields), (
            "`issue` ended the old one: then it is Traits(overlap=False)"
        )
        assert bench.accepts(new.fields), "the service refuses the new one beside the old one"

    @where("in place")
    def test_without_overlap_the_new_one_kills_the_old_one(self, bench: IssuerBench) -> None:
        old = _made(bench, ATTEMPTS[0])
        new = _made(bench, ATTEMPTS[1])
        assert old.handle.id != new.handle.id, "two instances have one id"
        assert not bench.accepts(old.fields), (
            "the old one still works: then it is Traits(overlap=True)"
        )
        assert bench.accepts(new.fields), "the service refuses the new one"

    @where("suspend")
    def test_suspending_is_an_off_switch_that_can_be_undone(self, bench: IssuerBench) -> None:
        new = _made(bench)
        for _ in range(2):
            bench.issuer.suspend(new.handle.id)
        bench.settle()
        assert not bench.accepts(new.fields), "it still works after `suspend`"
        assert bench.live() == {new.handle.id: KeyState.SUSPENDED}, "`suspend` is to keep it, off"
        for _ in range(2):
            bench.issuer.resume(new.handle.id)
        bench.settle()
        assert bench.accepts(new.fields), "it does not work again after `resume`"

    @where("suspend")
    def test_what_is_gone_cannot_be_suspended_or_resumed(self, bench: IssuerBench) -> None:
        new = _made(bench)
        bench.issuer.destroy(new.handle.id, new.fields)
        with pytest.raises(Conflict):
            bench.issuer.suspend(new.handle.id)
        with pytest.raises(Conflict):
            bench.issuer.resume(new.handle.id)

    @where("overlap")
    def test_destroying_twice_is_success_and_touches_no_other(self, bench: IssuerBench) -> None:
        old, new = _made(bench, ATTEMPTS[0]), _made(bench, ATTEMPTS[1])
        for _ in range(2):
            bench.issuer.destroy(old.handle.id, old.fields)
        bench.settle()
        assert not bench.accepts(old.fields), "it still works after `destroy`"
        assert bench.accepts(new.fields), "`destroy` ended another instance"
        assert old.handle.id not in bench.live(), "the service still has it after `destroy`"

    @where("limit")
    def test_a_full_issuer_refuses_and_deletes_nothing(self, bench: IssuerBench) -> None:
        most = bench.issuer.traits.live_max
        assert most is not None, "the claim `limit` comes from `live_max`"
        made = [_made(bench, f"{number:032x}") for number in range(most)]
        if bench.issuer.traits.can_suspend:
            bench.issuer.suspend(made[0].handle.id)
        before = dict(bench.live())
        with pytest.raises(SlotFull):
            bench.issuer.issue(ATTEMPTS[-1])
        assert bench.live() == before, "`issue` changed other instances to make room"

    @where("activate")
    def test_chosen_values_are_known_by_their_attempt(self, bench: IssuerBench) -> None:
        first, again = bench.issuer.issue(ATTEMPTS[0]), bench.issuer.issue(ATTEMPTS[0])
        assert first.handle.id == again.handle.id, "one attempt gave two ids"
        assert not bench.accepts(first.fields), "nothing happens in the world before `activate`"

    @where("usage")
    def test_usage_tells_used_from_unused(self, bench: IssuerBench) -> None:
        new = _made(bench)
        unused = bench.issuer.usage(new.handle.id).last_used
        assert unused is None, "`usage` tells a use of what was never used"
        bench.use(new.fields)
        used = bench.issuer.usage(new.handle.id).last_used
        assert used is not None, "`usage` does not tell the use"
        assert used.tzinfo is not None, "`usage` tells a time without its zone"

    @where("usage")
    def test_of_an_instance_that_is_gone_no_use_is_told(self, bench: IssuerBench) -> None:
        """A runner that died after its destroy looks once more before it goes on."""
        new = _made(bench)
        bench.use(new.fields)
        bench.issuer.destroy(new.handle.id, new.fields)
        used = bench.issuer.usage(new.handle.id).last_used
        assert used is None, "`usage` tells a use of what is gone"

    def test_nothing_secret_is_told(
        self, bench: IssuerBench, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        new = _made(bench)
        assert not contains_live_value(f"{new!r} {new}"), "a secret is in the open in what it made"
        for operation in OPERATIONS:
            if operation in self.claims:
                with (
                    bench.trouble(operation, CallFault.DENIED),
                    pytest.raises(RotationError) as caught,
                ):
                    _do(bench, operation, new)
                told = f"{caught.value} {caught.value.__dict__}"
                assert not contains_live_value(told), f"a secret is in the error of `{operation}`"
        if "destroy" in self.claims:
            bench.issuer.destroy(new.handle.id, new.fields)
        assert not contains_live_value(caplog.text), "a secret was logged"


class IssuerConformance(IssuerLife):
    """Inherit with `traits=` and override `bench`. Also tests what may go wrong with calls."""

    @where("delegated")
    def test_what_a_service_keeps_is_read_back_and_not_made_again(self, bench: IssuerBench) -> None:
        issuer = cast("DelegatedIssuer", bench.issuer)
        before = issuer.listing().ids
        with bench.trouble("issue", CallFault.LOST), pytest.raises(Ambiguous):
            issuer.issue(ATTEMPTS[0])
        mints = bench.mints()
        found = issuer.read_back()
        assert found.handle.id not in before, "`read_back` found the old one"
        assert issuer.listing().ids == {found.handle.id}, "`listing` names another than `read_back`"
        assert issuer.read_back() == found, "`read_back` gives another one the second time"
        bench.settle()
        assert bench.accepts(found.fields), "the service refuses what `read_back` found"
        assert bench.mints() == mints, "`read_back` made the service replace it again"

    @where("issue")
    def test_a_lost_mint_is_in_doubt_and_was_sent_once(self, bench: IssuerBench) -> None:
        with bench.trouble("issue", CallFault.LOST), pytest.raises(Ambiguous):
            bench.issuer.issue(ATTEMPTS[0])
        assert bench.mints() == 1, "`issue` sent its request again; it is sent once"

    @where("issue")
    def test_a_broken_mint_is_in_doubt(self, bench: IssuerBench) -> None:
        with bench.trouble("issue", CallFault.BROKEN), pytest.raises(Ambiguous):
            bench.issuer.issue(ATTEMPTS[0])

    @where("listing")
    def test_nothing_is_minted_that_the_listing_does_not_show(self, bench: IssuerBench) -> None:
        _lose_a_mint(bench)
        _made(bench, ATTEMPTS[1])
        made = 1 if bench.issuer.traits.delegated else bench.mints()
        assert len(bench.live()) == made, "the service lost an instance, or the bench counts wrong"
        assert bench.issuer.listing().ids == bench.live().keys(), "`listing` lacks some"

    @for_each(*OPERATIONS)
    def test_a_denial_names_what_is_missing(self, bench: IssuerBench, operation: str) -> None:
        new = _ready(bench, operation)
        before = dict(bench.live())
        with bench.trouble(operation, CallFault.DENIED), pytest.raises(Denied) as caught:
            _do(bench, operation, new)
        assert caught.value.hint, f"the Denied of `{operation}` has no hint: what to grant"
        assert bench.live() == before, f"`{operation}` was denied and changed something"

    @for_each(*OPERATIONS)
    @pytest.mark.parametrize("kind", [CallFault.THROTTLED, CallFault.UNREACHABLE])
    def test_what_did_not_happen_is_tried_again(
        self, bench: IssuerBench, operation: str, kind: CallFault
    ) -> None:
        new = _ready(bench, operation)
        before = dict(bench.live())
        with bench.trouble(operation, kind), pytest.raises(Transient):
            _do(bench, operation, new)
        assert bench.live() == before, f"`{operation}` is Transient and changed something"

    @for_each(*READS)
    @pytest.mark.parametrize("kind", [CallFault.LOST, CallFault.BROKEN])
    def test_an_unanswered_read_is_read_again(
        self, bench: IssuerBench, operation: str, kind: CallFault
    ) -> None:
        new = _ready(bench, operation)
        with bench.trouble(operation, kind), pytest.raises(Transient):
            _do(bench, operation, new)
        _do(bench, operation, new)

    @for_each(*CHANGES)
    @pytest.mark.parametrize("kind", [CallFault.LOST, CallFault.BROKEN])
    def test_an_unanswered_change_is_made_again(
        self, bench: IssuerBench, operation: str, kind: CallFault
    ) -> None:
        new = _ready(bench, operation)
        with bench.trouble(operation, kind), pytest.raises((Ambiguous, Transient)):
            _do(bench, operation, new)
        _do(bench, operation, new)
        bench.settle()
        works = bench.accepts(new.fields)
        assert works == (operation == "resume"), f"`{operation}` sent again did not make it true"


def _made(bench: IssuerBench, attempt: str = ATTEMPTS[0]) -> Credential:
    new = bench.issuer.issue(attempt)
    bench.issuer.activate(new)
    bench.settle()
    return new


def _lose_a_mint(bench: IssuerBench) -> None:
    """Calls the method that makes an instance at the service; its answer never arrives."""
    if bench.issuer.traits.origin == "assigned":
        with bench.trouble("issue", CallFault.LOST), pytest.raises(RotationError):
            bench.issuer.issue(ATTEMPTS[0])
        return
    new = bench.issuer.issue(ATTEMPTS[0])
    with bench.trouble("activate", CallFault.LOST), pytest.raises(RotationError):
        bench.issuer.activate(new)


def _ready(bench: IssuerBench, operation: str) -> Credential:
    """A credential in a state that the operation changes."""
    new = _made(bench)
    if operation == "resume":
        bench.issuer.suspend(new.handle.id)
    return new


def _do(bench: IssuerBench, operation: str, new: Credential) -> None:
    issuer = bench.issuer
    match operation:
        case "listing":
            issuer.listing()
        case "issue":
            issuer.issue(ATTEMPTS[1])
        case "activate":
            issuer.activate(new)
        case "destroy":
            issuer.destroy(new.handle.id, new.fields)
        case _:
            getattr(issuer, operation)(new.handle.id)
