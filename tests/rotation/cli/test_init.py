"""`init`: a file that can be read, a journal that git leaves alone."""

import json
import random
import stat
import subprocess
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from rotation.cli import answers as answers_module
from rotation.cli.app import program
from rotation.config import load
from rotation.errors import UsageError
from rotation.journal.sql import open_journal
from rotation.operations.answers import Answers
from rotation.operations.init import document


def init(directory: Path, *words: str) -> dict[str, str]:
    runner = CliRunner(env={"XDG_STATE_HOME": str(directory / "state")})
    config = str(directory / "rotation.yaml")
    done = runner.invoke(program, ["-c", config, "init", "-o", "json", *words])
    assert done.exit_code == 0, done.output
    reply: dict[str, str] = json.loads(done.stdout)
    return reply


def test_the_file_is_private_and_names_the_journal_that_was_made(tmp_path: Path) -> None:
    reply = init(tmp_path)
    written = yaml.safe_load(Path(reply["config"]).read_text())
    assert written == {"installation": reply["installation"], "journal": reply["journal"]}
    assert stat.S_IMODE(Path(reply["config"]).stat().st_mode) == 0o600
    open_journal(Path(reply["journal"]), reply["installation"], read_only=True).close()
    assert not Path(reply["journal"]).is_relative_to(Path.cwd())


def test_a_first_secret_is_written_from_the_options(tmp_path: Path) -> None:
    reply = init(tmp_path, "--account", "111122223333", "--region", "eu-west-1",
                "--user", "billing", "--secret", "prod/billing")  # fmt: skip
    written = yaml.safe_load(Path(reply["config"]).read_text())
    assert written["connections"]["aws"]["account"] == "111122223333"
    assert written["secrets"][0]["id"] == "prod-billing"
    assert written["secrets"][0]["issuer"]["user"] == "billing"


