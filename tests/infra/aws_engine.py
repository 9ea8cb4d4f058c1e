"""A stack in an AWS of this machine, brought up by Pulumi's own engine."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.infra import evaluation
from tests.infra.account import as_file
from tests.infra.engine import Engine, missing
from tests.infra.evaluation import Evaluator
from tests.infra.settings import listed
from tests.infra.story import SETTINGS, Installation, begun
from tests.infra.whole import WholeAccount, opened

MISSING = missing()
NAMES = {"billing-iam": "prod/billing/iam", "orders-token": "prod/orders/token"}


@dataclass
class Team:
    """Who owns the file, the stack and the runner."""

    account: WholeAccount
    engine: Engine
    own: Installation

    def takes_over(self) -> None:
        """What a person does once, after the first `up`."""
        as_file(self.own.directory, "rotation.infra.json", json.dumps(self.engine.bindings))
        self.account.strict.authorise(self.own.guard)

    def writes(self, **changed: str) -> None:
        """first, second: the secrets, with a line more or as they are; those that are not named are
        gone."""
        text = self.own.write(**changed).read_text()
        head, *secrets = text.split("  - id: ")
        kept = zip(("first", "second"), secrets, strict=True)
        lines = [f"  - id: {each}" for name, each in kept if name in changed]
        as_file(self.own.directory, "rotation.yaml", head + ("".join(lines) or "  []\n"))

    @property
    def values(self) -> set[str]:
        """Of every secret, as they are now."""
        reply = [self.account.strict.control.oracle.value(name) for name in NAMES.values()]
        return {str(each) for text in reply for each in _texts(json.loads(text))}


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, str) and len(value) > 15:  # an account's number is no secret
        yield value


@pytest.fixture(scope="module")
def evaluator() -> Iterator[Evaluator]:
    with evaluation.running() as found:
        yield found


@pytest.fixture
def team(tmp_path: Path, evaluator: Evaluator) -> Iterator[Team]:
    for name in ("own", "stack"):
        (tmp_path / name).mkdir(mode=0o700)
    with opened() as account:
        engine = Engine(tmp_path / "stack", account.surroundings)
        own = begun(tmp_path / "own", account.strict, evaluator)
        engine.begin(configuration=str(own.directory / "rotation.yaml"), **listed(SETTINGS))
        yield Team(account, engine, own)
