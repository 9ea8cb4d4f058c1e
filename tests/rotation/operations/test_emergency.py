"""An emergency is declared by somebody who has no terminal."""

from collections.abc import Sequence

import pytest

from rotation.errors import RotationError
from rotation.operations.containment import contain, is_contained
from rotation.operations.diagnose import all_checks
from rotation.operations.emergency import Asked, declare
from rotation.operations.survey import ExposureReport
from rotation.operations.target import Target
from rotation.operations.under_way import UnderWay
from tests.support.shell import Shell, at_work

LEAKED = Asked(
    key_id=None, reason="pasted in a chat", override_hold=False, all_instances=False,
    destroy_foreign=False, yes=False,
)  # fmt: skip


class Page:
    """What a page shows, and the button under it."""

    def __init__(self, *, pressed: bool) -> None:
        self.pressed = pressed
        self.shown: list[Sequence[str]] = []

    def doubts(self, doubt: str) -> None:
        raise AssertionError(doubt)

    def agrees(self, target: Target, found: ExposureReport, scope: Sequence[str]) -> None:
        self.shown.append(scope)
        if not self.pressed:
            raise RotationError("page.closed", "nobody pressed the button")

    def misses(self, target: Target, handle: str) -> None:
        raise AssertionError(handle)

    def meets(self, target: Target, other: UnderWay) -> None:
        raise AssertionError(other)


def test_it_is_contained_and_nothing_is_printed(
    shell: Shell, capfd: pytest.CaptureFixture[str]
) -> None:
    shell.adopted()
    capfd.readouterr()
    page = Page(pressed=True)
    with at_work(shell) as here:
        declared = declare(here, ["app"], LEAKED, page)
        rotation = contain(here, declared.target, waits=lambda wait: None)
    assert page.shown == [["KEY1"]]
    assert is_contained(rotation)
    assert not shell.world.instances["KEY1"].active
    assert capfd.readouterr() == ("", "")


def test_it_is_not_opened_where_they_do_not_agree(shell: Shell) -> None:
    shell.adopted()
    before = shell.journal.entries(shell.configuration.entry.stream)
    with at_work(shell) as here, pytest.raises(RotationError, match="nobody pressed"):
        declare(here, ["app"], LEAKED, Page(pressed=False))
    assert shell.journal.entries(shell.configuration.entry.stream) == before
    assert shell.world.instances["KEY1"].active


def test_what_a_diagnosis_finds_is_returned(
    shell: Shell, capfd: pytest.CaptureFixture[str]
) -> None:
    shell.adopted()
    capfd.readouterr()
    shell.world.instances["KEY1"].active = False
    with at_work(shell, effectful=False) as here:
        found = {check.code for check in all_checks(here, ["app"], lambda *_: None, login=False)}
    assert "held.found-suspended" in found
    assert capfd.readouterr() == ("", "")
