"""VALID UNTIL: the end that a person gave a role. It is told, and no new password ends with it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from providers.postgres.login import LoginIssuer
from rotation.errors import NeedsPerson
from tests.support.postgres import ATTEMPTS, Bench, Database

ONE, TWO = ATTEMPTS[:2]


@pytest.fixture(params=["pair", "in-place"])
def bench(request: pytest.FixtureRequest, database: Database, fresh: str) -> Bench:
    if request.param == "pair":
        return Bench(database, database.issuer(pair=(f"{fresh}_a", f"{fresh}_b")))
    return Bench(database, database.issuer(user=fresh, in_place=True))


def ending(bench: Bench, until: datetime | str) -> None:
    """Whichever role is next."""
    for role in bench.issuer._options.roles:
        bench.database.server.run(f"alter role {role} valid until '{until}'")


def test_the_end_of_its_role_is_told_of_what_is_new(bench: Bench):
    until = datetime(2099, 1, 1, tzinfo=UTC)
    ending(bench, until)
    new = bench.issuer.issue(ONE)
    bench.issuer.activate(new)
    assert new.handle.expires == until
    [listed] = bench.issuer.listing().handles
    assert listed.expires == until
    assert bench.accepts(new.fields)


@pytest.mark.parametrize("never", ["infinity", "20000-01-01"])
def test_what_never_ends_is_told_so(bench: Bench, never: str):
    ending(bench, never)
    assert bench.issuer.issue(ONE).handle.expires is None
    assert not [handle for handle in bench.issuer.listing().handles if handle.expires]


@pytest.mark.parametrize(
    ("until", "reply"),
    [
        ("-infinity", "has ended on 1970-01-01"),
        ("2020-05-01 10:00+00", "has ended on 2020-05-01 10:00 UTC (VALID UNTIL)"),
        (datetime.now(UTC) + timedelta(hours=20), "ends on"),
    ],
)
def test_no_password_is_made_that_ends_with_its_role(
    bench: Bench, until: datetime | str, reply: str
):
    old = bench.issuer.issue(ONE)
    bench.issuer.activate(old)
    ending(bench, until)
    with pytest.raises(NeedsPerson) as caught:
        bench.issuer.issue(TWO)
    assert caught.value.code == "postgres.role-ends"
    assert reply in caught.value.message
    assert "VALID UNTIL" in caught.value.hint
    ending(bench, "infinity")
    assert bench.accepts(old.fields)


def test_a_role_must_outlive_the_waits_of_the_rotation(bench: Bench):
    ending(bench, datetime.now(UTC) + timedelta(days=5))
    context = replace(bench.database.context(), waits=timedelta(days=7))
    with pytest.raises(NeedsPerson):
        LoginIssuer(bench.issuer._options, context).issue(ONE)
    assert bench.issuer.issue(ONE).handle.expires


def test_an_end_that_came_after_the_look_changes_no_password(bench: Bench):
    old = bench.issuer.issue(ONE)
    bench.issuer.activate(old)
    new = bench.issuer.issue(TWO)
    ending(bench, "2020-01-01")
    with pytest.raises(NeedsPerson) as caught:
        bench.issuer.activate(new)
    assert caught.value.code == "postgres.role-ends"
    ending(bench, "infinity")
    assert bench.accepts(old.fields)
    assert not bench.accepts(new.fields)
