"""What a person decides is an entry: the journal has it, and a runner acts on it."""

from rotation.entries import Draft, Kind
from rotation.errors import PolicyRefusal
from rotation.fold import Rotation, fold
from rotation.operations.installation import Installation
from rotation.types import Facts


def latest_rotation(here: Installation, name: str) -> Rotation:
    entries = here.journal.entries(here.stream_of(name))
    if not entries:
        raise PolicyRefusal(
            "request.unknown",
            f"the journal does not know {name} yet; nothing was done",
            f"`rotation adopt {name}` writes down what is there",
        )
    return fold(entries)


def open_rotation_of(here: Installation, name: str) -> Rotation:
    streams = here.open_streams_of(name)
    if streams:
        return fold(here.journal.entries(streams[0]))
    latest_rotation(here, name)
    raise PolicyRefusal(
        "request.nothing-open",
        f"{name} has no open rotation; nothing was done",
        f"`rotation rotate {name}` replaces its credential",
    )


def request(here: Installation, rotation: Rotation, word: str, **facts: str | bool | None) -> None:
    content: Facts = {"verb": word, **{key: value for key, value in facts.items() if value}}
    draft = Draft(kind=Kind.REQUESTED, who=here.who, facts=content)
    here.journal.request(rotation.stream, draft, here.runner.id, here.clock.now())
