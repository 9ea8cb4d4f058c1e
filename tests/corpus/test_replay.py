"""Every journal that was ever kept is understood, at each of its entries; what a later version added is
ignored, and what cannot be ignored is Held with a way out."""

from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from rotation.journal.chain import fold as fold_stream
from rotation.journal.chain import rotations
from rotation.journal.entries import Entry, Kind
from rotation.journal.identity_row import AT_ONCE, identity_row
from rotation.journal.memory import MemoryJournal
from rotation.journal.upkeep import check_entries
from rotation.machine.decide import Close, Held, next_action
from rotation.machine.replay import replay
from rotation.report.describe import old_dies, what_works
from tests.corpus.replay import decisions, decisions_kept, entry, kept, lines_of
from tests.support import stories
from tests.support.stories import seeded

Change = Callable[[dict[str, Any]], None]

READ_BY_NAME = [name for name in kept() if name.startswith("3-")]


@pytest.mark.parametrize("name", kept())
def test_each_entry_leads_to_the_same_decision(name: str) -> None:
    assert list(decisions(history(name))) == decisions_kept(name)


@pytest.mark.parametrize("name", kept())
def test_its_chain_holds_and_its_row_follows(name: str) -> None:
    journal = replayed(history(name))
    assert list(check_entries(journal)) == []


@pytest.mark.parametrize("name", kept())
def test_each_entry_can_be_told(name: str) -> None:
    entries = history(name)
    for end in range(1, len(entries) + 1):
        *_, rotation = rotations(entries[:end])
        assert "None" not in what_works(replay(rotation))


def later_key(facts: dict[str, Any]) -> None:
    """One more in everything that has keys: rows, the specification and its parts, what is left."""
    for record in (facts, *parts(facts)):
        record["of-a-later-version"] = {"any": ["thing"]}


@pytest.mark.parametrize("name", READ_BY_NAME)
def test_a_key_of_a_later_version_is_ignored(name: str) -> None:
    assert list(decisions(history(name, later_key))) == decisions_kept(name)


def default_missing(facts: dict[str, Any]) -> None:
    """As an earlier version wrote it, which had no such field."""
    spec = facts["spec"]
    for name in ("accept_stale", "composed", "destroy_by_hand", "regions"):
        spec.pop(name, None)
    for consumer in spec["consumers"]:
        consumer.pop("gone", None)


@pytest.mark.parametrize("name", [n for n in READ_BY_NAME if "retire" not in n])
def test_a_key_that_an_earlier_version_did_not_have_has_its_default(name: str) -> None:
    assert list(decisions(history(name, default_missing))) == decisions_kept(name)


def by_hand(facts: dict[str, Any]) -> None:
    facts["spec"]["destroy_by_hand"] = True


@pytest.mark.parametrize("name", ["3-routine-assigned", "3-retire", "3-replace-gone"])
def test_a_gate_that_is_not_written_down_is_the_plans(name: str) -> None:
    kept_ones = decisions_kept(name)
    (asked,) = (n for n, each in enumerate(kept_ones) if each.endswith("do destroy"))
    seq = kept_ones[asked].partition(":")[0]
    made = list(decisions(history(name, by_hand)))
    assert made[asked] == f"{seq}: held, held.destroy-by-hand"
    assert made[:asked] + made[asked + 1 :] == kept_ones[:asked] + kept_ones[asked + 1 :]


@pytest.mark.parametrize("name", ["3-compromised", "3-contain-only"])
def test_an_emergency_waits_for_no_hand(name: str) -> None:
    assert list(decisions(history(name, by_hand))) == decisions_kept(name)


def no_position(facts: dict[str, Any]) -> None:
    del facts["rows"][0]["position"]


def no_step(facts: dict[str, Any]) -> None:
    del facts["rows"][-1]["step"]


def unknown_step(facts: dict[str, Any]) -> None:
    facts["rows"][-1]["step"] = "of-a-later-version"


def unknown_phase(facts: dict[str, Any]) -> None:
    facts["rows"][0]["phase"] = "of-a-later-version"


def unknown_plan(facts: dict[str, Any]) -> None:
    facts["plan"] = "of-a-later-version"


def not_a_row(facts: dict[str, Any]) -> None:
    facts["rows"][0] = "a text"


def no_issuer(facts: dict[str, Any]) -> None:
    del facts["spec"]["issuer"]


def no_type(facts: dict[str, Any]) -> None:
    del facts["spec"]["store"]["type"]


def no_fields(facts: dict[str, Any]) -> None:
    del facts["spec"]["fields"]


