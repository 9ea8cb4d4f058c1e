"""Every kind of issuer with both kinds of store, in process: killed at every boundary.

What the kinds are is read from the providers' own traits; tests/matrix asks the real services.
"""

import pytest

from rotation.machine.decide import Close
from rotation.types import Traits
from tests.support import stories
from tests.support.pairs import ISSUERS
from tests.support.stories import seeded
from tests.support.turns import EVERY, SOME, taken

STORES = {"aws-secrets-manager": False, "vault-kv2": True}


def world(traits: Traits, *, numbered: bool) -> dict[str, bool]:
    return {
        "chosen": traits.origin == "chosen",
        "can_suspend": traits.can_suspend,
        "blind": not traits.lists,
        "exclusive": True,
        "numbered": numbered,
    }


def last_way_back(traits: Traits) -> str:
    return "suspend" if traits.can_suspend else "drain"


KINDS = {
    (issuer, store): (world(traits, numbered=STORES[store]), last_way_back(traits))
    for store in STORES
    for issuer, traits in ISSUERS.items()
}


def _distinct() -> dict[str, tuple[dict[str, bool], str]]:
    """Pairs that are of one kind to the machine are told once."""
    named: dict[str, list[str]] = {}
    for (issuer, store), kind in KINDS.items():
        named.setdefault(f"{kind} {store}", []).append(issuer)
    return {
        f"{' = '.join(issuers)} in {key.rpartition(' ')[2]}": KINDS[
            issuers[0], key.rpartition(" ")[2]
        ]
        for key, issuers in named.items()
    }


@pytest.mark.parametrize("stride", [SOME, EVERY])
@pytest.mark.parametrize("ending", ["rotated", "rolled back"])
@pytest.mark.parametrize("kind", _distinct())
def test_killed_at_every_boundary(kind: str, ending: str, stride: int) -> None:
    given, last = _distinct()[kind]
    tell = stories.routine if ending == "rotated" else stories.rollback_after(last)
    clean = seeded(**given)
    assert isinstance(tell(clean), Close), clean.entries()[-3:]
    assert clean.violations() == []
    boundaries = list(clean.boundaries.names)
    bad = []
    for number in taken(len(boundaries), stride, f"{kind} {ending}"):
        story = seeded(**given)
        story.boundaries.kill_at = frozenset({number})
        action = tell(story)
        found = story.violations()
        if found or not isinstance(action, Close):
            bad.append((number, boundaries[number], action, found[:2]))
    assert bad == []
