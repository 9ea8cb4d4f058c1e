"""The table at the end: what was aimed at, what was measured."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.table import Table


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured number; None where it cannot be had on this machine, and `told` says why. limit:
    it should not be more; None where nothing was promised."""

    what: str
    measured: float | None
    unit: str = ""
    limit: float | None = None
    note: str = ""

    @property
    def verdict(self) -> str:
        if self.limit is None or self.measured is None:
            return ""
        return "ok" if self.measured <= self.limit else "short"


def spoken(number: float | None, unit: str) -> str:
    if number is None:
        return "-"
    digits = 2 if unit in ("x", "s") else 1
    text = (
        f"{number:.0f}"
        if number == int(number) and unit not in ("x", "s")
        else f"{number:.{digits}f}"
    )
    return f"{text} {unit}".strip()


def table(figures: Sequence[Figure]) -> Table:
    shown = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("", "target", "measured", "", ""):
        shown.add_column(column, justify="right" if column in ("target", "measured") else "left")
    for figure in figures:
        target = "" if figure.limit is None else f"<= {spoken(figure.limit, figure.unit)}"
        shown.add_row(
            figure.what, target, spoken(figure.measured, figure.unit), figure.verdict, figure.note
        )
    return shown
