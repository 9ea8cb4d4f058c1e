"""The real adapters, a journal on disk and strict AWS: the runner is killed before and after every
request to AWS and every write of the journal. Strict AWS alone is asked what came of it."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from json import loads
from pathlib import Path
from typing import Any

import pytest
from botocore.awsrequest import AWSPreparedRequest
from botocore.credentials import ReadOnlyCredentials
from botocore.httpsession import URLLib3Session

from benchmarks.fleet import (
    INSTALLATION,
    KEYS,
    Clock,
    Times,
    connection_options,
    seed,
    specification,
)
from providers.aws.clients import AwsConnection
from providers.aws.iam_access_key import AccessKeyIssuer
from providers.aws.options import AccessKeyOptions, SecretsManagerOptions, StsOptions
from providers.aws.secrets_manager import SecretsManagerStore
from providers.aws.sts import CallerIdentity, StsProbe
from providers.aws.testing import StrictControl
from providers.aws.testing.server import StrictAws
from providers.aws.wire import Wire
from rotation.execution.runner import Runner
from rotation.interfaces import Adapters, PluginContext
from rotation.journal.facts import Opened
from rotation.journal.sql import open_journal
from rotation.machine.decide import Action, Close
from rotation.machine.replay import replay
from rotation.operations.survey import survey
from tests.crash.real import RealStory
from tests.support import stories
from tests.support.crash import STREAM, Story
from tests.support.stories import Teller
from tests.support.turns import taken
from tests.support.world import Killed

APP = "app"
PROPAGATION_S = 5
TIMES = Times(settle=10, grace=60, quiet=30, soak=60, refresh=30)
USES_EVERY = timedelta(seconds=10)
SECRET = re.compile(rb"<SecretAccessKey>([^<]+)</SecretAccessKey>")
OPERATION = re.compile(rb"Action=(\w+)")


class Application:
    """Reads the secret every now and then, and uses what it holds all the time."""

    def __init__(self, control: StrictControl) -> None:
        self._store = control.client("secretsmanager")
        self._sts = CallerIdentity(
            control.endpoint, control.region, URLLib3Session(), user_agent="application"
        )

    def read(self) -> dict[str, str] | None:
        """None where nothing, or only a placeholder, is there."""
        try:
            given = self._store.get_secret_value(SecretId=APP)["SecretString"]
        except self._store.exceptions.ResourceNotFoundException:
            return None
        value: dict[str, str] = loads(given)
        return value if "id" in value else None

    def is_let_in(self, value: dict[str, str]) -> bool:
        credentials = ReadOnlyCredentials(value["id"], value["secret"], None)
        return self._sts.ask(credentials).refusal is None


@dataclass
class StrictWorld:
    """Strict AWS in the place of the simulated world: virtual time, an application, outages."""

    control: StrictControl
    connection: AwsConnection
    clock: Clock
    application: Application
    outages: list[str] = field(default_factory=list)
    secrets: set[bytes] = field(default_factory=set)
    dead: bool = False
    emergency: bool = False
    before: Callable[[int, str], None] = lambda number, name: None
    after: Callable[[int, str], None] = lambda number, name: None
    holds: dict[str, str] | None = None

    def __post_init__(self) -> None:
        self.next_read = self.next_use = self.now

    @property
    def now(self) -> datetime:
        return self.clock.now()

    def advance(self, to: datetime) -> None:
        while (turn := min(self.next_read, self.next_use)) <= to:
            self.clock.skip_to(turn)
            if turn == self.next_read:
                self.next_read = self.now + timedelta(seconds=TIMES.refresh)
                self.holds = self.application.read() or self.holds
            else:
                self.next_use = self.now + USES_EVERY
                self._use()
        self.clock.skip_to(to)

    def _use(self) -> None:
        if self.holds and not self.application.is_let_in(self.holds) and not self.emergency:
            self.outages.append(f"refused with {self.holds['id']} at {self.now:%H:%M:%S}")

    def live(self) -> list[str]:
        return [key["AccessKeyId"] for key in self.control.oracle.keys(APP)]

    def current_works(self) -> bool:
        value = self.application.read()
        return value is None or self.application.is_let_in(value)

    def adapters(self) -> Adapters:
        """As a new process has them: without a memory."""
        context = PluginContext(
            installation=INSTALLATION,
            clock=self.clock,
            connections={"main": self.connection},
            fields=KEYS,
            public=AccessKeyOptions.PUBLIC,
            keep_foreign=False,
        )
        return Adapters(
            issuer=AccessKeyIssuer(AccessKeyOptions(connection="main", user=APP), context),
            store=SecretsManagerStore(SecretsManagerOptions(connection="main", name=APP), context),
            probe=StsProbe(StsOptions(connection="main"), context),
            consumers={},
        )

    def send(self, name: str, request: Callable[[], Any]) -> Any:
        """One request of the product."""
        if self.dead:
            raise Killed
        self.before(0, name)
        response = request()
        self.secrets |= set(SECRET.findall(response.content))
        self.after(0, name)
        return response


# ------------------------------------------------------------------------------------- the place


@dataclass
class Place:
    """One strict AWS, one connection and one application for all stories of this module."""

    control: StrictControl
    connection: AwsConnection
    clock: Clock
    application: Application
    world: StrictWorld | None = None

    def story(self, directory: Path, *, empty: bool, kill_at: int | None = None) -> RealStory:
        self.world = None
        self.control.reset()
        self.clock.skipped = timedelta()
        seed(self.control, [APP], empty=empty)
        self.control.conditions.propagation(PROPAGATION_S)
        self.control.conditions.last_used(grain_s=0, lag_s=0)
        directory.mkdir()
        self.world = StrictWorld(self.control, self.connection, self.clock, self.application)
        return RealStory(
            world=self.world,
            spec=specification(APP, elapsed=False, times=TIMES, exclusive=True),
            kill_at=frozenset() if kill_at is None else frozenset({kill_at}),
            journal=open_journal(directory / "journal.db", INSTALLATION),
            directory=directory,
        )


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with StrictAws() as strict:
        control, clock = strict.control, Clock(strict.control)
        options = connection_options(control, tmp_path_factory.mktemp("aws"))
        connection = AwsConnection(options, installation=INSTALLATION, clock=clock)
        yield Place(control, connection, clock, Application(control))
        connection.close()


@pytest.fixture(autouse=True)
def wire(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every request of the product passes the world; an application's does not."""
    send = Wire.send

    def passing(session: Wire, request: AWSPreparedRequest) -> Any:
        if place.world is None or b"rotation/" not in _bytes(request.headers["User-Agent"]):
            return send(session, request)
        return place.world.send(_name(request), lambda: send(session, request))

    monkeypatch.setattr(Wire, "send", passing)


