"""Records the journals of this version: `python -m tests.corpus.record [--decisions]`."""

import sys

from rotation.journal import upkeep
from rotation.journal.entries import SCHEMA
from tests.corpus.replay import JOURNALS, decisions, entry, keep_decisions, lines_of
from tests.support.crash import STREAM
from tests.support.emergencies import STORIES as EMERGENCIES
from tests.support.replacing import ACCIDENTS, replaced
from tests.support.stories import STORIES, seeded

PLANS = (
    "adopt", "routine, assigned", "routine, chosen", "first, assigned", "rollback after suspend",
    "retire", "repair", "in place", "delegated", "accept after confirm",
)  # fmt: skip
OF_AN_EMERGENCY = ("compromised", "compromised, in place", "cancelled", "contain only")
OF_A_REPLACEMENT = ("gone", "overwritten, in place", "lost")


def main() -> None:
    for name, story in reply():
        path = JOURNALS / f"{SCHEMA}-{name.replace(', ', '-').replace(' ', '-')}.jsonl"
        if not path.exists():
            lines = [
                line for line in upkeep.export(story.journal) if f'"stream":"{STREAM}"' in line
            ]
            path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    for path in JOURNALS.glob("*.jsonl"):
        if "--decisions" in sys.argv or not path.with_suffix(".decisions").exists():
            keep_decisions(path.stem, decisions([entry(line) for line in lines_of(path.stem)]))


def reply():
    for name in PLANS:
        tell, world = STORIES[name]
        story = seeded(**world)
        tell(story)
        yield name, story
    for name in OF_AN_EMERGENCY:
        tell, _, world = EMERGENCIES[name]
        story = seeded(**world)
        tell(story)
        yield name, story
    for name in OF_A_REPLACEMENT:
        accident, world = ACCIDENTS[name]
        story = seeded(**world)
        replaced(story, accident)
        yield f"replace, {name}", story


if __name__ == "__main__":
    main()
