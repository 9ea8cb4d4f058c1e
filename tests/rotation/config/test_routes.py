"""What `alerts:` may contain; a mistake is named by its key, and no address is quoted."""

from pathlib import Path

import pytest

from rotation.config import ConfigInvalid, load
from tests.support.configured import file

__all__ = ["file"]

HOOK = "{id: oncall, type: webhook, url: https://hooks.example.com/a, secret: /etc/keys/a}"
CHAT = "{id: chat, type: apprise, url: /etc/keys/chat}"
COMMAND = "{id: ops, type: command, argv: [page, now]}"


def with_routes(config: Path, routes: str, more: str = "") -> Path:
    config.write_text(f"{config.read_text()}\n{more}\nalerts:\n  routes: [{routes}]\n")
    return config


def test_routes_are_read_with_what_they_leave_out(file: Path) -> None:
    loaded = load(with_routes(file, f"{HOOK}, {COMMAND}", "commands: commands"))
    oncall, ops = loaded.alerts.routes
    assert (oncall.severities, oncall.timeout_s) == (("page", "warn"), 10)
    assert ops.argv == ("page", "now")


def test_without_them_there_are_none(file: Path) -> None:
    assert load(file).alerts.routes == ()


@pytest.mark.parametrize(
    ("routes", "said"),
    [
        (f"{HOOK}, {HOOK}", "each `id` once"),
        (HOOK.replace("}", ", severities: [urgent]}"), "one of page, warn, info"),
        (HOOK.replace("}", ", severities: []}"), "at least one"),
        (HOOK.replace("https://hooks", "http://hooks"), "https://..."),
        (HOOK.replace("https://hooks", "https://EXAMPLE@hooks"), "https://..."),
        (HOOK.replace("url: https://hooks.example.com/a, ", ""), "https://..."),
        (HOOK.replace(", secret: /etc/keys/a", ""), "the key of the signature"),
        (HOOK.replace("/etc/keys/a", "EXAMPLE"), "the key of the signature"),
        (HOOK.replace("}", ", argv: [page]}"), "only of a command"),
        (HOOK.replace("webhook", "pigeon"), "one of webhook, command, apprise"),
        (HOOK.replace("}", ", timeout: 5m}"), "up to 15 s"),
        (CHAT.replace("/etc/keys/chat", '"/etc/a\\n### fine"'), "the file with apprise's address"),
        (HOOK.replace("/etc/keys/a", '"/etc/\\u202ea"'), "the key of the signature"),
        (CHAT.replace("/etc/keys/chat", "slack://EXAMPLE"), "the file with apprise's address"),
        (CHAT.replace("}", ", argv: [page]}"), "only of a command"),
        (CHAT.replace("}", ", secret: /etc/keys/a}"), "only of a webhook"),
        (COMMAND, "a command needs `commands:`"),
        (COMMAND.replace("page, now", "/bin/page"), "without a path"),
        (COMMAND.replace("page, now", ""), "a command and its arguments"),
        (COMMAND.replace("}", ", url: https://a.example.com}"), "not of a command"),
        (HOOK.replace("/a,", "/services/T0EXAMPLE/B0EXAMPLE/EXAMPLEexample0123456789,"), "a token"),
        (HOOK.replace("/a,", "/a?key=EXAMPLE,"), "a token"),
        (HOOK.replace("oncall", "a b"), "A-Z a-z 0-9"),
    ],
)
def test_a_mistake_is_named(file: Path, routes: str, said: str) -> None:
    with pytest.raises(ConfigInvalid) as refused:
        load(with_routes(file, routes))
    assert said in str([str(each) for each in refused.value.errors])
    assert "hooks.example" not in str(refused.value)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8080/hook",
        "http://localhost/x",
        "$HOOK",
        "https://a.example.com/v2/alert-receiver-prod",
    ],
)
def test_this_machine_and_references_are_addresses_too(file: Path, url: str) -> None:
    routes = HOOK.replace("https://hooks.example.com/a", url)
    assert load(with_routes(file, routes)).alerts.routes[0].url == url
