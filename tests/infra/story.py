"""A stack applied to strict AWS, and every plan lived on it through the command line."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from unittest.mock import patch

from click.testing import CliRunner

from providers.aws.testing import Credential
from providers.aws.testing.server import StrictAws
from rotation.cli.app import program
from rotation.execution.runner import _Run
from rotation.machine.decide import Do
from rotation.machine.replay import Rotation
from rotation.operations.preflight import steps_under
from rotation.types import PermissionSet
from tests.infra.account import ACCOUNT, Guard, MadeCloud, as_file
from tests.infra.evaluation import Evaluator
from tests.infra.stack import up

GIVE = "#!/bin/sh\nexec cat >/dev/null\n"

CONFIGURATION = """
{head}
bindings: rotation.infra.json
commands: commands
connections:
  main:
    type: aws
    account: "{account}"
    region: eu-central-1
    endpoint: {endpoint}
    credentials_file: {credentials}
    settle: 0s
    report_lag: 0s
classes:
  quick: {{max_age: 90d, margin: 7d, quiet: 0s, soak: 0s}}
secrets:
  - id: billing-iam
    application: billing
    environment: production
    owner: team
    class: quick
    store: {{type: aws-secrets-manager, connection: main, name: prod/billing/iam, replicas: [eu-west-1]}}
    issuer: {{type: aws-iam-access-key, connection: main, user: billing, path: /rotated/}}
    probe: {{type: aws-sts, connection: main}}
    consumers: [{{id: api, type: command, argv: [give], confirms: true}}]
    {first}
  - id: orders-token
    application: orders
    environment: production
    owner: team
    class: quick
    store: {{type: aws-secrets-manager, connection: main, name: prod/orders/token}}
    issuer: {{type: generated, kind: token, prefix: ord_, unverified: true}}
    consumers: [{{id: api, type: command, argv: [give], confirms: true}}]
    destroy: unattended
    {second}
"""


@dataclass
class Installation:
    """A stack that was applied, and the runner's own file."""

    directory: Path
    aws: StrictAws
    guard: Guard
    head: str = ""
    keys: dict[str, dict[str, str]] = field(default_factory=dict)

    def begin(self) -> Path:
        """A journal, an installation's own id, and the file."""
        (self.directory / "commands").mkdir(mode=0o700)
        as_file(self.directory / "commands", "give", GIVE, 0o700)
        self.rotation("init", "--journal", str(self.directory / "journal.db"))
        self.head = (self.directory / "rotation.yaml").read_text().partition("\n# connections")[0]
        return self.write()

    def write(self, first: str = "", second: str = "") -> Path:
        return as_file(
            self.directory,
            "rotation.yaml",
            CONFIGURATION.format(
                head=self.head,
                account=ACCOUNT,
                endpoint=self.aws.endpoint,
                credentials=self.directory / "credentials",
                first=first,
                second=second,
            ),
        )

    def be(self, user: str) -> None:
        """Base credentials of that user from now on."""
        if user not in self.keys:
            self.keys[user] = self.aws.control.out_of_band.create_key(user)
        key = self.keys[user]
        if user == "engineer":
            key = self._with_mfa(key)
        as_file(
            self.directory,
            "credentials",
            f"[default]\naws_access_key_id={key['AccessKeyId']}\n"
            f"aws_secret_access_key={key['SecretAccessKey']}\n"
            f"aws_session_token={key.get('SessionToken', '')}\n",
        )

    def _with_mfa(self, key: dict[str, str]) -> dict[str, str]:
        """As a person's tools do it before the runner is called."""
        sts = self.aws.control.client("sts", Credential.of(key))
        factor = {"SerialNumber": f"arn:aws:iam::{ACCOUNT}:mfa/engineer", "TokenCode": "123456"}
        given: dict[str, str] = sts.get_session_token(**factor)["Credentials"]
        return given

    @property
    def installation(self) -> str:
        return self.head.partition('installation: "')[2][:12]

    def rotation(self, *words: str, expected: tuple[int, ...] = (0,)) -> str:
        given = ["-c", str(self.directory / "rotation.yaml"), *words]
        done = CliRunner().invoke(program, given, catch_exceptions=False)
        assert done.exit_code in expected, (words, done.exit_code, done.output)
        return done.output


