"""A store that does not take what would be staged is found before anything is made for it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from providers.aws.testing import StrictControl
from rotation.journal.entries import Draft, Kind
from rotation.machine.decide import Action, Close, Held
from rotation.machine.replay import Outcome
from tests.matrix.services import Services
from tests.matrix.world import Pair, story
from tests.support import stories

KEY = "arn:aws:kms:eu-central-1:123456789012:key/11111111-2222-3333-4444-555555555555"


class Refusing:
    """A routine rotation of one IAM key, adopted before its store refuses."""

    def __init__(self, services: Services, directory: Path, name: str) -> None:
        self.pair: Pair = services.pair("aws-iam-access-key", "aws-secrets-manager")
        self.one = story(self.pair, directory / "one", name, None)
        control = services.clock.control
        assert isinstance(control, StrictControl)
        self.strict, self.name = control, name
        with self.pair.tapped():
            stories.without_faults(self.one, stories.adopt)

    def encrypt(self) -> None:
        self.strict.client("secretsmanager").update_secret(SecretId=self.name, KmsKeyId=KEY)

    def reply(self, *, resumed: bool) -> tuple[Action, int]:
        """How it goes on, and how many keys were minted meanwhile."""
        since = self.strict.oracle.called()
        with self.pair.tapped():
            stories.open_plan(self.one, "routine")
            if resumed:
                again = Draft(kind=Kind.REQUESTED, who="tester", facts={"verb": "resume"})
                self.one.journal.request(stories.STREAM, again, "tester", self.pair.now)
            action = self.one.drive()
        return action, len(self.strict.oracle.calls("iam:CreateAccessKey", since))


@pytest.fixture
def refusing(
    services: Services, fresh_name: Callable[[], str], tmp_path: Path
) -> Iterator[Refusing]:
    made = Refusing(services, tmp_path, fresh_name())
    yield made
    made.strict.gate.clear()


@pytest.mark.parametrize("action", ["kms:GenerateDataKey", "kms:Decrypt"])
def test_a_customers_key_that_refuses_costs_no_mint(refusing: Refusing, action: str) -> None:
    refusing.encrypt()
    refusing.strict.gate.deny(action, "*", KEY)
    for resumed in (False, True, True):
        held, minted = refusing.reply(resumed=resumed)
        assert isinstance(held, Held)
        assert held.code == "held.denied"
        assert minted == 0
    refusing.strict.gate.clear()
    assert refusing.reply(resumed=True) == (Close(Outcome.SUCCEEDED), 1)
    assert refusing.one.violations() == []


@pytest.mark.parametrize("action", ["kms:GenerateDataKey", "secretsmanager:PutSecretValue"])
def test_what_nothing_spoke_for_is_minted_for_once(refusing: Refusing, action: str) -> None:
    refusing.strict.gate.deny(action)
    for resumed, most in ((False, 1), (True, 0), (True, 0)):
        held, minted = refusing.reply(resumed=resumed)
        assert isinstance(held, Held)
        assert minted <= most
    refusing.strict.gate.clear()
    done, minted = refusing.reply(resumed=True)
    assert isinstance(done, Close)
    assert minted == 1
    assert refusing.one.violations() == []


def test_killed_at_the_rehearsal_nothing_is_left(
    services: Services, fresh_name: Callable[[], str], tmp_path: Path
) -> None:
    def reply(kill_at: int | None) -> list[str]:
        directory = tmp_path / f"{kill_at}"
        directory.mkdir()
        refusing = Refusing(services, directory, fresh_name())
        refusing.encrypt()
        one = refusing.one
        one.boundaries.kill_at = frozenset() if kill_at is None else frozenset({kill_at})
        assert isinstance(refusing.reply(resumed=False)[0], Close)
        assert one.violations() == []
        return one.boundaries.names

    rehearsal = reply(None).index("before PutSecretValue'")
    for number in range(rehearsal - 1, rehearsal + 5):
        reply(number)
