"""Why a rotation is Held, as it is in the world: each of these is an accident, not an entry."""

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

from rotation.journal.memory import MemoryJournal
from rotation.machine.held import Exit
from rotation.plan import PLANS, Step
from rotation.types import CURRENT, PENDING, mark
from tests.crash.exits import Cause, Repair
from tests.support import stories
from tests.support.acts import ask, declare, dies_once, opened
from tests.support.crash import STREAM, Story
from tests.support.world import INSTALLATION, Killed

CAUSES: dict[str, list[Cause]] = {}
OTHER = "ba9876543210"
IN_PLACE = {"overlap": False, "can_suspend": False, "chosen": True, "numbered": True}
REPLACE = "rotation rotate app --replace"


def cause(
    code: str, repair: Repair | None = None, **how: Any
) -> Callable[[Callable[[], Story]], None]:
    def named(arrive: Callable[[], Story]) -> None:
        CAUSES.setdefault(code, []).append(Cause(code, arrive, repair, **how))

    return named


def nothing(story: Story) -> None:
    """It is so already."""


def undone(story: Story) -> None:
    """Labels, claims and what others made are as they were; everything answers as it should."""
    world = story.world
    world.claim = None if story.rotation().plan == "adopt" else INSTALLATION
    world.refusal, world.stale = None, ()
    world.replicas.clear()
    world.missing.clear()
    world.denied.clear()
    story.boundaries.act = None
    world.probed = None
    story.__dict__.pop("runner", None)
    for label in set(world.labels) - {CURRENT, "previous", PENDING}:
        del world.labels[label]
    if world.labels.get(PENDING) in ("planted", mark(OTHER, "2" * 32)):
        del world.labels[PENDING]
    for handle in [i.id for i in world.instances.values() if i.by_person]:
        del world.instances[handle]


def back(version: str) -> Repair:
    """Off the other version as well, which the store calls the previous one now."""

    def moved(story: Story) -> None:
        undone(story)
        story.world.labels[CURRENT] = version
        if not story.world.labels.get("previous", "rot1").startswith("rot1-" + INSTALLATION):
            story.world.labels.pop("previous", None)

    return moved


def put_back(story: Story) -> None:
    back(str(story.rotation().new_version))(story)


def written_by_hand(story: Story) -> None:
    """A person makes a credential at the service and writes it into the secret."""
    world = story.world
    made = world.mint(by_person=False)
    made.created -= world.lag
    world.versions["by-hand"] = (made.id, made.secret)
    world.move(CURRENT, "by-hand")


def write(story: Story, version: str) -> None:
    """The same credential in another version, as an edit of another key would leave it."""
    story.world.versions[version] = story.world.versions["v0"]
    story.world.move(CURRENT, version)


def refused(story: Story, *handles: str) -> None:
    world = story.world
    world.probed = lambda handle, secret: handle not in handles and world.accepts(handle, secret)


def taken_anyhow(story: Story, *handles: str) -> None:
    world = story.world
    world.probed = lambda handle, secret: handle in handles or world.accepts(handle, secret)


def adopting(story: Story) -> Story:
    """What nobody claims yet, unless that is what it is about."""
    if story.world.claim == INSTALLATION and story.world.labels.get(CURRENT) == "v0":
        story.world.claim = None
    stories.open_plan(story, "adopt")
    return story


# ------------------------------------------------------------------------------ the store's labels


@cause("held.world-changed", back("v0"), by_hand={Exit.ACCEPT_CURRENT: nothing})
def another_key_was_edited() -> Story:
    story = opened()
    write(story, "edited")
    return story


@cause(
    "held.world-changed",
    lambda story: back(str(story.rotation().old_version))(story),
    by_hand={Exit.ACCEPT_CURRENT: written_by_hand},
    afterwards="rotation rotate app",
)
def the_label_went_to_one_that_is_dead() -> Story:
    story = opened()
    story.drive()
    story.runner().open(STREAM, PLANS["routine"], story.spec, trigger="test")
    story.world.emergency = True
    story.world.move(CURRENT, "v0")
    return story


def restored(story: Story) -> None:
    story.journal = story.newest  # type: ignore[attr-defined]


