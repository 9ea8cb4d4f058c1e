import json
import os
import signal
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.consumers.command import (
    CommandConsumer,
    CommandProbe,
    CommandVerifier,
    another_like,
)
from providers.consumers.options import CommandOptions, ProbeOptions
from rotation.errors import Ambiguous, Refused, RotationError, Transient
from rotation.interfaces import PluginContext
from rotation.runtime import child
from rotation.runtime.clock import SystemClock
from rotation.testing.consumer import ConsumerConformance
from rotation.types import Fields, SecretValue, Verdict, contains_live_value

NAMES = {"user": "user", "password": "password"}
PASSWORD = "correct horse battery"
FIELDS = Fields(public={"user": "app"}, secret={"password": SecretValue(PASSWORD)})

needs_proc = pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="no /proc here")


@pytest.fixture
def commands(tmp_path):
    directory = tmp_path / "commands"
    directory.mkdir(0o700)
    return directory


def write_command(commands, script, name="hand-over", mode=0o700):
    path = commands / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(mode)
    return path


def context(commands, names=NAMES):
    return PluginContext(
        installation="0f3a9c2b71de", clock=SystemClock(), command_directory=commands, fields=names
    )


def consumer(commands, *arguments, timeout_s=10, names=NAMES, name="hand-over"):
    options = CommandOptions(argv=(name, *arguments), confirms=True, timeout_s=timeout_s)
    return CommandConsumer(options, context(commands, names))


def verifier(commands):
    return CommandVerifier(CommandOptions(argv=("hand-over",), role="verifier"), context(commands))


def probe(commands, timeout_s=10):
    return CommandProbe(ProbeOptions(argv=("hand-over",), timeout_s=timeout_s), context(commands))


class CommandBench:
    """A command that prints the secret to both its outputs, records what others can see of it, and
    keeps the fields in a file as a consumer would."""

    package = "providers.consumers"

    def __init__(self, place):
        self.place = place
        self.commands = place / "commands"
        self.commands.mkdir(0o700)
        self.kept = place / "kept.json"
        self.refusing = place / "refusing"
        write_command(
            self.commands,
            f"""
read -r given
case $given in *'}}') ;; *) exit 65 ;; esac
printf '%s' "$given"
printf '%s' "$given" >&2
[ ! -e {self.refusing} ] || exit 3
cat /proc/$$/cmdline /proc/$$/environ >{place}/seen 2>/dev/null
umask 077
printf '%s' "$given" >{place}/kept.$$
mv -f {place}/kept.$$ {self.kept}
""",
        )

    def consumer(self):
        return consumer(self.commands, "--now")

    def held(self):
        return json.loads(self.kept.read_text()) if self.kept.exists() else None

    def program(self, version, password):
        return f"""
from dataclasses import replace
from pathlib import Path
from providers.consumers.command import CommandConsumer
from providers.consumers.options import CommandOptions
from rotation.runtime.clock import SystemClock
from rotation.interfaces import PluginContext
from rotation.types import Fields, SecretValue

def deliver():
    context = PluginContext(
        installation="0f3a9c2b71de", clock=SystemClock(), fields={NAMES!r},
        command_directory=Path({str(self.commands)!r}),
    )
    fields = Fields(
        public={{"user": "app"}}, secret={{"password": SecretValue({password!r})}}
    )
    options = CommandOptions(argv=("hand-over", "--now"), confirms=True)
    CommandConsumer(options, context).deliver({version!r}, fields)
"""

    def traces(self):
        others = (path for path in self.place.rglob("*") if path != self.kept and path.is_file())
        return b"".join(str(path).encode() + path.read_bytes() for path in others)

    def refuse(self):
        self.refusing.touch()


class TestCommandConformance(ConsumerConformance):
    @pytest.fixture
    def bench(self, tmp_path):
        return CommandBench(tmp_path)


