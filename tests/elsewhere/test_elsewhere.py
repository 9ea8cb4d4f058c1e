"""What comes from another distribution is as good as what is built in, and under the same rules."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from benchmarks.fleet import Clock
from providers.aws.testing import ADMIN
from providers.aws.testing.server import StrictAws
from rotation.cli.app import program
from rotation.config import ConfigInvalid, Configuration, load
from rotation.execution.runner import Runner
from rotation.journal.memory import MemoryJournal
from rotation.machine.decide import Action, Close, Wait
from rotation.machine.replay import Outcome
from rotation.permissions import compile  # noqa: A004 -- the field's own word
from rotation.plan import PLANS
from rotation.plugins.registry import Registry
from rotation.types import PermissionSet
from tests.support.elsewhere import CONFIGURATION, written


@pytest.fixture
def text(site: Path, tmp_path: Path) -> str:
    return CONFIGURATION.replace("DIRECTORY", str(tmp_path)).replace("MORE", "")


@pytest.fixture
def configuration(text: str, tmp_path: Path) -> Configuration:
    return load(written(text, tmp_path))


def errors(path: Path) -> list[tuple[str, str]]:
    try:
        load(path)
    except ConfigInvalid as refused:
        return [(each.path.removeprefix("secrets[0]."), each.code) for each in refused.findings]
    return []


def test_an_issuer_uses_a_built_in_connection_and_a_consumer_brings_its_own(
    configuration: Configuration,
) -> None:
    [entry] = configuration.secrets()
    assert entry.identity == "acme-smtp/123456789012/mail"
    assert entry.connection == "main"
    [consumer] = configuration.specification(entry).consumers
    assert consumer.plugin.options == {
        "connection": "cluster", "path": "billing/mail", "argv": "-v",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "path", "code"),
    [
        ("cluster, path", "main, path", "consumers[0].connection", "config.wrong-connection"),
        ("cluster, path", "clusters, path", "consumers[0].connection", "config.unknown-connection"),
        ("main, user", "cluster, user", "issuer.connection", "config.wrong-connection"),
        ("main, name", "cluster, name", "store.connection", "config.wrong-connection"),
        ("path: billing/mail, ", "", "consumers[0].path", "config.missing"),
    ],
)
def test_it_is_under_the_rules_that_ours_are_under(
    text: str, tmp_path: Path, old: str, new: str, path: str, code: str
) -> None:
    assert errors(written(text.replace(old, new), tmp_path)) == [(path, code)]


def test_the_keys_that_it_rotates_are_nobody_else_s(text: str, tmp_path: Path) -> None:
    other = text[text.index("  - id: mail") :].replace("id: mail", "id: keys", 1)
    other = other.replace("name: mail", "name: keys")
    other = other.replace("acme-smtp", "aws-iam-access-key").replace(", unverified: no-relay", "")
    other = other.replace(
        "    consumers", "    probe: {type: aws-sts, connection: main}\n    consumers"
    )
    with pytest.raises(ConfigInvalid) as refused:
        load(written(text + other, tmp_path))
    assert "config.duplicate-identity" in [each.code for each in refused.value.findings]


def test_its_grants_are_compiled_with_the_connection_s(configuration: Configuration) -> None:
    scopes = {scope.connection: scope for scope in compile(configuration)}
    needed = {
        (need.under, need.grant.action)
        for need in scopes["main"].needs
        if need.part.type == "acme-smtp"
    }
    assert (PermissionSet.MINT, "iam:CreateAccessKey") in needed
    [rule] = scopes["cluster"].needs
    assert (rule.under, rule.part.kind) == (PermissionSet.DELIVER, "consumers")


def test_a_consumer_that_is_gone_needs_nothing(text: str, tmp_path: Path) -> None:
    gone = load(written(text.replace("{id: api,", "{id: api, gone: true,"), tmp_path))
    assert not {scope.connection: scope for scope in compile(gone)}["cluster"].needs


def test_its_policies_are_printed(text: str, tmp_path: Path) -> None:
    path = str(written(text, tmp_path))
    reply = json.loads(CliRunner().invoke(program, ["-c", path, "policy", "aws"]).stdout)
    [mint] = [
        each for each in reply["main/mint"]["Statement"] if "iam:CreateAccessKey" in each["Action"]
    ]
    assert mint["Resource"] == "arn:aws:iam::123456789012:user/mail"
    of_cluster = CliRunner().invoke(program, ["-c", path, "policy", "acme-cluster"])
    assert '"path": "billing/mail"' in of_cluster.stdout


SCRIPT = "      - {id: script, type: acme-script, script: give, target: /run/app/mail}\n"
DECLARED = "commands: commands\nfile_roots: [/run/app]\n"


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ("", "", []),
        ("commands: commands\n", "", [("consumers[1]", "config.no-commands")]),
        ("script: give", "script: /bin/sh", [("consumers[1].script", "config.value")]),
        ("[/run/app]", "[/run/other]", [("consumers[1].target", "config.outside-file-roots")]),
        (
            "target: /run/app/mail", "target: /run/app/../../etc/passwd",
            [("consumers[1].target", "config.outside-file-roots")],
        ),
    ],
)  # fmt: skip
def test_what_it_declares_to_be_local_stays_where_ours_stays(
    text: str, tmp_path: Path, old: str, new: str, found: list[tuple[str, str]]
) -> None:
    whole = (
        (DECLARED + text.lstrip() + SCRIPT).replace(old, new, 1)
        if old
        else DECLARED + text + SCRIPT
    )
    assert found == errors(written(whole, tmp_path))


def test_a_consumer_of_a_built_in_family_is_granted_what_it_works_on(
    text: str, tmp_path: Path
) -> None:
    queue = "arn:aws:sqs:eu-west-1:123456789012:told"
    more = f"      - {{id: told, type: acme-queue, connection: main, queue: '{queue}', accept_elapsed: true}}\n"
    path = str(written(text + more, tmp_path))
    reply = json.loads(CliRunner().invoke(program, ["-c", path, "policy", "aws"]).stdout)
    for document in ("main/deliver", "main/boundary"):
        [stated] = [
            each
            for each in reply[document]["Statement"]
            if "sqs:SendMessage" in each.get("Action", ())
        ]
        assert stated["Resource"] == queue


def test_options_that_break_the_contract_are_named_where_the_plugin_is(
    text: str, site: Path, tmp_path: Path
) -> None:
    """Loaded by name, as any other."""
    broken = site / "acme_broken.py"
    broken.write_text(
        "from dataclasses import dataclass\n"
        "from rotation.options import ConsumerOptions\n"
        "@dataclass(frozen=True, kw_only=True)\n"
        "class Options(ConsumerOptions):\n"
        "    PUSHED = CONFIRMS = True\n"
        "    gone: bool = False\n"
    )
    about = site / "acme_broken-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-broken\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(
        "[rotation.consumers]\nacme-broken = acme_broken:Options\n"
        "[rotation.options]\nacme-broken = acme_broken:Options\n"
    )
    from rotation.plugins.registry import installed  # noqa: PLC0415

    installed.cache_clear()
    with pytest.raises(ConfigInvalid) as refused:
        load(
            written(
                text.replace("type: acme-cluster, connection", "type: acme-broken, x"), tmp_path
            )
        )
    [finding] = refused.value.findings
    assert (finding.path, finding.code) == ("secrets[0].consumers[0].type", "plugin.contract")
    assert "`acme-broken`" in finding.message
    assert "`gone`" in finding.message
    assert f"({broken}:6)" in finding.message


# ---------------------------------------------------------------------------- a whole rotation


@pytest.fixture
def strict() -> Iterator[StrictAws]:
    with StrictAws() as strict:
        yield strict


def advance(runner: Runner, clock: Clock, stream: str) -> Action:
    action = runner.advance(stream)
    while isinstance(action, Wait) and action.until is not None:
        clock.skip_to(action.until)
        action = runner.advance(stream)
    return action


def test_it_rotates_from_mint_to_the_end_of_the_old_one(
    strict: StrictAws, text: str, tmp_path: Path
) -> None:
    control = strict.control
    login = tmp_path / "aws"
    login.write_text(
        f"[default]\naws_access_key_id = {ADMIN.access_key_id}\n"
        f"aws_secret_access_key = {ADMIN.secret_access_key}\n"
    )
    login.chmod(0o600)
    more = f', endpoint: "{control.endpoint}", credentials_file: {login}'
    text = text.replace("eu-west-1", control.region + more)
    iam, secrets = control.client("iam"), control.client("secretsmanager")
    iam.create_user(UserName="mail")
    old = iam.create_access_key(UserName="mail")["AccessKey"]["AccessKeyId"]
    value = json.dumps({"username": old, "password": "made-of-an-EXAMPLE"})
    secrets.create_secret(Name="mail", SecretString=value)
    configuration, clock = load(written(text, tmp_path)), Clock(control)
    [entry] = configuration.secrets()
    registry, spec = Registry(configuration, clock), configuration.specification(entry)
    runner = Runner(
        journal=MemoryJournal("0123456789ab"), bind=registry.bind, clock=clock, id="runner"
    )
    for plan in ("adopt", "routine"):
        runner.open(entry.stream, PLANS[plan], spec, trigger="test")
        assert advance(runner, clock, entry.stream) == Close(Outcome.SUCCEEDED)
        clock.skip_to(clock.now() + timedelta(days=60))
    registry.close()
    current = json.loads(secrets.get_secret_value(SecretId="mail")["SecretString"])
    [alive] = iam.list_access_keys(UserName="mail")["AccessKeyMetadata"]
    assert alive["AccessKeyId"] == current["username"] != old
    assert json.loads((tmp_path / "billing+mail").read_text()) == current
