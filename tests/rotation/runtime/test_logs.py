"""Logs: nothing of a live secret, nothing that forges a line, from any source."""

import base64
import io
import json
import logging
import sys
import threading
import urllib.parse
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import structlog

from rotation.journal.entries import Entry, Kind, RowKey
from rotation.plan import Step
from rotation.report.events import PAST, events, observer
from rotation.runtime.logs import CAPPED, configure
from rotation.types import Json, SecretValue

CANARY = 'canary/9f+Q="\\ü-1b7d'
ENCODINGS = {
    "plain": CANARY,
    "base64": base64.b64encode(CANARY.encode()).decode(),
    "urlsafe base64": base64.urlsafe_b64encode(CANARY.encode()).decode(),
    "hex": CANARY.encode().hex(),
    "url": urllib.parse.quote(CANARY, safe=""),
    "json": json.dumps(CANARY, ensure_ascii=False)[1:-1],
}


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    root, hooks = logging.getLogger(), (sys.excepthook, threading.excepthook, sys.unraisablehook)
    before = root.handlers[:], root.level, logging.raiseExceptions
    yield
    root.handlers[:], root.level = before[0], before[1]
    logging.raiseExceptions = before[2]
    sys.excepthook, threading.excepthook, sys.unraisablehook = hooks
    logging.captureWarnings(False)
    structlog.reset_defaults()


@pytest.fixture
def secret() -> SecretValue:
    return SecretValue(CANARY)


def logged(level: str = "info", *, style: str = "json") -> io.StringIO:
    stream = io.StringIO()
    configure(level, stream=stream, as_json=style == "json")
    return stream