@needs_proc
def test_a_command_is_told_what_it_needs_and_inherits_nothing(commands, tmp_path, monkeypatch):
    monkeypatch.setenv("VAULT_TOKEN", "inherited by accident")
    inherited = os.open(commands, os.O_RDONLY)
    os.set_inheritable(inherited, True)
    script = f"""
exec 9>&1
tr '\\0' '\\n' </proc/$$/environ | sort >{tmp_path}/environment
tr '\\0' '\\n' </proc/$$/cmdline >{tmp_path}/arguments
pwd >{tmp_path}/directory
cut -d ' ' -f 5,6 /proc/$$/stat >{tmp_path}/session; echo $$ >>{tmp_path}/session
for fd in /proc/$$/fd/*; do readlink $fd; done >{tmp_path}/files
"""
    write_command(commands, script)
    try:
        consumer(commands, "--now").deliver("rot1-x-y", FIELDS)
    finally:
        os.close(inherited)
    assert (tmp_path / "environment").read_text().split() == [
        "PATH=/usr/bin:/bin",
        "ROTATION_ACTION=deliver",
        "ROTATION_VERSION=rot1-x-y",
    ]
    assert (tmp_path / "arguments").read_text().split()[1:] == [f"{commands}/hand-over", "--now"]
    assert (tmp_path / "directory").read_text() == "/\n"
    group, session, process = (tmp_path / "session").read_text().split()
    assert group == session == process
    assert str(commands) not in (tmp_path / "files").read_text().splitlines()


@pytest.mark.parametrize(
    ("names", "given"),
    [
        (NAMES, {"user": "app", "password": PASSWORD}),
        ({"user": "DB_USER", "password": "DB_PW"}, {"DB_USER": "app", "DB_PW": PASSWORD}),
    ],
)
def test_the_fields_come_by_stdin_under_their_own_names(commands, tmp_path, names, given):
    write_command(commands, f"cat >{tmp_path}/given")
    consumer(commands, names=names).deliver("v", FIELDS)
    assert json.loads((tmp_path / "given").read_text()) == given


def test_what_is_composed_of_the_fields_comes_with_them(commands, tmp_path):
    write_command(commands, f"cat >{tmp_path}/given")
    fields = replace(FIELDS, composed={"url": SecretValue("https://app:EXAMPLE@host")})
    consumer(commands).deliver("v", fields)
    assert json.loads((tmp_path / "given").read_text())["url"] == "https://app:EXAMPLE@host"


def test_a_secret_that_is_one_value_comes_under_the_issuer_s_name(commands, tmp_path):
    write_command(commands, f"cat >{tmp_path}/given")
    fields = Fields(secret={"password": FIELDS.secret["password"]})
    consumer(commands, names={"password": ""}).deliver("v", fields)
    assert json.loads((tmp_path / "given").read_text()) == {"password": PASSWORD}


def test_a_verifier_is_told_the_handle_and_the_value(commands, tmp_path):
    write_command(
        commands,
        f'echo "$ROTATION_ACTION $ROTATION_HANDLE $(cat)" >>{tmp_path}/told',
    )
    ours = verifier(commands)
    ours.accept("gen-1", SecretValue(PASSWORD))
    ours.drop("gen-0", SecretValue("the old value"))
    ours.drop("gen-0", None)
    assert (tmp_path / "told").read_text().splitlines() == [
        f'accept gen-1 {{"value": "{PASSWORD}"}}',
        'drop gen-0 {"value": "the old value"}',
        "drop gen-0 {}",
    ]


@pytest.mark.parametrize(
    ("script", "error", "code"),
    [
        ("exit 75", Transient, "consumer.try-again"),
        ("exit 1", Refused, "consumer.refused"),
        ("exit 255", Refused, "consumer.refused"),
        ("kill -KILL $$", Ambiguous, "consumer.killed"),
    ],
)
def test_the_exit_code_decides(commands, script, error, code):
    write_command(commands, f"cat\n{script}")
    for call in (
        lambda: consumer(commands).deliver("v", FIELDS),
        lambda: verifier(commands).accept("gen-1", SecretValue(PASSWORD)),
        lambda: verifier(commands).drop("gen-1", SecretValue(PASSWORD)),
    ):
        with pytest.raises(RotationError) as raised:
            call()
        assert type(raised.value) is error
        assert raised.value.code == code


