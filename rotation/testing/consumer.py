"""What every consumer must do, asked of the consumer's world and not of the adapter.

Give it a bench and let pytest collect the subclass:

    class TestMyConsumer(ConsumerConformance):
        @pytest.fixture
        def bench(self, tmp_path):
            return MyBench(tmp_path)
"""

import ctypes
import json
import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any, Protocol

from rotation.errors import RotationError
from rotation.interfaces import Consumer
from rotation.types import Fields, SecretValue, contains_live_value

OLD = "canary0old0QmFzZTY0IGlzIG5vdCBh"
NEW = "canary0new0YSBzZWNyZXQgYXQgYWxs"
# Kept alive, so that `contains_live_value` always finds them.
LIVE = (SecretValue(OLD), SecretValue(NEW))

DIFFICULT = (
    "quote\" back\\slash 'single' `tick` $HOME %s {brace}",
    "line\nbreak\ttab and a last line end\n",
    "-leading-dash --option",
    "späte Schlüssel 鍵 🔑",
    "x" * 60_000,
)


class ConsumerBench(Protocol):
    """package: the modules in which every line is a point to be killed at."""

    package: str

    def consumer(self) -> Consumer:
        """A fresh adapter, as a new runner would build it."""
        ...

    def held(self) -> Mapping[str, str] | None:
        """What the consumer would use now: its own copy of the fields, None before the first."""
        ...

    def program(self, version: str, password: str) -> str:
        """Python source that defines `deliver()`, which does what `deliver_to(...)` does."""
        ...

    def traces(self) -> bytes:
        """Everything that others could see of the deliveries so far: arguments, environment, and
        files, except the one that is declared to hold the secret."""
        ...

    def refuse(self) -> None:
        """From now on the consumer's world refuses."""
        ...


def fields(password: str) -> Fields:
    return Fields(public={"user": "app"}, secret={"password": SecretValue(password)})


def deliver_to(bench: ConsumerBench, password: str, version: str = "v-1") -> None:
    bench.consumer().deliver(version, fields(password))


class ConsumerConformance:
    def test_the_consumer_holds_what_was_delivered(self, bench: ConsumerBench) -> None:
        assert bench.held() is None
        deliver_to(bench, OLD)
        assert bench.held() == {"user": "app", "password": OLD}

    def test_delivering_twice_is_delivering_once(self, bench: ConsumerBench) -> None:
        deliver_to(bench, OLD)
        once = bench.held()
        deliver_to(bench, OLD)
        assert bench.held() == once

    def test_the_latest_delivery_wins_also_on_the_way_back(self, bench: ConsumerBench) -> None:
        same_adapter = bench.consumer()
        for password in (OLD, NEW, OLD):
            same_adapter.deliver("v-1", fields(password))
            assert _password(bench) == password

    def test_difficult_values_survive(self, bench: ConsumerBench) -> None:
        for text in DIFFICULT:
            deliver_to(bench, text)
            assert _password(bench) == text

    def test_nothing_secret_is_printed_or_left_anywhere_else(
        self, bench: ConsumerBench, capfd: Any
    ) -> None:
        for password in (OLD, NEW):
            deliver_to(bench, password)
        printed = capfd.readouterr()
        _assert_no_secret(bench.traces().decode(errors="replace"), printed.out, printed.err)

    def test_killed_at_any_line_it_leaves_the_old_or_the_new(self, bench: ConsumerBench) -> None:
        outcomes = set()
        points = 0
        with _deliveries_that_die(bench) as die_at:
            deliver_to(bench, OLD)
            while die_at(points + 1):
                points += 1
                outcomes.add(_password(bench))
                deliver_to(bench, OLD)
                assert _password(bench) == OLD
                _assert_no_secret(bench.traces().decode(errors="replace"))
            # An undisturbed delivery: its commit may be its last line, after which nothing can kill
            # it.
            outcomes.add(_password(bench))
        assert points, f"no line of `{bench.package}` was run: is that the adapter's package?"
        assert outcomes <= {OLD, NEW}, "killed on the way, it left what is neither old nor new"
        assert outcomes == {OLD, NEW}, "it leaves the old one before its commit, the new one after"

    def test_a_refusal_is_an_error_of_ours_without_the_secret(
        self, bench: ConsumerBench, capfd: Any
    ) -> None:
        deliver_to(bench, OLD)
        bench.refuse()
        try:
            deliver_to(bench, NEW)
        except RotationError as error:
            refusal = error
        else:
            raise AssertionError("a delivery that cannot be made must not look like one")
        assert _password(bench) == OLD
        printed = capfd.readouterr()
        _assert_no_secret(
            *traceback.format_exception(refusal), *_chain(refusal), printed.out, printed.err
        )
        assert "." in refusal.code