@cause("held.journal-behind", restored)
def an_older_journal_was_restored() -> Story:
    story = stories.seeded(exclusive=True)
    stories.without_faults(story, stories.adopt)
    older, story.journal = story.journal, MemoryJournal(INSTALLATION)
    stories.routine(story)
    story.newest, story.journal = story.journal, older  # type: ignore[attr-defined]
    story.runner().open(STREAM, PLANS["routine"], story.spec, trigger="test")
    return story


@cause("held.journal-behind", nothing, afterwards="rotation adopt app --take-over")
def the_journal_was_lost() -> Story:
    story = stories.seeded(exclusive=True)
    stories.routine(story)
    story.journal = MemoryJournal(INSTALLATION)
    return adopting(story)


@cause("held.foreign-mark", back("v0"), by_hand={Exit.ACCEPT_CURRENT: nothing})
def another_installation_promoted() -> Story:
    story = opened()
    write(story, mark(OTHER, "1" * 32))
    return story


@cause("held.foreign-mark", undone)
def another_installation_staged() -> Story:
    story = opened("repair")
    staged = mark(OTHER, "2" * 32)
    story.world.versions[staged] = story.world.versions["v0"]
    story.world.labels[PENDING] = staged
    return story


@cause("held.pending-foreign", undone)
def somebody_staged() -> Story:
    story = opened()
    story.world.versions["planted"] = story.world.versions["v0"]
    story.world.labels[PENDING] = "planted"
    return story


@cause("held.unknown-pointer", undone)
def somebody_pinned_a_version() -> Story:
    story = opened()
    story.world.versions["pinned"] = story.world.versions["v0"]
    story.world.labels["NIGHTLY"] = "pinned"
    return story


@cause("held.unknown-pointer", back("v0"), by_hand={Exit.ACCEPT_CURRENT: nothing})
def readers_may_get_what_is_contained() -> Story:
    """An emergency on what an abandoned rotation left; somebody writes a version meanwhile."""
    story = opened(until="issue")
    ask(story, "abandon")
    story.drive()
    declare(story, scope=["KEY2"])
    story.world.emergency = False

    def written(number: int, name: str) -> None:
        if name == "after issuer.suspend":
            story.boundaries.act = None
            write(story, "edited")

    story.boundaries.act = written
    return story


@cause("held.pointer-moved", put_back)
def the_label_went_back() -> Story:
    story = opened(until="confirm", exclusive=True)
    story.world.move(CURRENT, "v0")
    return story


@cause("held.pointer-moved", put_back)
def the_label_went_back_while_the_old_one_was_off() -> Story:
    story = opened(until="prove-off", exclusive=True)
    story.world.emergency = True
    story.world.move(CURRENT, "v0")
    return story


@cause("held.pointer-moved", back("v0"))
def the_label_went_forward_again_in_a_rollback() -> Story:
    story = opened(until="promote", exclusive=True)
    ask(story, "rollback")

    def moved(number: int, name: str) -> None:
        if name == "after store.promote":
            story.boundaries.act = None
            story.world.move(CURRENT, story.rotation().new_version)

    story.boundaries.act = moved
    return story


@cause("held.pointer-moved", put_back)
def the_label_went_back_in_an_emergency() -> Story:
    story = stories.seeded(exclusive=True)
    stories.without_faults(story, stories.adopt)
    declare(story)

    def moved(number: int, name: str) -> None:
        rotation = story.rotation()
        is_promoted = rotation.done(Step.PROMOTE) and not rotation.done(Step.VERIFY_LIVE)
        if name == "after probe.login" and is_promoted:
            story.boundaries.act = None
            story.world.move(CURRENT, "v0")

    story.boundaries.act = moved
    return story


@cause(
    "held.pointer-moved-late",
    put_back,
    by_hand={Exit.ACCEPT_CURRENT: written_by_hand, Exit.ABANDON: nothing},
    afterwards=REPLACE,
)
def the_label_went_back_in_the_last_moment() -> Story:
    story = opened(exclusive=True)

    def act(number: int, name: str) -> None:
        if name == "before issuer.destroy":
            story.boundaries.act = None
            story.world.emergency = True
            story.world.move(CURRENT, "v0")

    story.boundaries.act = act
    return story


