"""The root: help without imports, options on both sides of the verb, exit codes."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from rotation import __version__
from rotation.cli.app import Settings, _load, program
from rotation.cli.failures import exit_code_of, worst
from rotation.cli.verbs import VERBS
from rotation.errors import (
    AlreadyOpen,
    Conflict,
    Denied,
    JournalError,
    PolicyRefusal,
    Refused,
    RotationError,
    Transient,
    UnknownName,
    UsageError,
)
from rotation.types import SecretValue
from tests.support.shell import Shell


def load(name: str) -> click.Command:
    module = VERBS[name].target.partition(":")[0]
    if importlib.util.find_spec(f"rotation.cli.{module}") is None:
        pytest.skip(f"{module} has not been written yet")
    return _load(name)


def with_subcommands(name: str) -> list[tuple[tuple[str, ...], click.Command]]:
    command = load(name)
    inner = command.commands.items() if isinstance(command, click.Group) else ()
    return [((name,), command), *(((name, sub), found) for sub, found in inner)]


@pytest.mark.parametrize("name", VERBS)
def test_every_verb_is_listed_with_its_own_first_sentence(name: str) -> None:
    command = load(name)
    assert command.name == name
    assert command.get_short_help_str(limit=200) == VERBS[name].help


@pytest.mark.parametrize("name", VERBS)
def test_every_verb_shows_examples_that_are_parsed(name: str) -> None:
    for path, command in with_subcommands(name):
        shown = CliRunner().invoke(program, [*path, "--help"])
        assert shown.exit_code == 0
        _, found, examples = shown.stdout.partition("Examples:")
        assert found, path
        assert f"rotation {' '.join(path)}" in examples or isinstance(command, click.Group)


@pytest.mark.parametrize("name", VERBS)
def test_every_option_says_what_it_does(name: str) -> None:
    for path, command in with_subcommands(name):
        silent = [p.name for p in command.params if isinstance(p, click.Option) and not p.help]
        assert not silent, path


def test_help_imports_no_verb_and_no_heavy_library() -> None:
    asked = (
        "import sys; sys.argv = ['rotation', '--help']\n"
        "from rotation.cli import main\n"
        "try: main()\n"
        "finally: print(*sorted(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    loaded = set(done.stderr.split())
    heavy = {"rich", "pydantic", "yaml", "structlog", "boto3", "apscheduler"}
    verbs = {f"rotation.cli.{listed.target.partition(':')[0]}" for listed in VERBS.values()}
    assert loaded & (heavy | verbs) == set()
    assert "rotation.cli.app" in loaded
    assert all(name in done.stdout for name in VERBS)


def test_global_options_work_on_both_sides_of_the_verb(shell: Shell) -> None:
    before = shell.run("-o", "json", "version")
    after = shell.run("version", "-o", "json")
    assert json.loads(before.stdout) == json.loads(after.stdout)


def test_the_nearer_option_wins(shell: Shell) -> None:
    assert not shell.run("-o", "json", "version", "-o", "text").stdout.startswith("{")


@pytest.mark.parametrize(
    "words", [["nonsense"], ["rotate"], ["version", "--nonsense"], ["-o", "xml"]]
)
def test_a_wrong_command_line_is_exit_2(words: list[str]) -> None:
    done = CliRunner().invoke(program, words)
    assert done.exit_code == 2
    assert "code: cli.usage" in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UsageError("a.b", "m"), 2),
        (Denied("a.b", "m"), 3),
        (Refused("a.b", "m"), 4),
        (PolicyRefusal("a.b", "m"), 5),
        (UnknownName("a.b", "m"), 6),
        (KeyboardInterrupt(), 8),
        (click.Abort(), 8),
        (JournalError("a.b", "m"), 9),
        (AlreadyOpen("a.b", "m"), 9),
        (Transient("a.b", "m"), 9),
        (Conflict("a.b", "m"), 11),
        (RotationError("a.b", "m"), 1),
        (ZeroDivisionError(), 255),
    ],
)
def test_each_kind_of_failure_has_its_exit_code(error: BaseException, code: int) -> None:
    assert exit_code_of(error, Settings()) == code


@pytest.mark.parametrize(
    ("codes", "worst_one"),
    [
        ([], 0),
        ([0, 0], 0),
        ([4, 4], 4),
        ([0, 4], 10),
        ([0, 11], 11),
        ([0, 4, 12], 12),
        ([3, 9], 3),
        ([8, 5], 8),
        ([0, 255, 12], 255),
    ],
)
def test_several_outcomes_make_one_exit_code(codes: list[int], worst_one: int) -> None:
    assert worst(codes) == worst_one


def test_a_bug_shows_no_traceback_unless_asked_and_never_locals(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def broken() -> None:
        secret = "canary-in-a-local"
        raise ZeroDivisionError(len(secret))

    for debug in (False, True):
        with pytest.raises(ZeroDivisionError) as raised:
            broken()
        assert exit_code_of(raised.value, Settings(debug=debug)) == 255
        said = capsys.readouterr().err
        assert ("Traceback" in said) is debug
        assert said.count("canary-in-a-local") == said.count('secret = "canary-in-a-local"')


def test_a_traceback_shows_no_text_that_is_not_ours(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """An adapter's exception may quote a password, or what it was caused by may."""
    live = SecretValue("canary-that-is-live")

    def adapter() -> None:
        raise ValueError("canary-password in a text") from KeyError("canary-password in a cause")

    with pytest.raises(ValueError, match="canary") as raised:
        adapter()
    assert exit_code_of(raised.value, Settings(debug=True)) == 255
    said = capsys.readouterr().err
    texts = [line for line in said.splitlines() if not line.lstrip().startswith("raise ")]
    assert "canary" not in "".join(texts)
    assert "builtins.KeyError (text not shown)" in said
    assert "builtins.ValueError (text not shown)" in said
    ours = RotationError("test.leak", f"it is {live.reveal()}")
    exit_code_of(ours, Settings(debug=True))
    assert live.reveal() not in capsys.readouterr().err.partition("error:")[0]


