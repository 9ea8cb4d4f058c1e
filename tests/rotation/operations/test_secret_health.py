"""How one secret stands, with its next step."""

from rotation.operations.reconcile import Found
from rotation.operations.secret_health import findings, of_journal, refused_login
from tests.support.shell import STREAM, Shell, at_work


def codes(shell: Shell, *, login: bool = False) -> list[str | None]:
    looked: list[Found] = []
    with at_work(shell, effectful=False) as here:
        found = findings(here, "app", lambda name, found: looked.append(found), login=login)
        return [finding.code for finding in found]


def test_where_all_is_well_nothing_is_told(shell: Shell) -> None:
    shell.adopted()
    assert codes(shell) == codes(shell, login=True) == []


def test_a_dead_credential_is_seen_by_the_journal_and_by_a_login(shell: Shell) -> None:
    shell.adopted()
    del shell.world.instances["KEY1"]
    assert codes(shell) == ["held.instance-missing"]
    assert codes(shell, login=True)[1:] == ["health.login-refused", "held.instance-missing"]
    with at_work(shell, effectful=False) as here:
        assert [each.code for each in refused_login(here, "app")] == ["health.login-refused"]
        assert list(of_journal(here, STREAM, "app")) == []


def test_a_secret_that_the_journal_forgot_is_told_by_its_claim(shell: Shell) -> None:
    assert codes(shell) == []
    shell.world.claim = "f" * 12
    assert codes(shell) == ["held.claim-foreign"]
