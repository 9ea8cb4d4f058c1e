"""What the demo leaves a person with."""

import os
import shutil
import sys
from pathlib import Path

import pytest

from rotation.demo.environment import Number
from rotation.demo.report import print_numbers, started_as
from rotation.demo.screen import WIDTH, Screen


def test_every_line_fits_and_no_word_is_broken(capsys: pytest.CaptureFixture[str]) -> None:
    screen = Screen()
    words = "journal, logs, all output of eleven processes; " * 6
    screen.line("billing-iam", words)
    print_numbers(screen, [Number("secret bytes found", words, True)], ("rotation plan", words))
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= WIDTH
    assert " ".join(" ".join(lines).split()).count(" ".join(words.split())) == 3


def test_what_to_try_next_starts_this_very_program(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    this = Path(sys.executable).with_name("rotation")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert shutil.which(started_as()) == str(this)
    monkeypatch.chdir(this.parents[2])
    assert os.access(started_as(), os.X_OK)
    monkeypatch.setenv("PATH", str(this.parent))
    assert started_as() == "rotation"
