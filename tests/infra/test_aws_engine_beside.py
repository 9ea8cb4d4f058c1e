"""Two environments, two regions, two installations: stacks beside each other in one account, under
the real engine."""

import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.infra.account import ACCOUNT
from tests.infra.aws_engine import MISSING
from tests.infra.engine import Engine
from tests.infra.settings import ACCOUNT as USUAL
from tests.infra.settings import AWS, IAM, listed, secret, written
from tests.infra.whole import Things, WholeAccount, opened

pytestmark = [
    pytest.mark.skipif(bool(MISSING), reason=MISSING),
    pytest.mark.timeout(1800),
]

USUAL_INSTALLATION = "4b1d0c77e2a9"


@dataclass
class Beside:
    """One stack: every resource of it has `name` or `installation` in its name."""

    name: str
    installation: str
    engine: Engine
    file: Path

    def owns(self, thing: str) -> bool:
        return self.name in thing or self.installation in thing

    def others(self, things: Things) -> Things:
        return {name: reply for name, reply in things.items() if not self.owns(name)}


def beside(
    directory: Path, account: WholeAccount, name: str, installation: str,
    environment: str = "production", region: str = "eu-central-1", **settings: str,
) -> Beside:  # fmt: skip
    for place in (directory / name, directory / name / "stack"):
        place.mkdir(mode=0o700)
    people = {each: f"{each}-{name}" for each in ("runner", "deployer", "billing", "on-call")}
    account.people(*people.values())
    shape = IAM.replace("eu-west-1", "eu-north-1")
    file = written(
        directory / name, secret(shape, f"iam-{name}", environment=environment), account=ACCOUNT
    )
    text = file.read_text().replace(USUAL_INSTALLATION, installation)
    file.write_text(text.replace("eu-central-1", region))
    engine = Engine(directory / name / "stack", account.surroundings, stack=name)
    given = json.dumps({**AWS, "environment": environment, **settings}).replace(USUAL, ACCOUNT)
    for each, own in people.items():
        given = given.replace(f"role/{each}", f"role/{own}")
    engine.begin(configuration=str(file), **listed(json.loads(given)))
    return Beside(name, installation, engine, file)


def test_four_stacks_in_one_account(tmp_path: Path) -> None:
    with opened() as account:
        four = [
            beside(tmp_path, account, "alpha", USUAL_INSTALLATION),
            beside(tmp_path, account, "bravo", "111111111111", environment="test"),
            beside(tmp_path, account, "charlie", "222222222222", region="eu-west-1"),
            beside(tmp_path, account, "delta", "333333333333"),
        ]
        made = account.things()
        for each in four:
            each.engine.up()
            now = account.things()
            assert each.others(now) == each.others(made)
            assert len(now) - len(made) > 60
            made = now
        for each in four:
            each.engine.up("--expect-no-changes")
        assert account.things() == made


def test_a_stack_beside_a_trail_that_was_there(tmp_path: Path) -> None:
    with opened() as account:
        trails = account.client("cloudtrail", "eu-west-1")
        theirs = trails.create_trail(Name="theirs", S3BucketName="theirs", IsMultiRegionTrail=True)
        stack = beside(tmp_path, account, "alpha", USUAL_INSTALLATION)
        names = f'account: "{ACCOUNT}"'
        named = f"{names}, alarm_trail: '{theirs['TrailARN']}'"
        stack.file.write_text(stack.file.read_text().replace(names, named))
        before = account.things()
        assert "is stopped and logs nothing" in stack.engine.up(fails=True)
        assert account.things() == before

        trails.start_logging(Name="theirs")
        before = account.things()
        stack.engine.up()
        made = account.things()
        assert stack.others(made) == stack.others(before)
        assert not [name for name in made.keys() - before.keys() if "trail" in name]
        stack.engine.up("--expect-no-changes")
        trails.stop_logging(Name="theirs")
        assert "is stopped and logs nothing" in stack.engine.preview(fails=True)


def test_one_stack_ends_beside_another(tmp_path: Path) -> None:
    with opened() as account:
        stays = beside(tmp_path, account, "alpha", USUAL_INSTALLATION, alarms="false")
        goes = beside(tmp_path, account, "bravo", "111111111111", alarms="false")
        for each in (stays, goes):
            each.engine.up()
        made = account.things()
        ends(goes)
        left = account.things()
        assert goes.others(left) == goes.others(made)
        stays.engine.up("--expect-no-changes")
        kept = {
            name
            for name, reply in left.items()
            if goes.installation in name and "PendingDeletion" not in reply
        }
        assert kept == {f"rotation-{goes.installation}-main-trail-{ACCOUNT}"}


def ends(stack: Beside) -> None:
    """As docs/infra.md tells it."""
    engine = stack.engine
    text = stack.file.read_text()
    stack.file.write_text(text.replace("state: active", "state: retired"))
    engine.up()
    assert "protected" in engine.does("destroy", "--yes", "--stack", engine.stack, fails=True)
    for urn in protected(engine):
        engine.does("state", "unprotect", urn, "--yes", "--stack", engine.stack)
    engine.does("destroy", "--yes", "--stack", engine.stack)


def protected(engine: Engine) -> list[str]:
    state = json.loads(engine.state)
    return [each["urn"] for each in state["deployment"].get("resources", []) if each.get("protect")]
