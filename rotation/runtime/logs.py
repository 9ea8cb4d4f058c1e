"""Logs: their configuration, and a gate that no secret passes.

Our logs and those of every library go through one handler to standard error: readable lines on a
terminal, else one JSON object per line, in UTC. An event that holds the bytes of a live secret is
replaced as a whole, not masked: a secret in a log is a bug and must be noticed.
"""

import logging
import sys
import threading
import unicodedata
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, Processor

from rotation.errors import RotationError
from rotation.types import contains_live_value

LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}

# At lower levels they log whole requests, answers and statements, with their secrets.
CAPPED = ("apscheduler", "boto3", "botocore", "hvac", "s3transfer", "urllib3")

SECRET_REFUSED = "log.secret-refused"
UNREADABLE = "log.unreadable"


def configure(
    level: str = "info", *, stream: TextIO | None = None, as_json: bool | None = None
) -> None:
    """Sends every log of this process to `stream` (standard error), from `level` on. as_json None:
    JSON unless the stream is a terminal. May be called again; the last call counts."""
    stream = stream or sys.stderr
    as_json = not stream.isatty() if as_json is None else as_json
    first: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            *first,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        logger_factory=structlog.stdlib.LoggerFactory(),
    )
    handler = _Handler(stream)
    handler.addFilter(_is_not_capped)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *first],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                # The plain renderer, because the others show local variables.
                structlog.processors.format_exc_info,
                refuse_secrets,
                *_rendering(stream, as_json=as_json),
            ],
        )
    )
    _take_over(handler, LEVELS[level])


def _rendering(stream: TextIO, *, as_json: bool) -> list[Processor]:
    if as_json:
        # json.dumps writes plain ASCII, so control characters are escaped.
        return [_important_first, structlog.processors.JSONRenderer()]
    console = structlog.dev.ConsoleRenderer(
        colors=stream.isatty(),
        sort_keys=False,
        exception_formatter=structlog.dev.plain_traceback,
    )
    return [escape_controls, console]


def _important_first(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """Puts time, level and event first, for people who read the raw lines."""
    first = {name: event[name] for name in ("timestamp", "level", "event") if name in event}
    return {**first, **event}


def _take_over(handler: logging.Handler, level: int) -> None:
    logging.basicConfig(handlers=[handler], level=level, force=True)
    logging.captureWarnings(True)
    # Python's own report of a failed log call prints its arguments.
    logging.raiseExceptions = False
    for name in CAPPED:
        logging.getLogger(name).setLevel(logging.WARNING)
    sys.excepthook = _uncaught
    threading.excepthook = lambda args: _uncaught(args.exc_type, args.exc_value, args.exc_traceback)
    sys.unraisablehook = lambda args: _uncaught(args.exc_type, args.exc_value, args.exc_traceback)


def _uncaught(
    kind: type[BaseException], error: BaseException | None, trace: TracebackType | None
) -> None:
    if issubclass(kind, KeyboardInterrupt | SystemExit):
        return
    logging.getLogger("rotation").critical("uncaught", exc_info=(kind, error or kind(), trace))


class _Handler(logging.StreamHandler[TextIO]):
    def format(self, record: logging.LogRecord) -> str:
        try:
            return super().format(record)
        except Exception:  # noqa: BLE001 -- a foreign argument's own `str` may raise anything
            replacement = logging.LogRecord(
                "rotation", logging.ERROR, "", 0, f"{UNREADABLE} from {record.name}", None, None
            )
            return super().format(replacement)


def _is_not_capped(record: logging.LogRecord) -> bool:
    """Works whatever level is set on a library's logger or on its children."""
    return record.levelno >= logging.WARNING or record.name.split(".")[0] not in CAPPED


# ---------------------------------------------------------------------------------- the gate


def refuse_secrets(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """The event, or, where it holds a live secret, an error that names the field."""
    if not contains_live_value("\0".join(_texts(event))):
        return event
    leaking = (
        name for name, value in event.items() if contains_live_value("\0".join(_texts(value)))
    )
    field = next((name for name in leaking if not contains_live_value(name)), "a field's name")
    return {
        "event": SECRET_REFUSED,
        "level": "error",
        "timestamp": event.get("timestamp"),
        "field": field,
    }


def _texts(value: object) -> Iterator[str]:
    """Every text that a renderer could make of it."""
    match value:
        case str():
            yield value
        case bytes() | bytearray():
            yield value.decode("utf-8", errors="replace")
        case Mapping():
            for name, inner in value.items():
                yield from _texts(name)
                yield from _texts(inner)
        case list() | tuple() | set() | frozenset():
            for inner in value:
                yield from _texts(inner)
        case _:
            yield str(value)
            yield repr(value)


def escape_controls(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """No text can start a line of its own, move the cursor or change the writing direction."""
    safe = {_escaped(name): _without_controls(value) for name, value in event.items()}
    if isinstance(trace := event.get("exception"), str):
        safe["exception"] = "\n".join(f"    | {_escaped(line)}" for line in trace.splitlines())
    return safe


def _without_controls(value: object) -> object:
    match value:
        case str():
            return _escaped(value)
        case bool() | int() | float() | None:
            return value
        case _:
            return _escaped(repr(value))


# Control, format (writing direction, invisible), line and paragraph separators.
_UNSAFE = {"Cc", "Cf", "Zl", "Zp", "Cs"}


def _escaped(text: str) -> str:
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        character.encode("unicode_escape").decode()
        if unicodedata.category(character) in _UNSAFE
        else character
        for character in text
    )


def log_error(event: str, error: RotationError, **facts: str) -> None:
    """Logs an error as an event, without its traceback, which does not help there."""
    log = structlog.get_logger("rotation")
    log.error(event, code=error.code, message=error.message, hint=error.hint, **facts)
