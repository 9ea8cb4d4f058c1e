"""Commands that give a secret to its reader or to a verifying service, or check whether it is
accepted.

The contract with the command: its input is a JSON object, with the fields of the secret by their
own names, or for a verifier {"value": ...} ({} when the bytes are no longer known). ROTATION_ACTION
is deliver, accept, drop or check; ROTATION_VERSION or ROTATION_HANDLE says of what. The same call
may come again and must then make the same thing true. Input that is no complete object means that
the runner died: change nothing. Exit 0 is success, 75 is "not now, try again", any other number is
a refusal. For a check, 0 is accepted, 77 is refused, and any other number is no verdict: a crashed
script ends with 1, and a crash must not prove a death.
"""

import json
import os
import secrets
import stat
import string
from pathlib import Path

from providers.consumers.content import as_json, delivered
from providers.consumers.directories import cannot, is_ours, is_writable_by_others, trusted
from providers.consumers.options import CommandOptions, ProbeOptions
from providers.consumers.untouched import untouched
from rotation.errors import Ambiguous, Refused, Transient
from rotation.interfaces import PluginContext
from rotation.runtime import child
from rotation.types import Fields, SecretValue, Verdict

TRY_AGAIN = os.EX_TEMPFAIL
CHECK_REFUSED = os.EX_NOPERM


class CommandConsumer:
    def __init__(self, options: CommandOptions, context: PluginContext) -> None:
        self._command = _Command(options, context)
        self._names = context.fields

    def rehearse(self) -> None:
        self._command.checked()

    def deliver(self, version: str, fields: Fields) -> None:
        with untouched():
            self._command.checked()
        self._command.change("deliver", delivered(fields, self._names), ROTATION_VERSION=version)


class CommandVerifier:
    """A service that accepts several values at once, behind one command."""

    def __init__(self, options: CommandOptions, context: PluginContext) -> None:
        self._command = _Command(options, context)

    def accept(self, handle_id: str, value: SecretValue) -> None:
        self._command.change("accept", _as_value(value), ROTATION_HANDLE=handle_id)

    def drop(self, handle_id: str, value: SecretValue | None) -> None:
        self._command.change("drop", _as_value(value), ROTATION_HANDLE=handle_id)


class CommandProbe:
    """A command that only checks and changes nothing."""

    def __init__(self, options: ProbeOptions, context: PluginContext) -> None:
        self._command = _Command(options, context)
        self._names = context.fields

    def login(self, fields: Fields) -> Verdict:
        try:
            code = self._command.run("check", as_json(fields, self._names))
        except child.TimedOut:
            raise Transient(
                "probe.timed-out",
                "the check did not answer in time",
                "it is tried again; make it faster, or raise the probe's `timeout:`",
            ) from None
        if code == 0:
            return Verdict.ACCEPTED
        if code == CHECK_REFUSED:
            return Verdict.REFUSED
        raise Transient(
            "probe.no-verdict",
            f"the check ended with {code}, which says nothing",
            f"it is tried again; let it end with 0 or {CHECK_REFUSED}",
        )

    def wrong(self, fields: Fields) -> Verdict:
        changed = {name: another_like(value) for name, value in fields.secret.items()}
        return self.login(Fields(public=fields.public, secret=changed))


class _Command:
    """One declared command."""

    def __init__(self, options: ProbeOptions, context: PluginContext) -> None:
        self._name, *self._arguments = options.argv
        self._seconds = options.timeout_s
        self._directory = context.command_directory

    def change(self, action: str, given: bytes, **identifier: str) -> None:
        """Runs it for its effect."""
        try:
            code = self.run(action, given, **identifier)
        except child.TimedOut:
            raise Ambiguous(
                "consumer.timed-out",
                f"{self._name} did not finish its {action} in {self._seconds} s and was ended",
                "it is called again; make it faster, or raise the consumer's `timeout:`",
            ) from None
        if code == TRY_AGAIN:
            raise Transient(
                "consumer.try-again",
                f"{self._name} asks to be called again later",
                "nothing to do: it is called again",
            )
        if code < 0:
            raise Ambiguous(
                "consumer.killed",
                f"signal {-code} ended {self._name} during its {action}",
                "it is called again; find out who ended it",
            )
        if code:
            raise Refused(
                "consumer.refused",
                f"{self._name} refused to {action}: exit {code}; its output is not kept",
                "run it by hand as the runner's user to see its output",
                exit=code,
            )

    def run(self, action: str, given: bytes, **identifier: str) -> int:
        try:
            return child.run(
                self.checked(),
                self._arguments,
                {"ROTATION_ACTION": action, **identifier},
                given,
                self._seconds,
            )
        except OSError as error:
            raise cannot("start", Path(self._name), error) from None
        except ValueError:
            raise Refused(
                "consumer.system",
                f"cannot start {self._name}: an identifier holds a NUL",
                "look at the ids that the issuer gives",
            ) from None

    def checked(self) -> Path:
        """Its path, if nobody else can have put or changed the file. This still holds when it is
        started, so it may be started by name."""
        if self._directory is None:
            raise Refused(
                "consumer.no-directory",
                "the configuration declares no directory of commands",
                "declare `commands:`",
            )
        path = self._directory / self._name
        with trusted(self._directory) as directory:
            try:
                status = os.stat(self._name, dir_fd=directory, follow_symlinks=False)
            except OSError as error:
                raise cannot("look at", path, error) from None
        if not stat.S_ISREG(status.st_mode):
            raise Refused(
                "consumer.not-a-file",
                f"{path} is no regular file; nothing was run",
                "put the command itself there, not a link",
            )
        if not is_ours(status) or is_writable_by_others(status):
            raise Refused(
                "consumer.open-command",
                f"somebody else may change {path}; nothing was run",
                "it must belong to root or to the user of the runner, and only to them",
            )
        return path


def _as_value(value: SecretValue | None) -> bytes:
    return json.dumps({} if value is None else {"value": value.reveal()}).encode()


def another_like(value: SecretValue) -> SecretValue:
    """A random value of the same shape: a digit for a digit, a letter for a letter."""
    shape = value.reveal()
    model = shape if any(map(_is_drawn, shape)) else "x" * max(1, len(shape))
    while True:
        text = "".join(map(_same_kind, model))
        if text != shape:
            return SecretValue(text)


_KINDS = (string.digits, string.ascii_lowercase, string.ascii_uppercase)


def _is_drawn(character: str) -> bool:
    return any(character in kind for kind in _KINDS)


def _same_kind(character: str) -> str:
    return next((secrets.choice(kind) for kind in _KINDS if character in kind), character)
