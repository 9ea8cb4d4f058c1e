"""A declared issuer under the real runner, from a configuration: rotated, whatever the vendor does
to the mint, with a store on strict AWS."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from benchmarks.fleet import Clock
from providers.aws.testing import ADMIN
from providers.aws.testing.server import StrictAws
from providers.http.testing.acme import DECLARATION, PROBE, Acme
from providers.http.testing.service import Fault, Reply
from rotation.config import load
from rotation.execution.runner import Runner
from rotation.journal.memory import MemoryJournal
from rotation.machine.decide import Action, Close, Held, Wait
from rotation.machine.replay import Outcome, replay
from rotation.plan import PLANS, Step
from rotation.plugins.registry import Registry
from rotation.report.describe import what_works
from tests.support.http import INSTALLATION, replacing

IDEMPOTENT = {"idempotency_header": "Idempotency-Key", "idempotency_window": "1d"}

CONFIGURATION = """
installation: "0123456789ab"
connections:
  aws: {{type: aws, account: "123456789012", region: {region}, endpoint: "{endpoint}",
         credentials_file: {directory}/aws}}
  vendor: {{type: http, origin: "{origin}", credentials: {{token: {directory}/token}}}}
secrets:
  - id: billing
    application: billing
    environment: production
    owner: team-billing
    store: {{type: aws-secrets-manager, connection: aws, name: {name}}}
    issuer:
      type: http-api
      connection: vendor
      name: billing
      parameters: {{team: a}}
      scopes: [read]
      expires_in: 120d
      declaration: {declaration}
    probe: {{type: http-api, connection: vendor, request: {probe}}}
    consumers: [{{id: app, type: store-reader, refresh: 5m, accept_elapsed: true}}]
"""


@pytest.fixture(scope="module")
def strict() -> Iterator[StrictAws]:
    with StrictAws() as strict:
        yield strict


class Story:
    """One adopted key of the vendor's, and a runner whose waits cost nothing."""

    def __init__(self, strict: StrictAws, vendor: Acme, directory: Path, create: Any) -> None:
        self.vendor, self.control, self.name = vendor, strict.control, directory.name
        self.control.reset()
        self.clock = vendor.clock = Clock(self.control)
        made = vendor.mint("key-1", "billing", scopes=["read"], owner=vendor.owner, expires=None)
        value = json.dumps({"id": made.id, "secret": made.secret, "url": "stays"})
        self.secrets = self.control.client("secretsmanager")
        self.secrets.create_secret(Name=self.name, SecretString=value)
        configuration = load(self._written(directory, create))
        [entry] = configuration.secrets()
        self.stream, self.spec = entry.stream, configuration.specification(entry)
        self.journal = MemoryJournal(INSTALLATION)
        self.registry = Registry(configuration, self.clock)

    def _written(self, directory: Path, create: Any) -> Path:
        texts = {
            "token": self.vendor.admin["token"],
            "aws": f"[default]\naws_access_key_id = {ADMIN.access_key_id}\n"
            f"aws_secret_access_key = {ADMIN.secret_access_key}\n",
            "rotation.yaml": CONFIGURATION.format(
                region=self.control.region,
                endpoint=self.control.endpoint,
                origin=self.vendor.origin,
                directory=directory,
                name=self.name,
                declaration=json.dumps({**DECLARATION, "create": create}),
                probe=json.dumps(PROBE),
            ),
        }
        for name, text in texts.items():
            (directory / name).write_text(text)
            (directory / name).chmod(0o600)
        return directory / "rotation.yaml"

    def tell(self, plan: str) -> Action:
        runner = Runner(
            journal=self.journal, bind=self.registry.bind, clock=self.clock, id="runner"
        )
        runner.open(self.stream, PLANS[plan], self.spec, trigger="test")
        action = runner.advance(self.stream)
        while isinstance(action, Wait) and action.until is not None:
            self.clock.skip_to(action.until)
            action = runner.advance(self.stream)
        return action

    def current(self) -> dict[str, str]:
        value: dict[str, str] = json.loads(
            self.secrets.get_secret_value(SecretId=self.name)["SecretString"]
        )
        return value


@pytest.fixture
def acme_create(request: pytest.FixtureRequest) -> dict[str, Any]:
    return {**DECLARATION["create"], **getattr(request, "param", {})}


@pytest.fixture
def story(
    strict: StrictAws, acme: Acme, tmp_path: Path, acme_create: dict[str, Any]
) -> Iterator[Story]:
    story = Story(strict, acme, tmp_path, acme_create)
    assert story.tell("adopt") == Close(Outcome.SUCCEEDED)
    story.clock.skip_to(story.clock.now() + timedelta(days=80))
    yield story
    story.registry.close()