def test_an_error_says_the_exit_code_and_nothing_that_was_printed(commands, capfd):
    write_command(commands, "cat; cat >&2; echo 'the database said no'; exit 3")
    with pytest.raises(Refused) as refused:
        consumer(commands).deliver("v", FIELDS)
    assert refused.value.facts == {"exit": 3}
    assert "the database" not in str(refused.value)
    assert capfd.readouterr() == ("", "")


def test_a_command_that_does_not_read_may_still_succeed(commands):
    write_command(commands, "exec <&-; exit 0")
    fields = Fields(secret={"password": SecretValue("x" * 1_000_000)})
    consumer(commands).deliver("v", fields)


def is_alive(process):
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    return state != "Z"


def wait_for(condition):
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, "that did not happen"
        time.sleep(0.01)


def process_id(path):
    wait_for(lambda: path.exists() and path.read_text().endswith("\n"))
    return int(path.read_text())


@needs_proc
@pytest.mark.parametrize("stubborn", [False, True])
def test_a_command_that_hangs_is_ended_with_all_that_it_started(
    commands, tmp_path, monkeypatch, stubborn
):
    monkeypatch.setattr(child, "GRACE_SECONDS", 0.2)
    script = f"""
{"trap '' TERM" if stubborn else ""}
sleep 300 &
echo $! >{tmp_path}/grandchild
echo $$ >{tmp_path}/child
sleep 300
"""
    write_command(commands, script)
    began = time.monotonic()
    with pytest.raises(Ambiguous) as ambiguous:
        consumer(commands, timeout_s=1).deliver("v", FIELDS)
    assert ambiguous.value.code == "consumer.timed-out"
    assert time.monotonic() - began < 5
    for name in ("child", "grandchild"):
        wait_for(lambda name=name: not is_alive(process_id(tmp_path / name)))


@needs_proc
def test_a_command_that_ends_leaves_nothing_behind(commands, tmp_path):
    write_command(commands, f"sleep 300 &\necho $! >{tmp_path}/grandchild")
    consumer(commands).deliver("v", FIELDS)
    wait_for(lambda: not is_alive(process_id(tmp_path / "grandchild")))


@needs_proc
def test_a_command_that_never_reads_a_large_value_is_ended_too(commands, monkeypatch):
    monkeypatch.setattr(child, "GRACE_SECONDS", 0.2)
    write_command(commands, "sleep 300")
    fields = Fields(secret={"password": SecretValue("x" * 1_000_000)})
    with pytest.raises(Ambiguous):
        consumer(commands, timeout_s=1).deliver("v", fields)


@needs_proc
def test_running_commands_end_when_the_runner_is_told_to_stop(commands, tmp_path):
    write_command(commands, f"echo $$ >{tmp_path}/child\nsleep 300")
    raised = []

    def deliver():
        try:
            consumer(commands).deliver("v", FIELDS)
        except RotationError as error:
            raised.append(error)

    runner = threading.Thread(target=deliver)
    runner.start()
    process = process_id(tmp_path / "child")
    os.killpg(process, signal.SIGTERM)  # as the runner asks every child that leads a group
    runner.join(10)
    assert not is_alive(process)
    assert [(type(error), error.code) for error in raised] == [(Ambiguous, "consumer.killed")]


def test_ending_a_group_that_is_gone_is_no_error():
    child._signal(2**22 - 3, signal.SIGKILL)


def test_the_longest_command_fits_into_a_call():
    longest = CommandOptions(argv=("x",), timeout_s=15, confirms=True).timeout_s
    assert longest + 2 * child.GRACE_SECONDS < 20


def refused(commands, **options):
    with pytest.raises(Refused) as error:
        consumer(commands, **options).deliver("v", FIELDS)
    return error.value.code


