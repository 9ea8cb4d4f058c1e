"""What a person ends by hand, as far as it is known."""

from pathlib import Path

from rotation.operations.by_hand import known
from tests.support.shell import Shell, at_work


def test_what_is_alive_is_known_from_the_journal(shell: Shell) -> None:
    with at_work(shell.adopted()) as here:
        spec, instances = known(here, "app", None)
        assert spec is not None
        assert (spec.secret, instances) == ("app", ["KEY1"])
        assert known(here, None, "KEY1")[1] == ["KEY1"]


def test_what_nobody_knows_is_empty(shell: Shell, tmp_path: Path) -> None:
    with at_work(shell.adopted(), configuration_path=tmp_path / "none.yaml") as here:
        assert known(here, None, "KEY9") == (None, [])
