"""A journal as a whole, for somebody who has no terminal."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from rotation.errors import PolicyRefusal, UsageError
from rotation.journal.seal import Fault
from rotation.journal.upkeep import Finding
from rotation.operations.installation import Installation
from rotation.operations.journal import back_up, checked, way_out
from rotation.operations.sealing import seal_anew
from tests.support.configured import file, keyed, tamper

__all__ = ["file", "keyed"]


class Auditor:
    def __init__(self) -> None:
        self.reply: list[str] = []

    def sees(self, faults: Sequence[Fault]) -> None:
        self.reply.append(f"{len(faults)} faults")

    def begins(self) -> None:
        self.reply.append("first")

    def accepts(self) -> None:
        self.reply.append("accepted")


def found(*codes: str) -> list[Finding]:
    return [Finding(code, "a-stream", 1, "") for code in codes]


@pytest.mark.parametrize(
    ("findings", "command"),
    [
        (found(), None),
        (found("journal.seal"), "rotation journal seal"),
        (found("journal.seal", "journal.row"), "rotation journal repair"),
        (found("journal.seal", "journal.chain"), "rotation journal restore FILE"),
    ],
)
def test_the_mildest_that_can_help_is_the_way_out(
    findings: list[Finding], command: str | None
) -> None:
    assert way_out(findings) == command


def test_what_was_found_is_returned(
    file: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    with Installation(configuration_path=file, effectful=False) as here:
        looked = checked(here)
    assert (looked.findings, looked.way_out, looked.proof[:10]) == ((), None, "not sealed")
    assert capfd.readouterr() == ("", "")


def test_a_copy_replaces_nothing(file: Path, tmp_path: Path) -> None:
    taken, nowhere = tmp_path / "taken", tmp_path / "nowhere" / "copy.db"
    taken.write_text("somebody's")
    with Installation(configuration_path=file, effectful=False) as here:
        for place in (taken, nowhere):
            with pytest.raises(UsageError, match="nothing was written"):
                back_up(here, place)
    assert (taken.read_text(), nowhere.exists()) == ("somebody's", False)


def test_a_broken_seal_is_seen_before_it_is_accepted(
    keyed: Path,
    tmp_path: Path,
) -> None:
    auditor = Auditor()
    with Installation(configuration_path=keyed, effectful=True) as here:
        assert seal_anew(here, auditor, accept=False) == []
        assert seal_anew(here, auditor, accept=False) is None
    assert auditor.reply == ["first"]
    tamper(tmp_path / "journal.db", "UPDATE seal SET mac = 'ab' WHERE stream = 'installation'")
    with Installation(configuration_path=keyed, effectful=True) as here:
        with pytest.raises(PolicyRefusal, match="nothing was sealed"):
            seal_anew(here, auditor, accept=False)
        assert len(seal_anew(here, auditor, accept=True) or ()) == 1
    assert auditor.reply == ["first", "1 faults", "1 faults", "accepted"]
