"""A plugin that breaks as it is loaded or built costs nobody but those that need it."""

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from providers.aws.testing import ADMIN
from providers.aws.testing.server import StrictAws
from rotation.cli.app import program
from rotation.operations.installation import Installation
from rotation.plan import ROUTINE
from tests.support.elsewhere import forget_plugins
from tests.support.turns import one_in

MODULES = {
    "office_options": """
from dataclasses import dataclass, field
from rotation.options import ConnectionOptions

@dataclass(frozen=True, kw_only=True)
class Options(ConnectionOptions):
    directory: str = field(metadata={"doc": "where it is"})
""",
    "desk_options": """
from dataclasses import dataclass, field
from typing import ClassVar
from rotation.options import ConsumerOptions

@dataclass(frozen=True, kw_only=True)
class Options(ConsumerOptions):
    CONNECTIONS: ClassVar = ("acme-office",)
    PUSHED: ClassVar = True
    CONFIRMS: ClassVar = True
    connection: str = field(metadata={"doc": "name of an office"})
""",
    "locker_options": """
from dataclasses import dataclass
from providers.aws.options import SecretsManagerOptions

@dataclass(frozen=True, kw_only=True)
class Options(SecretsManagerOptions):
    pass
""",
    "office": """
class Office:
    def __init__(self, options, *, installation, clock):
        pass
    def put(self, fields):
        pass
""",
    "desk": """
class Desk:
    def __init__(self, options, context):
        self._office = context.connections[options.connection]
    def deliver(self, version, fields):
        self._office.put(fields)
""",
    "locker": """
from providers.aws.secrets_manager import SecretsManagerStore

class Locker(SecretsManagerStore):
    def __init__(self, options, context):
        super().__init__(options, context)
""",
}
POINTS = """
[rotation.stores]
acme-locker = acme_parts.locker:Locker
[rotation.consumers]
acme-desk = acme_parts.desk:Desk
[rotation.connections]
acme-office = acme_parts.office:Office
[rotation.options]
acme-locker = acme_parts.locker_options:Options
acme-desk = acme_parts.desk_options:Options
acme-office = acme_parts.office_options:Options
"""
CONFIGURATION = """
installation: "0123456789ab"
journal: journal.db
plugins: [{distribution: acme-parts, version: "1.0"}]
connections:
  main: {type: aws, account: "123456789012", region: REGION, endpoint: "ENDPOINT", credentials_file: LOGIN}
  office: {type: acme-office, directory: /nowhere}
secrets:
  - {id: gate, application: gate, environment: production, owner: team, class: trial, store: {type: acme-locker, connection: main, name: gate}, issuer: {type: aws-iam-access-key, connection: main, user: gate}, fields: {access_key_id: ID, secret_access_key: KEY}, probe: {type: aws-sts, connection: main}, consumers: [{id: desk, type: acme-desk, connection: office}]}
  - {id: other, application: other, environment: production, owner: team, class: trial, store: {type: aws-secrets-manager, connection: main, name: other}, issuer: {type: aws-iam-access-key, connection: main, user: other}, fields: {access_key_id: ID, secret_access_key: KEY}, probe: {type: aws-sts, connection: main}, consumers: [{id: api, type: store-reader, refresh: 1s, accept_elapsed: true}]}
"""
RAISES = "\nraise RuntimeError('made-of-an-EXAMPLE')\n"
BREAKS = {
    "consumer module": ("desk", lambda text: text + RAISES),
    "consumer imports what is not there": ("desk", lambda text: text + "\nfrom json import no_such\n"),
    "consumer's library": ("desk", lambda text: text + "\nimport no_such_library\n"),
    "store module": ("locker", lambda text: text + RAISES),
    "syntax error": ("locker", lambda text: text + "\ndef broken(\n"),
    "missing class": ("desk", lambda text: text.replace("class Desk", "class Dekc")),
    "no class": ("desk", lambda text: "Desk = 5"),
    "adapter constructor": (
        "locker", lambda text: text.replace("super().__init__(options, context)", "{}['EXAMPLE']")
    ),
    "connection constructor": ("office", lambda text: text.replace("pass", "open('/no/EXAMPLE')", 1)),
    "a delivery that would not run": ("desk", lambda text: text + "        yield\n"),
    "no delivery": ("desk", lambda text: text.replace("def deliver", "def delivers")),
    "a mark that would not run": (
        "locker", lambda text: text + "    async def mark_compromised(self, version): pass\n"
    ),
    "exits": ("desk", lambda text: text + "\nraise SystemExit(0)\n"),
}  # fmt: skip


