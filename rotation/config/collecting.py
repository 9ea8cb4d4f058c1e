"""Collects what is found wrong while files are read, and gives each finding its line at the end."""

from collections import Counter
from collections.abc import Iterable

from rotation.config import document
from rotation.config.findings import FINDINGS_MAX, Finding, Level, Problem, spell


class Report:
    """Collects problems, each with its file and, where it is known already, its line."""

    def __init__(self) -> None:
        self._kept: list[tuple[str, int | None, Problem]] = []
        self._count: Counter[Level] = Counter()

    def add(self, file: str, line: int | None, problems: Iterable[Problem]) -> None:
        for problem in problems:
            self._count[problem.level] += 1
            if self._count[problem.level] <= FINDINGS_MAX:
                self._kept.append((file, line, problem))

    @property
    def failed(self) -> bool:
        return self._count[Level.ERROR] > 0

    @property
    def further(self) -> int:
        """The number of findings that were not kept."""
        return self._count.total() - len(self._kept)

    @property
    def further_errors(self) -> int:
        """The number of those that are mistakes."""
        return max(self._count[Level.ERROR] - FINDINGS_MAX, 0)

    def locate(self, file: str, text: str) -> None:
        """Finds the lines of that file's problems which have none yet."""
        asked = [
            problem.where for name, line, problem in self._kept if name == file and line is None
        ]
        lines = document.lines(text, asked) if asked else {}
        self._kept = [
            (name, lines[problem.where] if name == file and line is None else line, problem)
            for name, line, problem in self._kept
        ]

    def findings(self) -> list[Finding]:
        """Every file has been located."""
        found = [
            Finding(
                file=file,
                line=line or 1,
                path=spell(problem.where),
                code=problem.code,
                message=problem.message,
                hint=problem.hint,
                level=problem.level,
            )
            for file, line, problem in self._kept
        ]
        return sorted(found, key=lambda finding: (finding.file, finding.line))