def _bytes(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode()


def _name(request: AWSPreparedRequest) -> str:
    target = request.headers.get("X-Amz-Target")
    if target is not None:
        return _bytes(target).decode().rpartition(".")[2]
    found = OPERATION.search(_bytes(request.body))
    assert found is not None
    return found[1].decode()


# ----------------------------------------------------------------------------------- the stories


def emergency(story: Story) -> Action:
    stories.without_faults(story, stories.adopt)

    def declaring(runner: Runner) -> None:
        if replay(story.journal.entries(STREAM)).plan == "compromised":
            return
        story.world.emergency = True
        seen = survey(story.journal, story.world.adapters(), STREAM, story.spec)
        said = Opened(scope=seen.ours, reason="leaked")
        runner.open_emergency(STREAM, story.spec, seen.baseline, who="on-call", said=said)

    story.survive(declaring)
    return story.drive()


STORIES: dict[str, Teller] = {
    "routine": stories.routine,
    "first": stories.first,
    "rollback": stories.rollback_after("suspend"),
    "compromised": emergency,
}


def killed_at(
    place: Place, directory: Path, name: str, boundary: int | None
) -> tuple[RealStory, list[str]]:
    """The story with that one death in it, and what strict AWS says of its end."""
    story = place.story(directory, empty=name == "first", kill_at=boundary)
    with story.journal:
        action = STORIES[name](story)
        found = [] if isinstance(action, Close) else [f"it ends with {action}"]
        return story, [*found, *story.violations()]


@pytest.mark.parametrize("count", [1, pytest.param(5, marks=pytest.mark.every)])
@pytest.mark.parametrize("name", STORIES)
def test_killed_at_a_few_boundaries(place: Place, tmp_path: Path, name: str, count: int) -> None:
    clean, found = killed_at(place, tmp_path / "clean", name, None)
    assert found == []
    names = list(clean.boundaries.names)
    for boundary in taken(len(names), len(names) // count, name):
        _, found = killed_at(place, tmp_path / str(boundary), name, boundary)
        assert found == [], (boundary, names[boundary])


@pytest.mark.slow
@pytest.mark.parametrize("share", range(4))
@pytest.mark.parametrize("name", STORIES)
def test_killed_at_every_boundary(place: Place, tmp_path: Path, name: str, share: int) -> None:
    clean, _ = killed_at(place, tmp_path / "clean", name, None)
    names = list(clean.boundaries.names)
    accidents = {}
    for boundary in range(share, len(names), 4):
        _, found = killed_at(place, tmp_path / str(boundary), name, boundary)
        if found:
            accidents[boundary, names[boundary]] = found
    assert accidents == {}
