"""What the watcher of the demo reads."""

import pytest

from rotation.demo.counter import Counter
from rotation.demo.screen import Screen


def test_an_event_becomes_a_sentence_and_is_kept_for_the_scan(
    capsys: pytest.CaptureFixture[str],
) -> None:
    screen = Screen()
    screen.event({"event": "rotation.death-proved", "secret": "billing-iam", "grade": "proved"})
    assert "billing-iam    the old one is dead: proved" in capsys.readouterr().out
    assert len(screen.said) == 1


def test_a_wait_is_said_once_for_each_reason(capsys: pytest.CaptureFixture[str]) -> None:
    screen = Screen()
    for why in ("grace", "grace", "soak"):
        screen.event({"event": "rotation.waited", "secret": "billing-iam", "why": why})
    assert capsys.readouterr().out.count("…") == 2


def test_what_is_not_for_a_watcher_is_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    Screen().event({"event": "rotation.began", "secret": "billing-iam"})
    Screen().event({"event": "serve.began"})
    assert capsys.readouterr().out == ""


def test_elsewhere_than_on_a_terminal_nothing_steers_it(capsys: pytest.CaptureFixture[str]) -> None:
    screen = Screen()
    with screen.below(lambda: "never shown"):
        screen.say("a line", "31")
    assert capsys.readouterr().out == "a line\n"


def test_uses_are_counted_and_refusals_kept_by_key() -> None:
    counter = Counter()
    for line in ('[true, "K1"]', '[false, "K1"]', '[false, "K2"]', "Traceback: it broke"):
        counter.heard(line)
    assert counter.calls == 4
    assert len(counter.refused_with("K1")) == 1
    assert len(counter.refusals) == 3, "an application that breaks is a failure too"


def test_somebody_who_waits_for_calls_that_never_come_is_told() -> None:
    assert not Counter().wait_for_calls(1, 0.01)
