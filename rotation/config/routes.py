"""Where alerts go: what `alerts:` may contain."""

import re
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlsplit

from rotation.types import is_loopback, require

COMMAND = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
# A path that a line of a report can hold, or the name of a variable that holds one.
FILE = re.compile(
    r"/[^\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]+|\$[A-Z][A-Z0-9_]*"
)
ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
RANDOM_MIN = 12
SECONDS_MAX = 15
"""Less than a runner has to end."""


def is_safe_url(text: str) -> bool:
    """Encrypted, or to this machine; a login in it would be printed by whoever logs addresses."""
    try:
        url = urlsplit(text)
        host, _ = url.hostname or "", url.port
    except ValueError:
        return False
    secure = url.scheme == "https" or (url.scheme == "http" and is_loopback(host))
    return bool(secure and host and "@" not in url.netloc and text.isascii() and text.isprintable())


def may_hold_a_token(text: str) -> bool:
    """Whether something in an address looks as if it let its holder in: a query, or a random word."""
    url = urlsplit(text)
    words = re.split(r"[^A-Za-z0-9]+", url.path)
    return bool(url.query or url.fragment) or any(_is_random(word) for word in words)


def _is_random(word: str) -> bool:
    kinds = (str.isupper, str.islower, str.isdigit)
    mixed = sum(any(kind(letter) for letter in word) for kind in kinds) > 1
    return len(word) >= RANDOM_MIN and mixed


def _doc(text: str, default: Any = None) -> Any:
    return field(default=default, metadata={"doc": text})


@dataclass(frozen=True, kw_only=True)
class Route:
    """One way to a team."""

    id: str = field(metadata={"doc": "its name, in `rotation alerts test NAME`"})
    type: Literal["webhook", "command", "apprise"] = field(
        metadata={
            "doc": "webhook: a signed POST; command: a program of yours; apprise: Slack, Teams, mail, …"
        }
    )
    url: str | None = _doc(
        "webhook: https://...; or the file that holds it, `$NAME`: NAME names the file; apprise: the file"
    )
    secret: str | None = _doc(
        "webhook, which needs it: the file with the key of the signature, or `$NAME`"
    )
    argv: tuple[str, ...] = _doc("command: a file in the directory `commands`, and arguments", ())
    timeout_s: int = _doc("how long one try may take", 10)
    severities: tuple[Literal["page", "warn", "info"], ...] = _doc(
        "page: wakes somebody; warn: in working hours; info: nothing to do", ("page", "warn")
    )
    owners: tuple[str, ...] = _doc("only the secrets of these owners", ())
    environments: tuple[str, ...] = _doc("only the secrets of these environments", ())

    def __post_init__(self) -> None:
        require(ID.fullmatch(self.id), "id: at most 63 of A-Z a-z 0-9 . _ -")
        require(0 < self.timeout_s <= SECONDS_MAX, f"timeout: up to {SECONDS_MAX} s")
        require(self.severities, "severities: at least one")
        if self.type == "webhook":
            self._check_webhook()
        elif self.type == "apprise":
            self._check_apprise()
        else:
            self._check_command()

    def _check_webhook(self) -> None:
        require(not self.argv, "argv: only of a command")
        url, key = self.url or "", self.secret or ""
        require(FILE.fullmatch(url) or is_safe_url(url), "url: https://..., a file, or $NAME")
        require(
            FILE.fullmatch(url) or not may_hold_a_token(url),
            "url: there seems to be a token in it; write the address into a file, and name that here",
        )
        require(key, "secret: a webhook needs it: the file with the key of the signature, or $NAME")
        require(FILE.fullmatch(key), "secret: the file with the key of the signature, or $NAME")

    def _check_apprise(self) -> None:
        require(not self.argv, "argv: only of a command")
        require(self.secret is None, "secret: only of a webhook")
        require(FILE.fullmatch(self.url or ""), "url: the file with apprise's address, or $NAME")

    def _check_command(self) -> None:
        require(self.url is None, "url: not of a command")
        require(self.secret is None, "secret: only of a webhook")
        require(self.argv, "argv: a command and its arguments")
        require(all("\0" not in word for word in self.argv), "argv: without NUL")
        require(COMMAND.fullmatch(self.argv[0]), "argv: the bare name of a command, without a path")


@dataclass(frozen=True, kw_only=True)
class Alerts:
    """Who gets a message when something needs somebody."""

    routes: tuple[Route, ...] = _doc("ways to the teams, each with an id", ())

    def __post_init__(self) -> None:
        names = [route.id for route in self.routes]
        require(len(names) == len(set(names)), "routes: each `id` once")

    @property
    def has_commands(self) -> bool:
        return any(route.type == "command" for route in self.routes)