def test_nothing_is_run_that_somebody_else_could_have_put_there(commands, tmp_path):
    marker = tmp_path / "ran"
    command = write_command(commands, f"touch {marker}", mode=0o722)
    assert refused(commands) == "consumer.open-command"
    command.chmod(0o700)
    for mode in (0o777, 0o720, 0o1777):
        commands.chmod(mode)
        assert refused(commands) == "consumer.open-directory"
    commands.chmod(0o700)
    tmp_path.chmod(0o777)
    assert refused(commands) == "consumer.open-directory"
    tmp_path.chmod(0o700)
    assert not marker.exists()
    consumer(commands).deliver("v", FIELDS)
    assert marker.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_nothing_is_run_that_belongs_to_somebody_else(commands):
    command = write_command(commands, "exit 0")
    os.chown(command, 65534, -1)
    assert refused(commands) == "consumer.open-command"
    os.chown(command, 0, -1)
    os.chown(commands, 65534, -1)
    assert refused(commands) == "consumer.foreign-directory"


def test_nothing_is_run_through_a_link(commands, tmp_path):
    elsewhere = write_command(tmp_path, "exit 0", name="elsewhere")
    (commands / "hand-over").symlink_to(elsewhere)
    assert refused(commands) == "consumer.not-a-file"
    linked = tmp_path / "linked"
    linked.symlink_to(commands)
    assert refused(linked) == "consumer.not-a-directory"


def test_what_cannot_be_started_is_a_refusal(commands):
    assert refused(commands) == "consumer.system"
    write_command(commands, "exit 0", mode=0o600)
    assert refused(commands) == "consumer.system"
    (commands / "hand-over").write_bytes(b"\0\0\0\0")
    (commands / "hand-over").chmod(0o700)
    assert refused(commands) == "consumer.system"


def test_without_a_declared_directory_nothing_is_run():
    assert refused(None) == "consumer.no-directory"


def test_an_identifier_that_no_environment_can_hold_is_a_refusal(commands):
    write_command(commands, "exit 0")
    with pytest.raises(Refused):
        consumer(commands).deliver("a\0b", FIELDS)


def test_a_check_accepts_refuses_or_says_nothing(commands):
    write_command(
        commands,
        f"""
[ "$ROTATION_ACTION" = check ] || exit 9
case $(cat) in *'{PASSWORD}'*) exit 0 ;; *) exit 77 ;; esac
""",
    )
    assert probe(commands).login(FIELDS) is Verdict.ACCEPTED
    assert probe(commands).wrong(FIELDS) is Verdict.REFUSED
    for code in (1, 2, 75, 126):
        write_command(commands, f"exit {code}")
        with pytest.raises(Transient) as silent:
            probe(commands).login(FIELDS)
        assert silent.value.code == "probe.no-verdict"


def test_a_check_that_is_late_or_killed_says_nothing(commands, monkeypatch):
    monkeypatch.setattr(child, "GRACE_SECONDS", 0.2)
    write_command(commands, "sleep 300")
    with pytest.raises(Transient, match="in time"):
        probe(commands, timeout_s=1).login(FIELDS)
    write_command(commands, "kill -KILL $$")
    with pytest.raises(Transient):
        probe(commands).login(FIELDS)


def test_the_wrong_credential_keeps_what_is_public(commands, tmp_path):
    write_command(commands, f"cat >{tmp_path}/given; exit 77")
    assert probe(commands).wrong(FIELDS) is Verdict.REFUSED
    tried = json.loads((tmp_path / "given").read_text())
    assert tried["user"] == "app"
    assert [len(word) for word in tried["password"].split()] == [7, 5, 7]
    assert tried["password"] != PASSWORD


@given(st.text())
def test_a_wrong_value_has_the_shape_of_the_right_one_and_never_is_it(text):
    other = another_like(SecretValue(text)).reveal()
    assert other != text
    assert len(other) == max(1, len(text))
    for right, wrong in zip(text, other, strict=False):
        if right.isascii() and right.isalnum():
            assert right.isdigit() == wrong.isdigit()
            assert right.isupper() == wrong.isupper()


def test_an_error_of_a_late_command_holds_no_secret(commands, monkeypatch):
    monkeypatch.setattr(child, "GRACE_SECONDS", 0.2)
    write_command(commands, "cat; sleep 300")
    with pytest.raises(Ambiguous) as late:
        consumer(commands, timeout_s=1).deliver("v", FIELDS)
    error = late.value
    while error is not None:
        assert not contains_live_value(f"{error!r} {vars(error)}")
        error = error.__context__