def without(key: str) -> Change:
    def change(facts: dict[str, Any]) -> None:
        del facts[key]

    change.__name__ = f"without_{key}"
    return change


NEEDED = ("plan", "secret", "spec_identity", "spec", "baseline", "rows", "undo", "accept")

BROKEN: Sequence[Change] = (
    no_position, no_step, unknown_step, unknown_phase, unknown_plan, not_a_row, no_issuer, no_type,
    no_fields, *map(without, NEEDED),
)  # fmt: skip


@pytest.mark.parametrize("broken", BROKEN)
@pytest.mark.parametrize("name", READ_BY_NAME)
def test_what_cannot_be_ignored_is_held_and_can_be_abandoned(name: str, broken: Change) -> None:
    entries = history(name, broken)
    *_, rotation = rotations(entries)
    for end in range(1, len(rotation)):
        action = next_action(replay(rotation[:end]), rotation[end - 1].at)
        assert isinstance(action, Held), action
        assert action.code == "held.unknown-row"
        assert "None" not in what_works(replay(rotation[:end]))
        assert old_dies(replay(rotation[:end]), rotation[end - 1].at) is None
    asked = replace(
        rotation[-2], kind=Kind.REQUESTED, row=None, facts={"verb": "abandon"}, hash="asked" + name
    )
    assert isinstance(next_action(replay([*rotation[:-1], asked]), asked.at), Close)


@pytest.mark.parametrize("broken", BROKEN)
def test_what_cannot_be_ignored_has_a_row(broken: Change) -> None:
    row = fold_stream(history("3-routine-assigned", broken)[:12], identity_row)
    assert row is not None
    assert row.plan is not None


@pytest.mark.parametrize("broken", BROKEN)
def test_a_runner_closes_what_it_cannot_read_when_a_person_abandons_it(broken: Change) -> None:
    story = seeded(exclusive=True)
    story.journal = replayed(history("3-routine-assigned", broken)[:12])
    assert isinstance(story.drive(), Held)
    stories.request(story, "abandon")
    assert isinstance(story.drive(), Close)
    assert story.rotation().outcome == "abandoned"


def history(name: str, change: Change | None = None) -> list[Entry]:
    """Its entries; each OPENED changed, under another hash."""
    lines = lines_of(name)
    if change is not None:
        for line in lines:
            line["hash"] = f"{change.__name__} {name} {line['hash']}"
            if line["kind"] == "opened":
                change(line["facts"])
    return [entry(line) for line in deepcopy(lines)]


def parts(facts: dict[str, Any]) -> list[dict[str, Any]]:
    spec = facts["spec"]
    plugins = [
        spec["store"],
        spec["issuer"],
        spec["probe"],
        *(c["plugin"] for c in spec["consumers"]),
    ]
    rows = [*facts["rows"], *facts["undo"], *facts["accept"]]
    left = facts.get("baseline", {}).get("ours", {}).values()
    return [spec, *filter(None, plugins), *spec["consumers"], *rows, *left]


def replayed(entries: Sequence[Entry]) -> MemoryJournal:
    """A journal that has them as they are."""
    journal = MemoryJournal("replayed")
    stream = entries[0].stream
    with journal._transaction() as transaction:
        transaction.insert(entries)
    journal.rebuild(stream)
    return journal


@pytest.mark.parametrize("name", [name for name in kept() if name < "4"])
def test_what_an_earlier_version_left_open_is_due_or_held(name: str) -> None:
    """None of its entries says what it waits for, as they do since schema 4: a runner decides."""
    entries = history(name)
    for end in range(1, len(entries)):
        row = fold_stream(entries[:end], identity_row)
        last = entries[end - 1]
        assert row is not None
        if last.kind is Kind.HELD:
            assert (row.held, row.wake_at) == (last.facts["code"], None)
        elif row.plan is not None and row.held is None:
            assert row.wake_at == AT_ONCE


@pytest.mark.parametrize("name", ["1-routine-assigned", "3-routine-assigned"])
def test_what_its_row_says_it_waits_for_stands_until_a_runner_decides(name: str) -> None:
    journal = replayed(history(name)[:12])
    (row,) = journal.identities()
    assert row.wake_at is not None
    later = row.opened_at + timedelta(hours=1)
    asleep = replace(row, row="verify", phase="verify", why="settles", wake_at=later)
    with journal._transaction() as transaction:
        transaction.save(row, asleep)
    assert list(check_entries(journal)) == []
    journal.rebuild(row.stream)
    assert list(journal.identities()) == [asleep]