def test_what_a_provider_named_cannot_steer_the_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    exit_code_of(UsageError("a.b", "evil \x1b[2J\r name"), Settings())
    assert "\x1b[2J" not in capsys.readouterr().err


@pytest.mark.parametrize("shell_name", ["bash", "zsh", "fish", "powershell"])
def test_completion_prints_a_script_for_each_shell(shell_name: str) -> None:
    done = CliRunner().invoke(program, ["completion", shell_name])
    assert done.exit_code == 0
    assert "_ROTATION_COMPLETE" in done.stdout


def test_completion_knows_verbs_and_their_options() -> None:
    environment = {"COMP_WORDS": "rotation rota", "COMP_CWORD": "1"}
    done = CliRunner(env={**environment, "_ROTATION_COMPLETE": "bash_complete"}).invoke(
        program, [], prog_name="rotation"
    )
    assert "plain,rotate" in done.stdout


def test_completion_knows_the_secrets_of_the_configuration(tmp_path: Path) -> None:
    config = tmp_path / "rotation.yaml"
    made = CliRunner().invoke(
        program,
        ["-c", str(config), "init", "--journal", str(tmp_path / "journal.db"), "--account",
         "111122223333", "--user", "billing", "--secret", "prod/billing"],
    )  # fmt: skip
    assert made.exit_code == 0, made.output
    asked = {"COMP_WORDS": "rotation rotate pro", "COMP_CWORD": "2", "ROTATION_CONFIG": str(config)}
    done = CliRunner(env={**asked, "_ROTATION_COMPLETE": "bash_complete"}).invoke(
        program, [], prog_name="rotation"
    )
    assert "plain,prod-billing" in done.stdout


def completed(config: Path, words: str) -> set[str]:
    asked = {"COMP_WORDS": words, "COMP_CWORD": str(len(words.split(" ")) - 1)}
    environment = {**asked, "ROTATION_CONFIG": str(config), "_ROTATION_COMPLETE": "bash_complete"}
    done = CliRunner(env=environment).invoke(program, [], prog_name="rotation")
    return {line.partition(",")[2] for line in done.stdout.splitlines()}


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("rotation emergency pro", "prod-billing"),
        ("rotation emergency can", "cancel"),
        ("rotation emergency cancel pro", "prod-billing"),
        ("rotation run --only pro", "prod-billing"),
        ("rotation status prod-billing pro", "prod-billing"),
        ("rotation handover a", "aws"),
        ("rotation handover aws --to a", "aws"),
        ("rotation handover aws --canary pro", "prod-billing"),
        ("rotation policy a", "aws"),
        ("rotation policy aws --connection a", "aws"),
    ],
)
def test_completion_knows_names_wherever_one_is_typed(
    tmp_path: Path, words: str, name: str
) -> None:
    config = tmp_path / "rotation.yaml"
    made = CliRunner().invoke(
        program,
        ["-c", str(config), "init", "--journal", str(tmp_path / "journal.db"), "--account",
         "111122223333", "--user", "billing", "--secret", "prod/billing"],
    )  # fmt: skip
    assert made.exit_code == 0, made.output
    assert name in completed(config, words)


@pytest.mark.parametrize("words", [[], ["config"], ["journal"]])
def test_without_a_verb_help_is_shown(words: list[str]) -> None:
    done = CliRunner().invoke(program, words)
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout == CliRunner().invoke(program, [*words, "--help"]).stdout


def test_the_version_is_an_option_too() -> None:
    done = CliRunner().invoke(program, ["--version"])
    assert (done.exit_code, done.stdout) == (0, f"rotation {__version__}\n")


def test_a_name_that_nobody_has_is_told_with_the_nearest_one(shell: Shell) -> None:
    shell.configuration.entry = shell.configuration.entry._replace(id="billing-iam")
    done = shell.run("rotate", "billing-aim")
    assert (done.exit_code, "did you mean billing-iam?" in done.stderr) == (6, True)


def test_effects_need_an_explicit_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rotation.yaml").write_text("")
    done = CliRunner().invoke(program, ["rotate", "app"])
    assert done.exit_code == 2
    assert "cli.config-not-explicit" in done.stderr


@pytest.mark.parametrize(
    ("color", "no_color", "expected"),
    [("auto", "", None), ("auto", "1", False), ("never", "", False), ("always", "1", True)],
)
def test_an_error_has_the_colours_that_were_asked_for(
    color: str,
    no_color: str,
    expected: bool | None,  # noqa: FBT001 -- a parameter of the test
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[bool | None] = []
    monkeypatch.setenv("NO_COLOR", no_color)
    monkeypatch.setattr(click, "echo", lambda text, *, err, color: asked.append(color))
    exit_code_of(UsageError("some.code", "something"), Settings(color=color))
    assert asked == [expected, expected]
