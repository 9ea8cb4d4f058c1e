"""Documents that are written to a file of the person's choice."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from rotation.errors import UsageError

Subject = TypeVar("Subject")


def writer_of(
    out: Path, writers: Mapping[str, Callable[[Subject], str]]
) -> Callable[[Subject], str]:
    """By the file's suffix, before anything is looked up."""
    if out.suffix not in writers:
        *others, last = writers
        raise UsageError(
            "report.kind",
            f"{out} is neither {', '.join(others)} nor {last}; nothing was written",
            f"end --out in one of {', '.join(writers)}",
        )
    return writers[out.suffix]


def save(out: Path, text: str) -> None:
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(
            "report.unwritable", f"{out} cannot be written: {error.strerror}", "name another --out"
        ) from None