def rotated_cleanly(story: Story) -> bool:
    """One key lives, it is what readers get, and the rest of their secret is as it was."""
    current = story.current()
    [alive] = story.vendor.instances.values()
    return (alive.id, alive.secret, "stays") == (current["id"], current["secret"], current["url"])


def test_it_is_rotated(story: Story, acme: Acme) -> None:
    assert story.tell("routine") == Close(Outcome.SUCCEEDED)
    assert rotated_cleanly(story)
    assert acme.minted == 2
    secrets = [story.current()["secret"], acme.admin["token"]]
    reply = json.dumps([str(entry) for entry in story.journal.entries(story.stream)])
    assert not [secret for secret in secrets if secret in reply]


@pytest.mark.parametrize("kind", [Fault.LOST, Fault.PAGE, Fault.TRUNCATED, Fault.BROKEN])
def test_a_mint_in_doubt_is_settled_by_its_label_without_a_person(
    story: Story, acme: Acme, kind: Fault
) -> None:
    with acme.fault("create", kind):
        assert story.tell("routine") == Close(Outcome.SUCCEEDED)
    assert rotated_cleanly(story)


@pytest.mark.parametrize("acme_create", [IDEMPOTENT], indirect=True)
def test_a_lost_mint_is_not_even_in_doubt_under_an_idempotency_key(
    story: Story, acme: Acme
) -> None:
    with acme.fault("create", Fault.LOST):
        assert story.tell("routine") == Close(Outcome.SUCCEEDED)
    assert rotated_cleanly(story)
    assert acme.minted == 2


def test_throttling_and_trouble_only_take_time(story: Story, acme: Acme) -> None:
    with (
        acme.fault("list", Fault.THROTTLED, Fault.PAGE, Fault.LOST),
        acme.fault("suspend", Fault.LOST, Fault.BROKEN),
        acme.fault("delete", Fault.LOST, Fault.PAGE),
        acme.fault("login", Fault.BROKEN, Fault.THROTTLED),
    ):
        assert story.tell("routine") == Close(Outcome.SUCCEEDED)
    assert rotated_cleanly(story)


def test_other_rights_stop_it_and_leave_what_was(story: Story, acme: Acme) -> None:
    before = story.current()
    acme.scopes_given = ["read", "admin"]
    action = story.tell("routine")
    assert isinstance(action, Held)
    assert story.current() == before
    assert acme.instances.keys() == {"key-1"}
    assert replay(story.journal.entries(story.stream)).outcome is None


def test_what_a_lagging_list_still_shows_of_our_own_attempt_is_no_stranger(
    story: Story, acme: Acme
) -> None:
    """A mint without an answer is removed by its mark; the list shows it for three more looks."""
    answer, ghosts = acme.answer, dict[str, Any]()
    left = iter(range(3))

    def lagging(operation: str, got: Any) -> Any:
        if operation == "delete" and got.segments[4] in acme.instances:
            ghosts[got.segments[4]] = acme.instances[got.segments[4]]
        now = acme.instances
        if operation == "list" and ghosts and next(left, None) is not None:
            acme.instances = {**now, **ghosts}
        try:
            return answer(operation, got)
        finally:
            acme.instances = now

    acme.answer = lagging  # type: ignore[method-assign]
    with acme.fault("create", Fault.LOST):
        assert story.tell("routine") == Close(Outcome.SUCCEEDED)
    assert rotated_cleanly(story)


def test_a_service_that_replaces_in_place_is_called_once(story: Story, acme: Acme) -> None:
    calls = replacing(acme, relabels=False)
    action = story.tell("routine")
    assert isinstance(action, Held)
    assert action.code == "held.replaced-in-place"
    assert calls == ["create"]
    rotation = replay(story.journal.entries(story.stream))
    assert "without a working credential" in what_works(rotation)
    assert rotation.state(Step.ISSUE).tries == 0


def test_a_mint_that_the_service_refuses_is_asked_for_once(story: Story, acme: Acme) -> None:
    answer, asked = acme.answer, list[str]()

    def refusing(operation: str, got: Any) -> Any:
        asked.append(operation)
        return Reply(400, {"error": "no"}) if operation == "create" else answer(operation, got)

    acme.answer = refusing  # type: ignore[method-assign]
    assert story.tell("routine") == Close(Outcome.ROLLED_BACK)
    assert asked.count("create") == 1
    assert list(acme.instances) == ["key-1"]
