"""The listener of a runner, as `health:` describes it."""

import ssl
from collections.abc import Callable
from functools import partial
from pathlib import Path

from rotation.alerts.address import named
from rotation.config.watching import Health, Tls
from rotation.errors import UsageError
from rotation.operations.health import Loops, Pulse
from rotation.runtime.listener import Answer, Listener, Page, tls
from rotation.runtime.ownership import read_word, refuse_read_by_others


def listen(health: Health, answer: Answer) -> Listener:
    """Raises UsageError where it cannot; then nothing listens."""
    token = _token(health)
    try:
        token()
    except OSError as error:
        raise UsageError(
            "health.token",
            f"the token of `health:` is not used: {error.strerror}; nothing listens, rotations go on",
            "it must belong to root or to the runner, and only they may read it; one line",
        ) from None
    try:
        context = None if health.tls is None else partial(_context, health.tls)
        if context is not None:
            context()
    except (OSError, ValueError) as error:
        raise UsageError(
            "health.tls",
            f"the certificate of `health:` is not used ({type(error).__name__}); nothing listens, "
            "rotations go on",
            "look at the three files of `tls:`; nobody else may read the key",
        ) from None
    try:
        return Listener(health.address, answer, token, context)
    except OSError as error:
        raise UsageError(
            "health.not-listening",
            f"nothing listens on {health.listen}: {error.strerror}; rotations go on",
            "end what has the port, or change `listen:` and reload; it is tried again by itself",
        ) from None


def _context(given: Tls) -> ssl.SSLContext:
    clients = None if given.clients is None else named(given.clients)
    return tls(named(given.certificate), named(given.key), clients)


def _token(health: Health) -> Callable[[], str | None]:
    if health.token is None:
        return lambda: None
    given = health.token

    def read() -> str:
        path: Path = named(given)
        refuse_read_by_others(path)
        return read_word(path)

    return read


def pages(loops: Loops, pulse: Pulse, metrics: Callable[[], Page]) -> Answer:
    """/livez: the loops turn. /readyz: so do they, and the journal and each connection answered."""

    def answer(path: str) -> Page | None:
        if path == "/livez":
            return _said(list(loops.stuck()))
        if path == "/readyz":
            return _said([*loops.stuck(), *pulse.silent])
        return metrics() if path == "/metrics" else None

    return answer


def _said(wrong: list[str]) -> Page:
    text = "".join(f"{line}\n" for line in wrong) or "ok\n"
    return Page(503 if wrong else 200, text.encode())
