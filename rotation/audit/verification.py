"""Whether a journal is the one that its checkpoints were made of. Pure: from lines and entries, with
the public key alone."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from rotation.audit.checkpoint import FIRST, Checkpoint, End, Key, read
from rotation.journal.entries import GENESIS, Entry, entry_hash


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that no runner of this program leaves. seq: None where it is about a whole stream or
    about the checkpoints."""

    code: str
    stream: str
    seq: int | None
    message: str


@dataclass(kw_only=True)
class Verdict:
    """anchored: entries that a checkpoint stands for; unanchored: later ones, which are only chained,
    by stream."""

    faults: list[Fault] = field(default_factory=list)
    anchored: int = 0
    unanchored: dict[str, int] = field(default_factory=dict)
    latest: Checkpoint | None = None
    checkpoints: int = 0

    @property
    def is_whole(self) -> bool:
        return not self.faults and self.latest is not None


def verify(
    lines: Iterable[str], streams: Iterable[tuple[str, Iterable[Entry]]], keys: Iterable[Key]
) -> Verdict:
    """streams: each with its entries from the first one, as they are kept. keys: of those who may have
    signed."""
    verdict = Verdict()
    checkpoints = list(_chained(lines, {key.id: key for key in keys}, verdict))
    verdict.checkpoints = len(checkpoints)
    verdict.latest = checkpoints[-1] if checkpoints else None
    wanted = _ends(checkpoints)
    for name, entries in streams:
        _stream(name, entries, wanted.pop(name, {}), verdict)
    for name, ends in wanted.items():
        message = f"the stream is gone: entries up to {max(ends)} were there"
        verdict.faults.append(Fault("audit.stream-gone", name, None, message))
    return verdict


def _ends(checkpoints: Iterable[Checkpoint]) -> dict[str, dict[int, str]]:
    """By stream and seq the hash that a checkpoint has."""
    wanted: dict[str, dict[int, str]] = {}
    for checkpoint in checkpoints:
        for name, end in checkpoint.ends.items():
            wanted.setdefault(name, {}).setdefault(end.seq, end.hash)
    return wanted


# ------------------------------------------------------------------------------ the checkpoints


def _chained(
    lines: Iterable[str], keys: Mapping[str, Key], verdict: Verdict
) -> Iterator[Checkpoint]:
    """Those that are signed, in their order. A sink may have a line twice, and in another order."""
    found: dict[tuple[int, str], Checkpoint] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        checkpoint = read(line)
        fault = _fault_of(checkpoint, keys)
        if fault is not None:
            verdict.faults.append(Fault(*fault, "", number, f"line {number} {_SAYS[fault[0]]}"))
        elif checkpoint is not None:
            found[checkpoint.number, checkpoint.hash] = checkpoint
    before: Checkpoint | None = None
    for checkpoint in sorted(found.values(), key=lambda each: (each.number, each.at)):
        verdict.faults += _link(before, checkpoint)
        before = checkpoint
        yield checkpoint


def _fault_of(checkpoint: Checkpoint | None, keys: Mapping[str, Key]) -> tuple[str] | None:
    if checkpoint is None:
        return ("audit.line",)
    key = keys.get(checkpoint.key)
    if key is None:
        return ("audit.other-key",)
    if not key.verifies(checkpoint.content, checkpoint.signature):
        return ("audit.signature",)
    return None


_SAYS = {
    "audit.line": "of the checkpoints cannot be read",
    "audit.other-key": "is signed with another key",
    "audit.signature": "does not have the signature of the key: it was changed",
}


def _link(before: Checkpoint | None, checkpoint: Checkpoint) -> Iterator[Fault]:
    number = checkpoint.number
    if before is not None and before.installation != checkpoint.installation:
        message = f"checkpoint {number} is of installation {checkpoint.installation}"
        yield Fault("audit.installation", "", number, message)
    elif before is not None and before.number == number:
        message = f"there are two checkpoints {number}: the journal went back to an older state"
        yield Fault("audit.forked", "", number, message)
    elif number != (1 if before is None else before.number + 1):
        first = 1 if before is None else before.number + 1
        message = f"checkpoints {first} to {number - 1} are missing"
        yield Fault("audit.missing", "", number, message)
    elif checkpoint.previous != (FIRST if before is None else before.hash):
        message = f"checkpoint {number} does not follow from the one before"
        yield Fault("audit.unchained", "", number, message)


# ---------------------------------------------------------------------------------- the journal


def _stream(
    name: str, entries: Iterable[Entry], wanted: Mapping[int, str], verdict: Verdict
) -> None:
    last, anchored = End(0, GENESIS), max(wanted, default=0)
    left = dict(wanted)
    for entry in entries:
        fault = _of_entry(entry, last, name)
        if fault is not None:
            verdict.faults.append(fault)
        expected = left.pop(entry.seq, entry.hash)
        if expected != entry.hash:
            message = "is not the entry that a checkpoint has"
            verdict.faults.append(Fault("audit.changed", name, entry.seq, message))
        last = End(entry.seq, entry.hash)
    verdict.anchored += min(last.seq, anchored)
    if last.seq > anchored:
        verdict.unanchored[name] = last.seq - anchored
    if left:
        message = f"ends with entry {last.seq}, and entry {anchored} was there"
        verdict.faults.append(Fault("audit.truncated", name, last.seq, message))


def _of_entry(entry: Entry, last: End, name: str) -> Fault | None:
    """What is wrong with an entry after the last one."""
    if entry.stream != name:
        return Fault("audit.changed", name, entry.seq, f"belongs to stream {entry.stream}")
    if entry.seq != last.seq + 1:
        return Fault("audit.gap", name, entry.seq, f"follows entry {last.seq}")
    if entry.prev != last.hash:
        return Fault("audit.unchained", name, entry.seq, "does not follow from the entry before it")
    if entry.hash != entry_hash(entry):
        return Fault("audit.changed", name, entry.seq, "is not what was hashed")
    return None