def test_a_journal_inside_a_work_tree_is_ignored_by_git(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    init(tmp_path, "--journal", str(tmp_path / "state" / "journal.db"))
    for name in ("journal.db", "journal.db-wal", "runners/somebody"):
        checked = subprocess.run(
            ["git", "-C", str(tmp_path), "check-ignore", "-q", f"state/{name}"], check=False
        )
        assert checked.returncode == 0, name


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    first = init(tmp_path)
    done = CliRunner().invoke(program, ["-c", first["config"], "init"])
    assert done.exit_code == 2
    assert "init.exists" in done.stderr


@pytest.mark.parametrize("words", [(), ("--account", "111122223333")])
def test_the_commented_example_is_a_valid_secret_once_it_is_uncommented(
    tmp_path: Path, words: tuple[str, ...]
) -> None:
    text = Path(init(tmp_path, *words)["config"]).read_text()
    head, _, example = text.partition("# secrets:\n")
    uncommented = "secrets:\n" + "".join(
        line.removeprefix("# ") for line in example.splitlines(keepends=True)
    )
    assert yaml.safe_load(uncommented)["secrets"][0]["id"] == "billing"
    assert "secrets" not in yaml.safe_load(head)


BILLING = ("--account", "111122223333", "--user", "billing", "--secret", "prod/billing/aws")


@pytest.mark.parametrize("count", [50, pytest.param(1000, marks=pytest.mark.every)])
def test_none_of_a_thousand_files_is_refused_by_the_check(tmp_path: Path, count: int) -> None:
    dice = random.Random(10)  # noqa: S311 -- a seed, so that a failure comes back
    homes = ["/root", "/srv/alice", "/srv/Jane.Doe-2", "/srv/ci runner/#7"]
    names = ["prod/billing/aws", "1234", "true", "a@b=c+d", "x" * 200,
             "..", "-lead", "0x1f", "1e5"]  # fmt: skip
    file = tmp_path / "rotation.yaml"
    refused = []
    for _ in range(count):
        installation = f"{dice.getrandbits(48):012x}"
        journal = Path(dice.choice(homes), ".local/state/rotation", installation, "journal.db")
        said = Answers(
            account=dice.choice([None, "111122223333", "000000000001"]),
            user=dice.choice([None, "billing", "007", "null", "a+b=c,d@e"]),
            secret=dice.choice([None, *names]),
            owner=dice.choice([None, "team: payments # 7", '"quoted"', "payments"]),
            consumers=dice.choice([(), ("api",), ("api", "api", "1")]),
            class_=dice.choice([None, "trial", "development"]),
        )
        file.write_text(document(installation, journal, said))
        file.chmod(0o600)
        try:
            loaded = load(file)
        except UsageError as error:
            refused.append((said, str(error)))
        else:
            assert (loaded.installation, loaded.journal) == (installation, journal)
            assert len(loaded) == (said.name is not None)
    assert not refused


def test_every_wrong_answer_is_told_at_once_and_nothing_is_written(tmp_path: Path) -> None:
    file = tmp_path / "rotation.yaml"
    done = CliRunner().invoke(
        program,
        ["-c", str(file), "init", "--account", "12345", "--region", "mars", "--user", "billing",
         "--secret", "arn:x", "--consumer", "api", "--refresh", "banana", "--class", "tria"],
    )  # fmt: skip
    assert done.exit_code == 2
    for option in ("--account", "--region", "--secret", "--refresh", "--class"):
        assert f"{option}: " in done.stderr
    assert "init.answers" in done.stderr and "--user: " not in done.stderr
    assert not file.exists()


def test_a_first_secret_needs_its_account_its_user_and_its_name(tmp_path: Path) -> None:
    file = tmp_path / "rotation.yaml"
    done = CliRunner().invoke(program, ["-c", str(file), "init", "--user", "billing"])
    assert done.exit_code == 2
    assert "--account and --secret" in done.stderr
    assert not file.exists()


def test_nobody_is_invented_as_a_consumer_and_the_check_warns(tmp_path: Path) -> None:
    file = Path(init(tmp_path, *BILLING)["config"])
    assert yaml.safe_load(file.read_text())["secrets"][0]["consumers"] == []
    warned = {finding.code for finding in load(file).warnings}
    assert warned == {"config.no-consumers", "config.no-owner"}


def test_who_reads_it_and_who_answers_for_it_are_written_down(tmp_path: Path) -> None:
    reply = init(tmp_path, *BILLING, "--owner", "payments", "--consumer", "api", "--consumer",
                "worker", "--refresh", "1m", "--class", "trial")  # fmt: skip
    [secret] = yaml.safe_load(Path(reply["config"]).read_text())["secrets"]
    assert [(c["id"], c["refresh"]) for c in secret["consumers"]] == [
        ("api", "1m"),
        ("worker", "1m"),
    ]
    assert (secret["owner"], secret["class"]) == ("payments", "trial")
    assert not load(Path(reply["config"])).warnings


def test_what_comes_next_names_the_secret_and_promises_only_what_holds(tmp_path: Path) -> None:
    file = tmp_path / "rotation.yaml"
    runner = CliRunner(env={"XDG_STATE_HOME": str(tmp_path / "state")})
    done = runner.invoke(program, ["-c", str(file), "init", *BILLING])
    assert "rotation adopt prod-billing-aws" in done.stderr
    assert "changes nothing but the owner tag" in done.stderr
    assert "NAME" not in done.stderr


def test_at_a_terminal_a_wrong_answer_is_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answers_module, "is_terminal", lambda: True)
    typed = ["12345", "111122223333", "mars", "eu-central-1", "billing", "prod/billing", "api", "",
             "payments", "banana", "2m"]  # fmt: skip
    file = tmp_path / "rotation.yaml"
    runner = CliRunner(env={"XDG_STATE_HOME": str(tmp_path / "state")})
    done = runner.invoke(program, ["-c", str(file), "init"], input="\n".join(typed) + "\n")
    assert done.exit_code == 0, done.output
    written = yaml.safe_load(file.read_text())
    assert written["connections"]["aws"] == {
        "type": "aws", "account": "111122223333", "region": "eu-central-1"
    }  # fmt: skip
    [secret] = written["secrets"]
    assert secret["consumers"] == [{"id": "api", "type": "store-reader", "refresh": "2m"}]
    assert secret["owner"] == "payments"


def test_what_the_check_would_refuse_is_not_left_behind(tmp_path: Path) -> None:
    file = tmp_path / "rotation.yaml"
    key = "AKIA" + "Q7RSTUVWXYZ23456"
    done = CliRunner().invoke(
        program, ["-c", str(file), "init", *BILLING[:-1], key, "--journal", str(tmp_path / "j.db")]
    )
    assert done.exit_code == 2
    assert "init.refused" in done.stderr
    assert list(tmp_path.iterdir()) == []