class World:
    def __init__(self, package: Path, directory: Path, control: Any) -> None:
        self.package, self.directory, self.iam = package, directory, control.client("iam")

    def breaks(self, module: str, how: Callable[[str], str]) -> None:
        path = self.package / f"{module}.py"
        path.write_text(how(path.read_text()))
        forget()

    def run(self, *words: str) -> Result:
        done = CliRunner().invoke(
            program, ["-c", str(self.directory / "rotation.yaml"), *words], input=""
        )
        assert "EXAMPLE" not in done.output, done.output
        return done

    def opens(self, *names: str) -> None:
        """As if they had been due."""
        path = self.directory / "rotation.yaml"
        with Installation(configuration_path=path, effectful=True) as here:
            for name in names:
                stream, spec = here.entry(name).stream, here.specification(name)
                here.runner.open(stream, ROUTINE, spec, trigger="test")

    def process(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Of its own: it has read no options yet."""
        done = subprocess.run(
            [sys.executable, "-c", "from rotation.cli import main; main()",
             "-c", str(self.directory / "rotation.yaml"), *words],
            env={**os.environ, "PYTHONPATH": str(self.package.parent)},
            capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        assert "EXAMPLE" not in done.stdout + done.stderr
        return done

    def status(self, user: str) -> dict[str, str]:
        listed = self.iam.list_access_keys(UserName=user)["AccessKeyMetadata"]
        return {key["AccessKeyId"]: key["Status"] for key in listed}


def forget() -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "acme_parts"]:
        del sys.modules[name]
    importlib.invalidate_caches()
    forget_plugins()


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    package = tmp_path / "site" / "acme_parts"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    for name, text in MODULES.items():
        (package / f"{name}.py").write_text(text)
    about = tmp_path / "site" / "acme_parts-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-parts\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(POINTS)
    monkeypatch.syspath_prepend(package.parent)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.setattr("rotation.runtime.process.harden", lambda: None)
    monkeypatch.setattr("rotation.operations.advance.PATIENCE", timedelta())
    forget()
    with StrictAws() as strict:
        control = strict.control
        written(tmp_path, control)
        world = World(package, tmp_path, control)
        secrets = control.client("secretsmanager")
        for user in ("gate", "other"):
            world.iam.create_user(UserName=user)
            key = world.iam.create_access_key(UserName=user)["AccessKey"]
            value = json.dumps({"ID": key["AccessKeyId"], "KEY": key["SecretAccessKey"]})
            secrets.create_secret(Name=user, SecretString=value)
        assert world.run("init").exit_code == 0
        yield world
    forget()


def written(directory: Path, control: Any) -> None:
    login = directory / "aws"
    login.write_text(
        f"[default]\naws_access_key_id = {ADMIN.access_key_id}\n"
        f"aws_secret_access_key = {ADMIN.secret_access_key}\n"
    )
    text = CONFIGURATION.replace("REGION", control.region).replace("LOGIN", str(login))
    path = directory / "rotation.yaml"
    path.write_text(text.replace("ENDPOINT", control.endpoint))
    for file in (login, path):
        file.chmod(0o600)


@pytest.mark.parametrize("what", one_in(3, BREAKS))
def test_it_does_not_keep_a_leaked_key_alive(world: World, what: str) -> None:
    module, how = BREAKS[what]
    world.breaks(module, how)
    [key] = world.status("gate")
    done = world.run("emergency", "gate", "--yes", "--reason", "test", "--key-id", key)
    assert world.status("gate") == {key: "Inactive"}, done.output
    assert f"`acme-{module}`" in done.output
    assert "NOT CONTAINED" not in done.output
    assert ("the store cannot be asked" in done.output) == (module == "locker")


@pytest.fixture
def adopted(world: World) -> World:
    for name in ("gate", "other"):
        done = world.run("adopt", name, "--created", "2026-01-01", "--yes", "--wait")
        assert done.exit_code == 0, done.output
    return world


@pytest.mark.parametrize("what", one_in(3, BREAKS))
def test_the_other_secret_goes_on_and_each_verb_says_what_is_broken(
    adopted: World, what: str
) -> None:
    module, how = BREAKS[what]
    adopted.opens("gate", "other")
    adopted.breaks(module, how)
    before = adopted.status("other")
    done = adopted.run("run")
    assert done.exit_code not in (0, 255)
    assert f"`acme-{module}`" in done.output
    assert len(adopted.status("other")) > len(before)
    assert adopted.run("status").exit_code in (0, 7)
    reply = adopted.run("doctor")
    assert reply.exit_code not in (0, 255)
    assert f"acme-{module}" in reply.output
    done = adopted.run("reconcile")
    assert done.exit_code != 255
    assert f"`acme-{module}`" in done.output
    assert "✓ other" in done.output


OPTIONS = {
    "raises": lambda text: text + RAISES,
    "syntax error": lambda text: text + "\ndef broken(\n",
    "missing class": lambda text: text.replace("class Options", "class Option"),
    "unknown type": lambda text: text.replace("connection: str", "connection: Missing"),
    "files raise": lambda text: text + "    def files(self):\n        return {}['EXAMPLE']\n",
    "a text for a switch": lambda text: text.replace(
        "PUSHED: ClassVar = True", "PUSHED: ClassVar = 'no'"
    ),
    "no commands": lambda text: text + "    def commands(self):\n        return None\n",
    "raises once read": lambda text: text + "    def __post_init__(self):\n        {}['EXAMPLE']\n",
    "unknown type in quotes": lambda text: text.replace("connection: str", "connection: 'Missing'"),
}


@pytest.mark.parametrize("what", one_in(5, OPTIONS))
def test_options_that_do_not_load_are_an_error_of_the_line_that_names_them(
    adopted: World, what: str
) -> None:
    adopted.breaks("desk_options", OPTIONS[what])
    [key] = adopted.status("gate")
    for words in (
        ("config", "check"),
        ("run",),
        ("status",),
        ("doctor",),
        ("emergency", "gate", "--yes", "--reason", "test"),
    ):
        done = adopted.process(*words)
        reply = done.stdout + done.stderr
        assert done.returncode == 2, reply
        assert "rotation.yaml:9" in reply
        assert "desk_options" in reply
    assert f"--access-key-id {key} " in reply