def lines(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def assert_no_canary(stream: io.StringIO) -> None:
    text = stream.getvalue()
    assert not [name for name, spelling in ENCODINGS.items() if spelling in text]


def test_an_event_is_one_line_of_json_in_utc() -> None:
    stream = logged()
    structlog.get_logger().info("rotation.promoted", secret="billing", seq=7)
    (line,) = lines(stream)
    assert line["event"] == "rotation.promoted"
    assert line["level"] == "info"
    assert line["seq"] == 7
    assert str(line["timestamp"]).endswith("Z")
    assert list(line)[:3] == ["timestamp", "level", "event"]


def test_a_person_reads_one_line_an_event() -> None:
    stream = logged(style="text")
    structlog.get_logger().info("rotation.promoted", secret="billing")
    assert "rotation.promoted" in stream.getvalue()
    assert "secret=billing" in stream.getvalue()
    assert stream.getvalue().count("\n") == 1


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("style", ["json", "text"])
def test_a_live_value_replaces_the_event_and_names_the_field(
    secret: SecretValue, encoding: str, style: str
) -> None:
    stream = logged(style=style)
    structlog.get_logger().info("provider.called", body=f"x{ENCODINGS[encoding]}y", other="kept")
    assert_no_canary(stream)
    assert "log.secret-refused" in stream.getvalue()
    assert "body" in stream.getvalue()
    assert "kept" not in stream.getvalue()
    assert "provider.called" not in stream.getvalue()


def an_object() -> object:
    class Careless:
        def __repr__(self) -> str:
            return f"Careless({CANARY})"

    return Careless()


@pytest.mark.parametrize(
    "value",
    [
        {"deep": [{"er": (CANARY,)}]},
        {CANARY: 1},
        CANARY.encode(),
        an_object(),
        ValueError(CANARY),
    ],
    ids=["nested", "name of a nested field", "bytes", "repr of an object", "error"],
)
@pytest.mark.parametrize("style", ["json", "text"])
def test_a_live_value_is_found_wherever_a_renderer_would(
    secret: SecretValue, value: object, style: str
) -> None:
    stream = logged(style=style)
    structlog.get_logger().info("provider.called", body=value)
    assert_no_canary(stream)
    assert "log.secret-refused" in stream.getvalue()


def test_a_live_value_as_the_name_of_a_field_is_refused_without_its_name(
    secret: SecretValue,
) -> None:
    stream = logged()
    structlog.get_logger().info("provider.called", **{CANARY: 1})
    (line,) = lines(stream)
    assert line["field"] == "a field's name"


def test_what_is_no_longer_in_memory_is_not_searched_for() -> None:
    stream = logged()
    value = SecretValue("gone-when-it-was-let-go")
    text = value.reveal()
    del value
    structlog.get_logger().info("provider.called", body=text)
    assert lines(stream)[0]["event"] == "provider.called"


def leaking_function() -> None:
    password = CANARY
    assert password
    raise RuntimeError("it failed")


@pytest.mark.parametrize("style", ["json", "text"])
def test_a_traceback_has_frames_and_no_local_variables(style: str) -> None:
    # No SecretValue here: the renderer alone has to leave the variables out.
    stream = logged(style=style)
    try:
        leaking_function()
    except RuntimeError:
        structlog.get_logger().exception("step.failed")
    assert_no_canary(stream)
    assert "leaking_function" in stream.getvalue()
    assert "it failed" in stream.getvalue()


def test_an_error_text_with_a_live_value_is_refused(secret: SecretValue) -> None:
    stream = logged()
    structlog.get_logger().error("step.failed", exc_info=ValueError(f"cannot parse {CANARY}"))
    assert_no_canary(stream)
    assert lines(stream)[0]["field"] == "exception"


def test_libraries_pass_the_same_gate(secret: SecretValue) -> None:
    stream = logged()
    logging.getLogger("somebody").warning("sent %s", CANARY)
    assert_no_canary(stream)
    assert lines(stream)[0]["event"] == "log.secret-refused"


def test_a_library_s_log_that_cannot_be_formatted_does_not_print_its_arguments(
    secret: SecretValue, capsys: pytest.CaptureFixture[str]
) -> None:
    stream = logged()
    logging.getLogger("somebody").warning("two %s %s", CANARY)  # noqa: PLE1206 -- the bug itself
    assert lines(stream)[0]["event"] == "log.unreadable from somebody"
    assert_no_canary(stream)
    assert CANARY not in capsys.readouterr().err


@pytest.mark.parametrize("name", CAPPED)
@pytest.mark.parametrize("child", ["", ".endpoint"])
def test_an_sdk_is_capped_whatever_the_level(name: str, child: str) -> None:
    stream = logged("debug")
    logger = logging.getLogger(name + child)
    before = logger.level
    logger.setLevel(logging.DEBUG)
    try:
        logger.debug("request body")
        logger.info("request body")
        assert stream.getvalue() == ""
        logger.warning("connection lost")
        assert len(lines(stream)) == 1
    finally:
        logger.setLevel(before)


def test_a_level_hides_what_is_below_it() -> None:
    stream = logged("warning")
    structlog.get_logger().info("rotation.promoted")
    logging.getLogger("somebody").info("hello")
    assert stream.getvalue() == ""


FORGERIES = {
    "line feed": "a\n2026-01-01 [info] rotation.promoted",
    "carriage return": "a\rrotation.promoted",
    "escape": "a\x1b[2J",
    "c1": "a\x9b2J",
    "line separator": "a\u2028b",
    "direction": "a\u202eb",
    "zero width": "a\u200bb",
}


@pytest.mark.parametrize("style", ["json", "text"])
@pytest.mark.parametrize("text", FORGERIES.values(), ids=FORGERIES)
def test_nobody_s_text_can_forge_a_line_or_steer_a_terminal(text: str, style: str) -> None:
    stream = logged(style=style)
    log = structlog.get_logger()
    log.info("provider.refused", message=text)
    log.info(text)
    log.info("provider.refused", **{text: 1})
    log.info("provider.refused", items=[text])
    written = stream.getvalue()
    assert written.count("\n") == 4
    assert all(line.isprintable() for line in written.split("\n"))


def test_a_forged_line_in_an_error_stays_inside_the_traceback() -> None:
    stream = logged(style="text")
    error = ValueError("x\n2026-01-01T00:00:00Z [info] rotation.promoted\x1b[2J")
    structlog.get_logger().error("step.failed", exc_info=error)
    first, *rest = stream.getvalue().rstrip("\n").split("\n")
    assert "step.failed" in first
    assert all(line.startswith("    | ") for line in rest)
    assert "\x1b" not in stream.getvalue()


def test_what_nobody_caught_passes_the_gate(secret: SecretValue) -> None:
    stream = logged()

    def fail() -> None:
        raise RuntimeError(CANARY)

    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()
    assert_no_canary(stream)
    assert lines(stream)[0]["event"] == "log.secret-refused"


def test_what_nobody_can_catch_passes_the_gate(secret: SecretValue) -> None:
    class Dying:
        def __del__(self) -> None:
            raise RuntimeError(CANARY)

    stream = logged()
    Dying()
    assert_no_canary(stream)
    assert lines(stream)[0]["event"] == "log.secret-refused"


def test_warnings_pass_the_gate(secret: SecretValue) -> None:
    stream = logged()
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(False)
        logging.captureWarnings(True)
        warnings.warn(f"deprecated: {CANARY}", UserWarning, stacklevel=1)
    assert_no_canary(stream)
    assert "log.secret-refused" in stream.getvalue()


# ------------------------------------------------------------------- what the journal says


def entry(kind: Kind, *, step: Step | None = None, seq: int = 2, **facts: Json) -> Entry:
    return Entry(
        stream="aws-iam-0123", seq=seq, rotation=1, schema=1, kind=kind,
        row=None if step is None else RowKey(3, step, "-", 0),
        attempt=None, epoch=1, runner="r", who=None, at=datetime(2026, 1, 1, tzinfo=UTC),
        server_at=None, facts=dict(facts), prev="", hash="",
    )  # fmt: skip


def test_every_step_has_its_past() -> None:
    assert PAST.keys() == {str(step) for step in Step}


def test_every_kind_of_entry_is_an_event_in_the_past() -> None:
    found = list(
        events([entry(kind, step=Step.PROMOTE) for kind in Kind], lambda stream: "billing")
    )
    assert len(found) == len(Kind)
    assert {name for _, name, _ in found} >= {"rotation.promoted", "rotation.held"}
    assert all(facts["secret"] == "billing" for _, _, facts in found)


def test_a_follower_logs_what_a_runner_wrote() -> None:
    stream = logged()
    observer(lambda stream: "billing")(
        [entry(Kind.DONE, step=Step.PROMOTE, version="v1"), entry(Kind.HELD, code="held.denied")]
    )
    promoted, held = lines(stream)
    assert promoted["event"] == "rotation.promoted"
    assert promoted["version"] == "v1"
    assert promoted["secret"] == "billing"
    assert held["level"] == "error"
    assert held["code"] == "held.denied"


def test_what_a_person_asked_for_elsewhere_and_the_keys_are_logged() -> None:
    stream = logged()
    asked = entry(Kind.OPENED, plan="compromised", reason="pasted in a chat", scope=["KEY1"])
    follow = observer(lambda stream: "billing", lambda stream: [asked])
    follow([entry(Kind.DONE, step=Step.DESTROY, destroyed=["KEY1"])])
    follow([entry(Kind.DONE, step=Step.TIDY)])
    opened, destroyed, tidied = lines(stream)
    assert (opened["event"], opened["reason"]) == ("rotation.opened", "pasted in a chat")
    assert destroyed["destroyed"] == ["KEY1"]
    assert tidied["event"] == "rotation.tidied"
