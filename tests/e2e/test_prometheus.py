"""A real Prometheus scrapes a real runner, with the rules and the dashboard that are shipped."""

import json
import re
import shutil
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.e2e.installation import Installation, wait_for
from tests.e2e.watched import LOOPBACK, free_port, get, watched
from tests.real.prometheus import program, promtool
from tests.support.pulse import Watcher

DEPLOY = Path(__file__).parents[2] / "deploy"
RULES = DEPLOY / "prometheus" / "rotation.rules.yml"
EXAMPLE = DEPLOY / "prometheus" / "prometheus.example.yml"
DASHBOARD = DEPLOY / "grafana" / "rotation.json"


@dataclass
class Prometheus:
    port: int

    def asked(self, path: str, **query: str) -> Any:
        url = f"http://{LOOPBACK}:{self.port}/api/v1/{path}?{urllib.parse.urlencode(query)}"
        with urllib.request.urlopen(url, timeout=10) as answer:
            return json.load(answer)["data"]

    def value(self, expression: str) -> float | None:
        found = self.asked("query", query=expression)["result"]
        return float(found[0]["value"][1]) if found else None

    def fires(self, name: str) -> bool:
        alerts = self.asked("alerts")["alerts"]
        return any(a["labels"]["alertname"] == name and a["state"] == "firing" for a in alerts)

    def is_ready(self) -> bool:
        try:
            self.asked("query", query="1")
        except OSError:
            return False
        return True


@contextmanager
def prometheus(directory: Path, target: int) -> Iterator[Prometheus]:
    """Of the shipped example and rules; only it looks more often, and alarms at once."""
    configuration = yaml.safe_load(EXAMPLE.read_text())
    configuration["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    configuration["scrape_configs"][0]["static_configs"][0]["targets"] = [f"{LOOPBACK}:{target}"]
    directory.mkdir()
    (directory / "prometheus.yml").write_text(yaml.safe_dump(configuration))
    quick = re.sub(r"^( +for:) \w+$", r"\1 0s", RULES.read_text(), flags=re.MULTILINE)
    (directory / RULES.name).write_text(quick)
    port = free_port()
    with (directory / "log").open("w") as log:
        process = subprocess.Popen(
            [program("prometheus"), f"--config.file={directory / 'prometheus.yml'}",
             f"--storage.tsdb.path={directory / 'data'}",
             f"--web.listen-address={LOOPBACK}:{port}"],
            stdout=log, stderr=log,
        )  # fmt: skip
        try:
            made = Prometheus(port)
            wait_for(made.is_ready, f"Prometheus: {(directory / 'log').read_text()[-500:]}")
            yield made
        finally:
            process.terminate()
            process.wait(20)


@pytest.mark.story
def test_prometheus_sees_a_runner_and_misses_it_once_it_is_killed(
    installation: Installation, outside: Watcher, tmp_path: Path
) -> None:
    port = free_port()
    served = watched(installation, outside, port)
    served.await_event("rotation.closed")
    with prometheus(tmp_path / "prometheus", port) as seen:
        young = 'rotation_secret_age_seconds{secret="app", owner="team"} < 3600'
        wait_for(lambda: seen.value(young) is not None, "it was rotated just now")
        assert seen.value("rotation_ready") == 1
        assert seen.value('sum(rotation_calls_total{connection="aws"})')
        for name in ("RotationMissing", "RotationBlind", "RotationHeld", "RotationStuck"):
            # Before the first scrape everything was absent.
            wait_for(lambda name=name: not seen.fires(name), f"the end of {name}")
        served.process.kill()
        served.process.wait()
        wait_for(lambda: seen.fires("RotationMissing"), "the alarm")
    outside.alarms(3.0)


def test_its_page_passes_promtool(installation: Installation, outside: Watcher) -> None:
    port = free_port()
    watched(installation, outside, port)
    wait_for(lambda: "rotation_secret_age" in get(port, "/metrics")[1], "the figures")
    promtool("check", "metrics", stdin=get(port, "/metrics")[1].encode())


def test_the_shipped_rules_pass_promtool_and_their_own_tests() -> None:
    promtool("check", "config", str(EXAMPLE))
    promtool("check", "rules", str(RULES))
    promtool("test", "rules", "rotation.rules.test.yml", cwd=DEPLOY / "prometheus")


def expressions() -> Iterator[str]:
    for group in yaml.safe_load(RULES.read_text())["groups"]:
        yield from (rule["expr"] for rule in group["rules"])
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        yield from (target["expr"] for target in panel["targets"])


def test_the_dashboard_asks_in_words_that_prometheus_understands(tmp_path: Path) -> None:
    rules = [
        {"record": f"panel:{n}", "expr": expression.replace("$instance", ".*")}
        for n, expression in enumerate(expressions())
    ]
    file = tmp_path / "panels.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    promtool("check", "rules", str(file))


def test_rules_and_dashboard_name_only_metrics_that_exist(
    installation: Installation, outside: Watcher
) -> None:
    """A renamed metric would leave an alarm that never fires, or a panel without data."""
    port = free_port()
    served = watched(installation, outside, port)
    served.await_event("rotation.closed")
    wait_for(lambda: "rotation_secret_age" in get(port, "/metrics")[1], "the figures")
    known = set(re.findall(r"^# TYPE (\S+)", get(port, "/metrics")[1], flags=re.MULTILINE))
    asked = {name for e in expressions() for name in re.findall(r"(?:rotation|process)_\w+", e)}
    assert {name.removesuffix("_bucket") for name in asked} <= known


def test_each_alarm_has_a_page_that_exists() -> None:
    docs = DEPLOY.parent
    for group in yaml.safe_load(RULES.read_text())["groups"]:
        for rule in group["rules"]:
            page, _, heading = rule["annotations"]["page"].partition("#")
            text = (docs / page).read_text()
            headings = {
                re.sub(r"[^a-z0-9 -]", "", line.lstrip("# ").lower()).replace(" ", "-")
                for line in text.splitlines()
                if line.startswith("#")
            }
            assert not heading or heading in headings, (rule["alert"], page, heading)


def test_where_promtool_is_missing_the_test_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises((pytest.skip.Exception, pytest.fail.Exception), match="apt-get install"):
        program("promtool")