PEOPLE = ("runner", "engineer", "consumer")

USER = f"arn:aws:iam::{ACCOUNT}:user"
SETTINGS = {
    "environment": "production",
    "runner": f"{USER}/runner",
    "deployer": f"arn:aws:iam::{ACCOUNT}:role/deploy",
    "operators": json.dumps([f"{USER}/engineer"]),
    "readers": json.dumps([f"billing={USER}/consumer"]),
    "emergencyUsers": json.dumps([f"{USER}/alice"]),
    "emergencyRoles": json.dumps([f"arn:aws:iam::{ACCOUNT}:role/on-call"]),
}


def begun(directory: Path, aws: StrictAws, evaluator: Evaluator) -> Installation:
    """Before the stack is applied."""
    directory.chmod(0o700)
    for name in PEOPLE:
        aws.control.client("iam").create_user(UserName=name)
    state = aws._server.control_plane.world.state
    made = Installation(directory, aws, Guard(state, evaluator))
    made.begin()
    return made


@contextmanager
def installed(directory: Path, evaluator: Evaluator) -> Iterator[Installation]:
    with StrictAws(account=ACCOUNT) as aws:
        made = begun(directory, aws, evaluator)
        stack = up(directory / "rotation.yaml", SETTINGS, MadeCloud(aws))
        as_file(directory, "rotation.infra.json", json.dumps(stack.outputs["bindings"]))
        aws.authorise(made.guard)
        with noting_steps(made.guard):
            yield made


@contextmanager
def noting_steps(guard: Guard) -> Iterator[None]:
    """While a row is performed, the guard knows its step."""
    perform = _Run._perform

    def performing(run: _Run, rotation: Rotation, do: Do) -> None:
        guard.step = str(do.row.step)
        try:
            perform(run, rotation, do)
        finally:
            guard.step = ""

    with patch.object(_Run, "_perform", performing):
        yield


def unnamed_steps(guard: Guard) -> dict[tuple[str, str], set[str]]:
    """Those that made a call under a set and that doctor would not name where it lacks it."""
    found = {
        (under, action): steps - set(steps_under(PermissionSet(under)))
        for (under, action), steps in guard.steps.items()
    }
    return {call: steps for call, steps in found.items() if steps}


def live(installation: Installation) -> None:
    """Every plan, of every pair of issuer and store that AWS has, and what settles a doubt."""
    names = {"billing-iam": "prod/billing/iam", "orders-token": "prod/orders/token"}
    aws, run = installation.aws.control, installation.rotation
    aws.out_of_band.untag_secret("prod/billing/iam", ["rotation:owner"])
    installation.be("engineer")
    for name in names:
        run("create", name, "--wait")
    installation.be("runner")
    for name, store in names.items():
        aws.faults.after("secretsmanager:UpdateSecretVersionStage")
        run("rotate", name, "--wait")
        current = aws.oracle.labels(store)["AWSCURRENT"]
        aws.out_of_band.move_label(store, "AWSPENDING", to=current)
        run("doctor", name, "--repair", "-y")
    for name, store in names.items():
        old = next(v for v, labels in aws.oracle.versions(store).items() if not labels)
        aws.out_of_band.move_label(store, "ROTATION_COMPROMISED", to=old)  # of an earlier emergency
        run("emergency", name, "-y", "--reason", "a drill", expected=(0, 8, 11))
        run("run", "--wait", expected=(0, 11))
    for name in names:
        run("retire", name, "--gap", "a drill", "-y", "--wait")
