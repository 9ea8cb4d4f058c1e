"""The installation as the verbs of the command line use it.

Verbs that only read open the journal read-only and may search the directories above for a
configuration; all others take an explicit path.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from rotation.cli.app import Settings, settings
from rotation.cli.output import note
from rotation.errors import UsageError
from rotation.operations.installation import SERVE, Installation

if TYPE_CHECKING:
    from rotation.plugins.registry import Registry

NAME = "rotation.yaml"


@dataclass(kw_only=True)
class Session(Installation):
    """Also tells the operator what they should know beside the answer."""

    log_level: str = "warning"
    #: The configuration was found by walking up, and nobody named it.
    only_found: bool = False
    _renamed: set[str] = field(default_factory=set)

    @cached_property
    def registry(self) -> "Registry":
        from rotation.runtime import logs  # noqa: PLC0415

        if self.only_found:
            self._refuse_unless_trusted()
        # Whatever adapters and their libraries log passes the gate.
        logs.configure(self.log_level)
        return super().registry

    def _refuse_unless_trusted(self) -> None:
        """Without adapters nothing is sent anywhere, and nothing is started."""
        from rotation.operations.trusted_file import is_trusted  # noqa: PLC0415

        if not is_trusted(self.configuration):
            found = self.configuration_path
            raise UsageError(
                "cli.config-not-trusted",
                f"{found} was only found by walking up, and it says where logins are sent and what is "
                "started here; nothing was asked",
                f"look at it, then `rotation trust {found}`; or name it: -c {found}",
            )

    def renamed(self, former: str, name: str) -> None:
        if former not in self._renamed:
            self._renamed.add(former)
            note(f"{former} is called {name} now")

    def repaired(self, stream: str) -> None:
        if self.runs_as == SERVE:
            import structlog  # noqa: PLC0415 -- only where lines are logged

            structlog.get_logger("rotation").warning("journal.repaired", stream=stream)
            return
        note(f"the journal's row of {stream} did not follow from its entries, and was written anew")


def configuration_path(chosen: Settings, *, effectful: bool) -> Path:
    """From -c, then ROTATION_CONFIG, then, for verbs that only read, the nearest file upwards."""
    explicit = Path(chosen.config) if chosen.config else _from_environment()
    if explicit is not None:
        return explicit
    found = next(_upwards(), None)
    if found is not None and not effectful:
        return found
    if found is not None:
        raise UsageError(
            "cli.config-not-explicit",
            f"{found} was only found by walking up; it is code that would run with your rights",
            f"say so: -c {found}, or set ROTATION_CONFIG",
        )
    raise UsageError("cli.no-config", "no configuration is given", "-c FILE, or `rotation init`")


def _from_environment() -> Path | None:
    named = os.environ.get("ROTATION_CONFIG")
    return Path(named) if named else None


def _upwards() -> Iterator[Path]:
    here = Path.cwd()
    for directory in (here, *here.parents):
        if (candidate := directory / NAME).is_file():
            yield candidate


def open_session(*, effectful: bool, logins: Mapping[str, str] | None = None) -> Session:
    """The session of the verb that is running."""
    if effectful:
        from rotation.runtime import process  # noqa: PLC0415

        process.harden()
    path = configuration_path(settings(), effectful=effectful)
    return Session(
        configuration_path=path,
        only_found=not settings().config and _from_environment() is None,
        effectful=effectful,
        logins=logins or {},
    )
