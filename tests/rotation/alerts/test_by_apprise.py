"""Routes by apprise, over real HTTP and SMTP servers on loopback."""

import inspect
import io
import json
import logging
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from email import message_from_bytes
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from apprise.plugins import N_MGR

from rotation.alerts import apprise_child
from rotation.alerts.delivery import Sender
from rotation.config.routes import Alerts, Route
from rotation.errors import RotationError
from rotation.operations.silence import missing_extras
from tests.support.serving import Quiet, serving
from tests.support.shell import Shell, at_work, shell
from tests.support.team import NOW, alert
from tests.support.watched import receiver, watched

__all__ = ["receiver", "shell", "watched"]  # the fixtures

TOKEN = "EXAMPLE-token-of-a-team"


@dataclass
class Chat:
    """The team's end. way: how it answers."""

    port: int = 0
    status: int = 200
    way: str = "answers"
    got: list[dict[str, Any]] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)


@pytest.fixture
def chat() -> Iterator[Chat]:
    made = Chat()

    class Handler(Quiet, BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            made.got.append({"path": self.path, **json.loads(body)})
            if made.way == "hangs":
                made.over.wait(60)
            if made.way == "trickles":
                self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
                while not made.over.wait(0.1):
                    with suppress(OSError):
                        self.wfile.write(b"x")
            self.send_response(made.status)
            self.send_header("Location", f"http://127.0.0.1:{made.port}/elsewhere")
            self.send_header("Content-Length", "23")
            self.end_headers()
            self.wfile.write(b"<html>an error</html>\r\n")

    with serving(Handler) as made.port:
        yield made
        made.over.set()


def route(directory: Path, url: str, **more: Any) -> Route:
    file = directory / "chat.url"
    file.write_text(f"{url}\n")
    file.chmod(0o600)
    given = {"id": "chat", "type": "apprise", "url": str(file), **more}
    return Route(**given)


def attempt(route: Route, state: str = "raised", **said: Any) -> str:
    try:
        return Sender(installation="i").transmit(route, alert(**said), state, "id.0", NOW)
    except RotationError as error:
        told = f"{error} {error.hint} {error.__cause__}"
        return f"{told} has the address" if TOKEN in told else error.code


def address(chat: Chat, more: str = "") -> str:
    return f"json://127.0.0.1:{chat.port}/{TOKEN}{more}"


@pytest.mark.parametrize(
    ("event", "state", "kind"),
    [
        ("held", "raised", "failure"),
        ("left-alive", "raised", "warning"),
        ("succeeded", "raised", "info"),
        ("held", "resolved", "success"),
    ],
)
def test_a_team_gets_it_with_its_urgency(
    chat: Chat, tmp_path: Path, event: str, state: str, kind: str
) -> None:
    done = attempt(route(tmp_path, address(chat)), state, event=event, why="held.x: a reason")
    assert done == "apprise has handed it over"
    (got,) = chat.got
    assert (got["type"], got["path"]) == (kind, f"/{TOKEN}")
    assert f"app: {event}" in got["title"]
    assert ("next: rotation resume app" in got["message"]) == (state == "raised")


@pytest.mark.parametrize("status", [302, 307, 404, 500])
def test_another_status_is_no_receipt_and_no_redirect_is_followed(
    chat: Chat, tmp_path: Path, status: int
) -> None:
    chat.status = status
    for more in ("", "?redirect=yes"):
        assert attempt(route(tmp_path, address(chat, more))) == "alerts.not-accepted"
    assert [got["path"] for got in chat.got] == [f"/{TOKEN}"] * 2


@pytest.mark.parametrize("way", ["hangs", "trickles"])
def test_the_time_is_kept_whatever_the_service_does(chat: Chat, tmp_path: Path, way: str) -> None:
    chat.way, began = way, time.monotonic()
    slow = route(tmp_path, address(chat, "?rto=1000&cto=1000"), timeout_s=3)
    assert attempt(slow) in ("alerts.timed-out", "alerts.not-accepted")
    assert time.monotonic() - began < 30


def test_it_ends_though_the_runner_that_would_end_it_was_killed(chat: Chat) -> None:
    chat.way = "trickles"
    given = {"url": address(chat), "title": "t", "body": "b", "type": "info", "seconds": 1}
    orphan = subprocess.run(
        [sys.executable, "-I", "-m", "rotation.alerts.apprise_child"],
        input=json.dumps(given), text=True, check=False, capture_output=True, timeout=50,
    )  # fmt: skip
    assert orphan.returncode in (-signal.SIGALRM, apprise_child.REFUSED)
    assert len(chat.got) == 1


def test_long_names_and_control_characters_stay_short_lines(chat: Chat, tmp_path: Path) -> None:
    long = "\x1b[31m\r\n<!channel>" + "x" * 1_000_000
    said = dict.fromkeys(("secret", "owner", "why", "works", "next"), long)
    assert attempt(route(tmp_path, address(chat)), **said) == "apprise has handed it over"
    (got,) = chat.got
    assert got["title"].isprintable()
    assert got["message"].isprintable()
    assert len(got["title"] + got["message"]) < 2500


@pytest.mark.parametrize(
    "url",
    [
        "no address",
        "pigeon://EXAMPLE",
        f"json://chat.example.com/{TOKEN}",
        f"jsons://chat.example.com/{TOKEN}?verify=no",
        f"mailto://mail.example.com?from=a@b.example.com&mode=insecure&user={TOKEN}",
        f"mailtos://u:{TOKEN}@mail.example.com?mode=insecure",
        f"mailtos://u:{TOKEN}@mail.example.com?smtp=smtp.example.com&mode=insecure",
        f"mailto://u:{TOKEN}@localhost?smtp=smtp.example.com&from=a@b.example.com",
        f"mailtos://u:{TOKEN}@localhost?smtp=smtp.example.com&verify=no",
        f"matrix://u:{TOKEN}@localhost/%23room?mode=slack",
        f"dapnet://u:{TOKEN}@DF1ABC",
        "rsyslog://log.example.com",
    ],
)
def test_an_address_that_is_none_or_not_encrypted_is_refused(tmp_path: Path, url: str) -> None:
    """A call would be seen: tests reach this machine only, and the child would fail otherwise."""
    assert attempt(route(tmp_path, url)) == "alerts.bad-url"


def test_what_is_called_secure_and_is_not_is_refused() -> None:
    """apprise's `smpps://` opens the same bare connection as `smpp://`."""
    names = {"protocol": "smpp", "secure_protocol": "smpps"}
    said = {"secure": True, "verify_certificate": True}
    there = SimpleNamespace(host="sms.example.com", **names, **said)
    here = SimpleNamespace(host="127.0.0.1", **names, **said)
    assert [apprise_child._is_safe(each) for each in (there, here)] == [False, True]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of its plugins
def test_no_other_service_of_apprise_has_an_address_in_the_clear() -> None:
    """Those that it may learn with a later version as well."""
    about = ("service_url", "setup_url")
    found = {
        each.secure_protocol
        for each in N_MGR.plugins()
        for name, text in inspect.getmembers(each, lambda member: isinstance(member, str))
        if text.startswith("http://") and name not in about and each.secure_protocol
    }
    assert {"dapnet"} <= found <= apprise_child.IN_THE_CLEAR


def test_a_file_that_others_may_change_is_not_used(chat: Chat, tmp_path: Path) -> None:
    open_ = route(tmp_path, address(chat))
    (tmp_path / "chat.url").chmod(0o666)
    assert attempt(open_) == "alerts.no-credential"
    assert chat.got == []


def test_nothing_of_the_environment_is_used_and_no_address_is_logged(
    chat: Chat, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    caplog.set_level(logging.DEBUG)
    assert attempt(route(tmp_path, address(chat))) == "apprise has handed it over"
    chat.status = 500
    attempt(route(tmp_path, address(chat)))
    said = capfd.readouterr()
    assert TOKEN not in caplog.text + said.out + said.err


def test_without_the_extra_it_says_which_one(
    tmp_path: Path, watched: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as without:
        without.setitem(sys.modules, "apprise", None)
        without.setattr(sys, "stdin", io.StringIO("{}"))
        without.setattr(logging, "disable", lambda level: None)
        assert apprise_child.main() == apprise_child.MISSING
    watched.configuration.alerts = Alerts(routes=(route(tmp_path, "json://localhost"),))
    assert list(missing_extras(at_work(watched))) == []
    monkeypatch.setattr("rotation.operations.silence.find_spec", lambda name: None)
    (found,) = missing_extras(at_work(watched))
    assert (found.code, found.level) == ("config.extra-missing", "warning")
    assert found.hint == "install rotation[apprise]"


def test_a_held_rotation_reaches_a_chat_and_a_test_says_what_came_back(
    chat: Chat, watched: Shell, tmp_path: Path
) -> None:
    watched.configuration.alerts = Alerts(routes=(route(tmp_path, address(chat)),))
    done = watched.run("alerts", "test", "chat")
    assert done.stdout == "route chat has it: apprise has handed it over\n"
    watched.world.mint(by_person=True)
    watched.run("rotate", "app")
    watched.run("run")
    assert [got["type"] for got in chat.got] == ["info", "failure"]
    assert "docs/runbook/unknown-instance.md" in chat.got[1]["message"]


class Mailbox:
    def __init__(self) -> None:
        self.got: list[bytes] = []
        self.refuses = False

    async def handle_DATA(self, _: object, __: object, envelope: Any) -> str:  # noqa: N802 -- its name
        if self.refuses:
            return "550 mailbox unavailable"
        self.got.append(envelope.original_content)
        return "250 taken"


@pytest.fixture
def mail() -> Iterator[tuple[Mailbox, str]]:
    mailbox = Mailbox()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = Controller(mailbox, hostname="127.0.0.1", port=port)
    server.start()
    query = "from=rotation@example.com&to=team@example.com&mode=insecure"
    yield mailbox, f"mailto://127.0.0.1:{port}?{query}"
    server.stop()


def test_a_mail_arrives_once_with_one_subject(mail: tuple[Mailbox, str], tmp_path: Path) -> None:
    mailbox, url = mail
    name = "app\r\nBcc: thief@example.com\r\n\r\nx"
    assert attempt(route(tmp_path, url), secret=name) == "apprise has handed it over"
    (got,) = (message_from_bytes(each) for each in mailbox.got)
    assert got["To"] == "team@example.com"
    assert got["Bcc"] is None
    mailbox.refuses = True
    assert attempt(route(tmp_path, url)) == "alerts.not-accepted"