def _password(bench: ConsumerBench) -> str:
    held = bench.held()
    assert held is not None, "the consumer has nothing at all"
    return held["password"]


def _assert_no_secret(*texts: str) -> None:
    assert not any(map(contains_live_value, texts)), "a secret is where it must not be"


def _chain(error: BaseException | None) -> Iterator[str]:
    """Includes an error's hidden context, which a debugger or a log would show."""
    while error is not None:
        yield f"{error} {error!r} {vars(error)}"
        error = error.__cause__ or error.__context__


@contextmanager
def _deliveries_that_die(bench: ConsumerBench) -> Iterator[Callable[[int], bool]]:
    """Yields `die_at(n)`: a process delivers NEW and is killed before the nth line that it reaches
    for the first time. False where it delivered before it had reached so many lines."""
    order = {"package": bench.package, "program": bench.program("v-2", NEW)}
    with subprocess.Popen(  # noqa: S603 -- ourselves
        [sys.executable, "-c", f"from {__name__} import _die_on_demand as run; run()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as harness:
        assert harness.stdin is not None
        assert harness.stdout is not None
        harness.stdin.write(json.dumps(order) + "\n")
        asked, answered = harness.stdin, harness.stdout

        def die_at(point: int) -> bool:
            asked.write(f"{point}\n")
            asked.flush()
            answer = answered.readline().strip()
            assert answer in {"killed", "delivered"}, "the delivery failed by itself"
            return answer == "killed"

        yield die_at


def _die_on_demand() -> None:
    """Runs in its own process and forks once for each number that it reads, so that nothing is
    loaded twice and no thread of the tests is copied."""
    order = json.loads(sys.stdin.readline())
    names: dict[str, Any] = {}
    exec(order["program"], names)  # noqa: S102 -- the bench's own words
    _adopt_orphans()
    for line in sys.stdin:
        process = os.fork()
        if not process:
            sys.settrace(_kill_before(int(line), order["package"]))
            names["deliver"]()
            os._exit(0)
        _, status = os.waitpid(process, 0)
        _await_orphans()
        killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        delivered = os.WIFEXITED(status) and os.WEXITSTATUS(status) == 0
        answer = "killed" if killed else "delivered" if delivered else "failed"
        sys.stdout.write(f"{answer}\n")
        sys.stdout.flush()


def _kill_before(point: int, package: str) -> Callable[[FrameType, str, Any], Any]:
    seen: set[tuple[str, int]] = set()

    def trace(frame: FrameType, event: str, _argument: Any) -> Any:
        if not frame.f_globals.get("__name__", "").startswith(package):
            return None
        if event == "line":
            seen.add((frame.f_code.co_filename, frame.f_lineno))
            if len(seen) == point:
                os.kill(os.getpid(), signal.SIGKILL)
        return trace

    return trace


def _adopt_orphans() -> None:
    """Where the system allows it, makes the children of a killed delivery ours to wait for."""
    set_child_subreaper = 36
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).prctl(set_child_subreaper, 1, 0, 0, 0)


def _await_orphans() -> None:
    with suppress(ChildProcessError):
        while True:
            os.wait()
