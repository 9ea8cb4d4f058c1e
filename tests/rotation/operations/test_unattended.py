"""Production secrets whose trouble nobody hears of: `config check` refuses them, and nothing stops."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from rotation.cli.app import program
from rotation.runtime import process
from tests.support.configured import reply

HEAD = """
installation: "0123456789ab"
connections: {aws: {type: aws, account: "111122223333", region: eu-central-1}}
"""
SECRET = """
  - id: ID
    application: app
    environment: ENVIRONMENT
    owner: OWNER
    class: CLASS
    store: {type: aws-secrets-manager, connection: aws, name: ID}
    issuer: {type: aws-iam-access-key, connection: aws, user: ID}
    probe: {type: aws-sts, connection: aws}
    consumers: [{id: api, type: store-reader, refresh: 5m}]
"""
ROUTE = "{id: oncall, type: webhook, url: /etc/rotation/url, secret: /etc/rotation/key"
HEARTBEAT = "heartbeat: {url: /etc/rotation/heartbeat.url}\n"
ALERTS = f"alerts: {{routes: [{ROUTE}}}]}}\n"

Written = Callable[..., Path]


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Written:
    monkeypatch.setattr(process, "harden", lambda: None)

    def write(more: str = "", *secrets: dict[str, str], state: str = "") -> Path:
        text = HEAD + more + "secrets:"
        for n, given in enumerate(secrets or ({},)):
            usual = {
                "ID": f"app-{n}",
                "ENVIRONMENT": "production",
                "OWNER": "team",
                "CLASS": "production",
            }
            one = SECRET
            for name, value in {**usual, **given}.items():
                one = one.replace(name, value)
            text += one + state
        file = tmp_path / "rotation.yaml"
        file.write_text(text)
        file.chmod(0o600)
        return file

    return write


def found(file: Path, *, code: int) -> list[Any]:
    said: list[Any] = reply(file, "config", "check", code=code)["findings"]
    return [each for each in said if each["code"] == "config.unattended"]


def test_without_a_route_and_a_heartbeat_it_is_refused_with_a_way_out(written: Written) -> None:
    [said] = found(written(), code=2)
    assert "no heartbeat" in said["message"] and "no alert route" in said["message"]
    assert "1 secret of class production" in said["message"]
    assert "{production: {unattended: accepted}}" in said["hint"]
    assert (said["path"], said["level"]) == ("class", "error")


@pytest.mark.parametrize("more", [HEARTBEAT, ALERTS])
def test_one_of_both_is_not_enough(written: Written, more: str) -> None:
    assert len(found(written(more), code=2)) == 1


def test_both_are(written: Written) -> None:
    assert not found(written(HEARTBEAT + ALERTS), code=0)


@pytest.mark.parametrize(
    "narrow", ["severities: [warn]", "owners: [others]", "environments: [development]"]
)
def test_a_route_that_this_secret_does_not_take_is_none(written: Written, narrow: str) -> None:
    route = f"alerts: {{routes: [{ROUTE}, {narrow}}}]}}\n"
    [said] = found(written(HEARTBEAT + route), code=2)
    assert "no alert route takes `page` for team in production" in said["message"]


def test_the_way_out_is_accepted_and_said_aloud(written: Written) -> None:
    [said] = found(written("classes: {production: {unattended: accepted}}\n"), code=0)
    assert said["level"] == "warning"
    assert "accepted" in said["hint"]


@pytest.mark.parametrize(
    ("given", "refused"),
    [
        ({"CLASS": "trial"}, False),
        ({"CLASS": "development", "ENVIRONMENT": "development"}, False),
        ({"CLASS": "own", "ENVIRONMENT": "staging"}, False),
        ({"CLASS": "own", "ENVIRONMENT": "production"}, True),
        ({"CLASS": "production", "ENVIRONMENT": "staging"}, True),
    ],
)
def test_what_counts_as_production(
    written: Written, given: dict[str, str], *, refused: bool
) -> None:
    file = written("classes: {own: {max_age: 60d}}\n", given)
    assert bool(found(file, code=2 if refused else 0)) == refused


def test_a_class_is_said_once_however_many_secrets_it_has(written: Written) -> None:
    many = [{"OWNER": f"team-{n}"} for n in range(30)]
    [said] = found(written("", *many), code=2)
    assert "30 secrets of class production" in said["message"]
    assert "and 28 more" in said["message"]


def test_a_secret_that_is_not_rotated_needs_nobody(written: Written) -> None:
    assert not found(written(state="    state: retired\n"), code=0)


def test_only_the_check_refuses_it(written: Written) -> None:
    """An installation of an earlier version goes on, and an emergency above all."""
    file = written()
    assert CliRunner().invoke(program, ["-c", str(file), "config", "show"]).exit_code == 0
    assert CliRunner().invoke(program, ["-c", str(file), "init"]).exit_code == 0
    assert CliRunner().invoke(program, ["-c", str(file), "status"]).exit_code == 0
    done = CliRunner().invoke(program, ["-c", str(file), "run"])
    assert "config.unattended" not in done.output


@pytest.mark.parametrize("example", ["docs/example", "infra/example"])
def test_the_examples_are_accepted(tmp_path: Path, example: str) -> None:
    for source in (Path(__file__).parents[3] / example).glob("*.*"):
        (tmp_path / source.name).write_text(source.read_text())
        (tmp_path / source.name).chmod(0o600)
    for file in tmp_path.glob("*.yaml"):
        assert not found(file, code=0), file.name


def test_what_init_writes_is_accepted_and_says_how_to_do_better(tmp_path: Path) -> None:
    file = tmp_path / "rotation.yaml"
    words = ["init", "--journal", str(tmp_path / "journal.db"), "--account", "111122223333",
             "--user", "billing", "--secret", "prod/billing", "--consumer", "api"]  # fmt: skip
    assert CliRunner().invoke(program, ["-c", str(file), *words]).exit_code == 0
    [said] = found(file, code=0)
    assert said["level"] == "warning"
    assert "docs/watching.md" in file.read_text()
