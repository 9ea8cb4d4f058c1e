"""Everything that somebody may do to a journal is found by its checkpoints and the public key alone."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from rotation.audit.checkpoint import Checkpoint, moved, signed
from rotation.audit.keys import PrivateKey, new_key
from rotation.audit.verification import Verdict, verify
from rotation.journal.entries import INSTALLATION
from tests.support.chained import NOW, TAMPERED, Streams, checkpoints, ends, streams

FIRST = "aws-iam-00000"


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> PrivateKey:
    return new_key(tmp_path_factory.mktemp("keys") / "audit.pem")


@pytest.fixture(scope="module")
def journal() -> Streams:
    return streams(4, 24)


def looked(lines: Iterable[Checkpoint | str], of: Streams, key: PrivateKey) -> Verdict:
    text = [each if isinstance(each, str) else each.line for each in lines]
    return verify(text, of.items(), [key.public])


def codes(verdict: Verdict) -> set[str]:
    return {fault.code for fault in verdict.faults}


def test_a_journal_that_nobody_touched_is_whole(journal: Streams, key: PrivateKey) -> None:
    verdict = looked(checkpoints(journal, key), journal, key)
    assert verdict.is_whole
    assert (verdict.anchored, verdict.unanchored) == (4 * 24 + 1, {})


@pytest.mark.parametrize("kind", TAMPERED)
def test_each_tampering_at_each_entry_is_found(
    journal: Streams, key: PrivateKey, kind: str
) -> None:
    made, missed = checkpoints(journal, key), []
    for name, entries in journal.items():
        for at in range(len(entries)):
            forged = TAMPERED[kind](entries, at)
            if forged is not None and looked(made, {**journal, name: forged}, key).is_whole:
                missed.append((name, at))
    assert missed == []


def test_a_stream_that_is_gone_or_forged_whole_is_found(journal: Streams, key: PrivateKey) -> None:
    made = checkpoints(journal, key)
    without = {name: entries for name, entries in journal.items() if name != FIRST}
    assert codes(looked(made, without, key)) == {"audit.stream-gone"}
    other = {**journal, FIRST: streams(1, 25)[FIRST]}
    assert looked(made, other, key).is_whole, "the same entries, and one more"
    assert looked(made, other, key).unanchored == {FIRST: 1}


def test_an_older_state_that_is_put_back_is_found(journal: Streams, key: PrivateKey) -> None:
    """With all that it says of checkpoints: it goes on from an older one."""
    made = checkpoints(journal, key)
    older = {name: entries[: max(1, len(entries) // 3)] for name, entries in journal.items()}
    assert codes(looked(made, older, key)) == {"audit.truncated"}
    again = signed("0123456789ab", made[0], moved(made[:1], ends(journal)), NOW, key)
    assert "audit.forked" in codes(looked([*made, again], journal, key))


def test_what_is_later_than_the_latest_checkpoint_is_counted_apart(
    journal: Streams, key: PrivateKey
) -> None:
    verdict = looked(checkpoints(journal, key)[:1], journal, key)
    assert verdict.is_whole
    assert (verdict.anchored, sum(verdict.unanchored.values())) == (4 * 8 + 1, 4 * 16)


def test_a_sink_may_have_lines_twice_and_in_another_order(
    journal: Streams, key: PrivateKey
) -> None:
    made = checkpoints(journal, key)
    assert looked([*reversed(made), *made, ""], journal, key).is_whole


def test_a_line_that_is_cut_forged_or_missing_is_found(
    journal: Streams, key: PrivateKey, tmp_path: Path
) -> None:
    first, second, third = checkpoints(journal, key)
    assert "audit.line" in codes(looked([first, second, third.line[:-40]], journal, key))
    assert codes(looked([first, third], journal, key)) == {"audit.missing"}
    assert codes(looked([second, third], journal, key)) == {"audit.missing"}
    forged = replace(third, ends={})
    assert "audit.signature" in codes(looked([first, second, forged], journal, key))
    other = new_key(tmp_path / "other.pem")
    resigned = signed("0123456789ab", second, third.ends, NOW, other)
    assert "audit.other-key" in codes(looked([first, second, resigned], journal, key))
    foreign = signed("ba9876543210", second, third.ends, NOW, key)
    assert codes(looked([first, second, foreign], journal, key)) == {"audit.installation"}
    unchained = signed("0123456789ab", replace(second, at=NOW), third.ends, NOW, key)
    assert codes(looked([first, second, unchained], journal, key)) == {"audit.unchained"}


def test_nothing_is_whole_without_a_checkpoint(journal: Streams, key: PrivateKey) -> None:
    assert not looked([], journal, key).is_whole
    assert not looked([], {INSTALLATION: []}, key).is_whole
