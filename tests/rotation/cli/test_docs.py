"""docs/cli.md says what the command line does."""

import re
from pathlib import Path

from rotation.cli import failures
from rotation.cli.verbs import SECTIONS

PAGE = (Path(__file__).parents[3] / "docs" / "cli.md").read_text()


def test_every_verb_is_on_the_page_under_its_section() -> None:
    _, _, verbs = PAGE.partition("## Verbs")
    sections = re.findall(r"### (.+)\n((?:.|\n)*?)(?=\n##)", verbs)
    reply = {
        section: dict(re.findall(r"^\| `([a-z]+)` \| (.+) \|$", text, re.MULTILINE))
        for section, text in sections
    }
    assert reply == {
        section: {name: listed.help for name, listed in verbs.items()}
        for section, verbs in SECTIONS.items()
    }


def test_every_exit_code_is_on_the_page() -> None:
    reply = {int(code) for code in re.findall(r"^\| (\d+) \|", PAGE, re.MULTILINE)}
    assert reply == set(failures._WORST_FIRST)


def test_the_order_of_the_worst_is_the_one_on_the_page() -> None:
    order = re.search(r"the first of ([\d, \n]+)\.", PAGE)
    assert order is not None
    reply = [int(code) for code in order[1].split(",")]
    assert reply == [code for code in failures._WORST_FIRST if code != failures.DUE]