@cause("held.conflict", back("v0"))
def somebody_wrote_between_our_look_and_our_call() -> Story:
    story = opened(exclusive=True)

    def written(number: int, name: str) -> None:
        if name == "before store.promote":
            story.boundaries.act = None
            write(story, "edited")

    story.boundaries.act = written
    return story


def lost_again(story: Story) -> None:
    del story.world.instances["KEY2"]


# ------------------------------------------------------------------------------------- whose it is


@cause("held.claim-missing", undone)
def the_claim_was_taken_off() -> Story:
    story = opened()
    story.world.claim = None
    return story


@cause("held.claim-foreign", undone)
def another_installation_claims_it() -> Story:
    story = opened()
    story.world.claim = OTHER
    return story


@cause(
    "held.claim-foreign",
    nothing,
    by_hand={Exit.RESUME: undone},
    afterwards="rotation adopt app --take-over",
)
def another_installation_claims_what_is_adopted() -> Story:
    story = stories.seeded()
    story.world.claim = OTHER
    return adopting(story)


@cause("held.unknown-instance", undone, leads_to={Exit.FOREIGN: "held.slot-full"})
def a_colleague_made_a_key() -> Story:
    story = opened()
    story.world.mint(by_person=True)
    return story


@cause("held.unknown-instance", undone, instance="KEY2")
def a_colleague_made_a_role() -> Story:
    story = opened(chosen=True)
    story.world.mint(by_person=True)
    return story


@cause("held.unknown-instance", lost_again, leads_to={Exit.FOREIGN: "held.slot-full"})
def a_mint_whose_answer_was_lost() -> Story:
    story = opened()
    dies_once(story, "after issuer.issue")
    return story


@cause("held.unknown-instance", lost_again, leads_to={Exit.FOREIGN: "held.slot-full"})
def a_rollback_of_a_mint_whose_answer_was_lost() -> Story:
    story = opened()
    dies_once(story, "after issuer.issue")
    with suppress(Killed):
        story.runner().advance(STREAM)
    story.world.dead = False
    ask(story, "rollback")
    return story


@cause("held.unknown-instance", undone, leads_to={Exit.FOREIGN: "held.slot-full"})
def it_appeared_during_an_emergency() -> Story:
    story = stories.seeded(exclusive=True)
    stories.without_faults(story, stories.adopt)
    declare(story)
    stories.advance_until(story, "destroy")
    story.world.mint(by_person=True)
    return story


@cause("held.slot-full", undone)
def the_issuer_is_full() -> Story:
    story = stories.seeded()
    story.world.mint(by_person=True)
    stories.without_faults(story, stories.adopt)
    stories.open_plan(story, "routine")
    return story


@cause("held.slot-full", undone, afterwards=REPLACE)
def the_issuer_is_full_and_readers_are_down() -> Story:
    story = stories.seeded()
    story.world.mint(by_person=True)
    stories.without_faults(story, stories.adopt)
    story.world.emergency = True
    story.world.versions["v0"] = ("KEY1", "not-the-secret-any-more")
    story.runner().open_replacement(STREAM, story.spec, trigger="person")
    return story


def the_other_goes(story: Story) -> None:
    story.world.instances.pop("KEY1")


def both_were_given(instance: str) -> Callable[[], Story]:
    def two_of_ours_were_given_to_readers() -> Story:
        """And a person wrote a dead value over the newer one."""
        story = opened(until="verify", exclusive=True)
        story.world.versions["typed"] = ("KEY1", "not-the-secret-of-it")
        story.world.move(CURRENT, "typed")
        story.world.emergency = True
        story.drive()
        story.runner().open_replacement(STREAM, story.spec, trigger="person")
        return story

    return two_of_ours_were_given_to_readers


for each in ("KEY1", "KEY2"):
    cause("held.slot-full", the_other_goes, instance=each, afterwards=REPLACE)(
        both_were_given(each)
    )


def quiet(story: Story) -> None:
    story.world.consumers[0].next_read = story.world.now
    story.world.advance(story.world.now + timedelta(minutes=5))


@cause("held.leftover", quiet, instance="KEY1")
def a_consumer_still_has_what_was_left() -> Story:
    story = opened(until="promote")
    ask(story, "abandon")
    story.drive()
    story.world.consumers[0].next_read += timedelta(days=999)
    story.runner().open(STREAM, PLANS["routine"], story.spec, trigger="test")
    return story
