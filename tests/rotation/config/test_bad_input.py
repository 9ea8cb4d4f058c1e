"""Every mistake is found, at once, where it stands, and its content is never shown."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from rotation.config import ConfigInvalid, Level, load
from tests.rotation.config.files import HEAD, SECRET, VALID, Find, Load

CANARY = "hunter2-Canary"


def test_a_valid_file_has_no_findings(found: Find) -> None:
    assert found(VALID) == []


def changed(old: str, new: str) -> str:
    assert old in VALID
    return VALID.replace(old, new)


def more(*lines: str) -> str:
    return VALID + "".join(f"    {line}\n" for line in lines)


CASES: dict[str, tuple[str, int, str, str]] = {
    "unknown key": (more("onwer: x"), 14, "secrets[0].onwer", "config.unknown-key"),
    "unknown key of a plugin": (
        changed("user: billing", "user: billing, usr: x"), 10, "secrets[0].issuer.usr",
        "config.unknown-key",
    ),
    "duplicate key": (more("owner: other"), 14, "secrets[0].owner", "config.duplicate-key"),
    "sexagesimal": (
        changed("refresh: 5m", "refresh: 10:30"), 13, "secrets[0].consumers[0].refresh",
        "config.duration",
    ),
    "a bare number for a duration": (
        changed("refresh: 5m", "refresh: 300"), 13, "secrets[0].consumers[0].refresh",
        "config.duration",
    ),
    "on is no switch": (more("exclusive: on"), 14, "secrets[0].exclusive", "config.type"),
    "a number for a text": (
        changed('"111122223333"', "111122223333"), 3, "connections.aws-prod.account", "config.type",
    ),
    "no value": (more("probe:"), 14, "secrets[0].probe", "config.duplicate-key"),
    "missing key": (
        changed("    owner: team-payments\n", ""), 5, "secrets[0].owner", "config.missing",
    ),
    "a secret under a key of that name": (
        more("password: x"), 14, "secrets[0].password", "config.inline-secret",
    ),
    "an AWS key id": (
        changed("team-payments", "AKIA" + "Q7RSTUVWXYZ23456"), 8, "secrets[0].owner",
        "config.inline-secret",
    ),
    "a password in a URL": (
        changed("team-payments", "postgres://app:" + "hunter2@db"), 8, "secrets[0].owner",
        "config.inline-secret",
    ),
    "a wave of what reads by itself": (
        changed("refresh: 5m", "refresh: 5m, wave: 2"), 13, "secrets[0].consumers[0]", "config.wave",
    ),
    "a wave that is none": (
        changed("refresh: 5m", "refresh: 5m, wave: 0"), 13, "secrets[0].consumers[0].wave",
        "config.value",
    ),
    "unenforced": (more("canary: 2"), 14, "secrets[0].canary", "config.not-enforced"),
    "unenforced at the top": (
        VALID + "replaces: [more]\n", 14, "replaces", "config.not-enforced",
    ),
    "unknown plugin": (
        changed("aws-secrets-manager", "aws-secret-manager"), 9, "secrets[0].store.type",
        "plugin.unknown",
    ),
    "a plugin of another kind": (
        changed("aws-secrets-manager", "aws-sts"), 9, "secrets[0].store.type",
        "plugin.unknown",
    ),
    "unknown connection": (
        changed("connection: aws-prod, user", "connection: aws-dev, user"), 10,
        "secrets[0].issuer.connection", "config.unknown-connection",
    ),
    "unknown class": (more("class: prod"), 14, "secrets[0].class", "config.unknown-class"),
    "wildcard user": (
        changed("user: billing", "user: 'billing-*'"), 10, "secrets[0].issuer.user",
        "config.wildcard",
    ),
    "wildcard name": (
        changed("prod/billing/aws", "prod/?"), 9, "secrets[0].store.name", "config.wildcard",
    ),
    "path tricks": (changed("id: billing-iam", "id: ../x"), 5, "secrets[0].id", "config.value"),
    "two applications": (
        changed("application: billing", "application: [billing, orders]"), 6,
        "secrets[0].application", "config.shared-credential",
    ),
    "consumer without refresh": (
        changed("refresh: 5m, ", ""), 13, "secrets[0].consumers[0].refresh", "config.missing",
    ),
    "consumer twice": (
        more("  - {id: billing-api, type: store-reader, refresh: 5m}"), 14,
        "secrets[0].consumers[1].id", "config.duplicate-id",
    ),
    "no probe": (
        changed("    probe: {type: aws-sts, connection: aws-prod}\n", ""), 5, "secrets[0]",
        "config.no-probe",
    ),
    "unknown field": (
        more("fields: {access_key_id: A, secret_access_key: B, secret_acces_key: C}"), 14,
        "secrets[0].fields.secret_acces_key", "config.unknown-field",
    ),
    "whole of several": (more("value: whole"), 14, "secrets[0].value", "config.value"),
    "one key for two fields": (
        more("fields: {access_key_id: A, secret_access_key: A}"), 14, "secrets[0].fields",
        "config.value",
    ),
    "paused for ever": (more("state: paused"), 14, "secrets[0].state", "config.value"),
    "a pause of nobody": (
        more("state: paused\n    until: 2026-12-01\n    reason: x\n    by: ' '"), 17,
        "secrets[0].by", "config.value",
    ),
    "who answers for no pause": (more("by: ada"), 14, "secrets[0].by", "config.value"),
    "every beyond the period": (
        more("schedule: {every: 82d}"), 14, "secrets[0].schedule.every", "config.every",
    ),
    "jitter beyond the margin": (
        more("schedule: {jitter: 8d}"), 14, "secrets[0].schedule.jitter", "config.jitter",
    ),
    "an interval that the store cannot bear": (
        more("schedule: {every: 10m}"), 14, "secrets[0].schedule.every", "config.quota",
    ),
    "an interval that leaves no room for rehearsals": (
        more("schedule: {every: 20m}"), 14, "secrets[0].schedule.every", "config.quota",
    ),
    "a cron that the store cannot bear": (
        more('schedule: {cron: "*/2 0-3 * * 1"}'), 14, "secrets[0].schedule.cron", "config.quota",
    ),
    "an age that the store cannot bear": (
        VALID.replace("    environment: production\n", "    class: own\n    environment: test\n")
        + "classes: {own: {max_age: 30m, margin: 0s, soak: 0s, grace: 20m}}\n", 7,
        "secrets[0].class", "config.quota",
    ),
    "a life that is no longer than the margin": (
        VALID.replace("{type: aws-iam-access-key, connection: aws-prod, user: billing}",
        "{type: vault-approle, connection: v, role: billing, ttl: 7d}").replace("secrets:",
        "  v: {type: vault, address: 'https://v:8200', cluster: 5d3647a5-80e4-8342-a5aa-de992eeeb2fc, auth: token, login_file: /t}\n"
        "secrets:").replace("{type: aws-sts, connection: aws-prod}",
        "{type: vault-login, connection: v}"), 11, "secrets[0].issuer", "config.life",
    ),
    "a margin in which readers cannot have moved": (
        VALID.replace("    environment: production\n", "    class: own\n    environment: test\n")
        .replace("{type: aws-iam-access-key, connection: aws-prod, user: billing}",
        "{type: vault-approle, connection: v, role: billing, ttl: 7d}").replace("secrets:",
        "  v: {type: vault, address: 'https://v:8200', cluster: 5d3647a5-80e4-8342-a5aa-de992eeeb2fc, auth: token, login_file: /t}\n"
        "secrets:").replace("{type: aws-sts, connection: aws-prod}",
        "{type: vault-login, connection: v}")
        + "classes: {own: {max_age: 90d, margin: 5m}}\n", 8, "secrets[0].class", "config.margin",
    ),
    "impossible cron": (
        more('schedule: {cron: "0 0 30 2 *"}'), 14, "secrets[0].schedule.cron", "config.value",
    ),
    "a window without an end": (
        more('schedule: {windows: [{from: "09:00"}]}'), 14, "secrets[0].schedule.windows[0].to",
        "config.missing",
    ),
    "production too old": (
        VALID + "classes: {production: {max_age: 91d}}\n", 14, "classes.production.max_age",
        "config.class-age",
    ),
    "development too old": (
        VALID + "classes: {development: {max_age: 181d}}\n", 14, "classes.development.max_age",
        "config.class-age",
    ),
    "a class without an age": (VALID + "classes: {own: {}}\n", 14, "classes.own", "config.missing"),
    "no time left": (
        VALID + "classes: {production: {max_age: 8d}}\n", 5, "secrets[0].class", "config.period",
    ),
    "grace below its floor": (
        VALID + "classes: {production: {grace: 9m}}\n", 5, "secrets[0].class", "config.grace",
    ),
    "a file root that is everything": (
        VALID + "file_roots: [/]\n", 14, "file_roots", "config.value",
    ),
    "installation": (
        changed("0f3a9c2b71de", "ABC"), 1, "installation", "config.value",
    ),
    "missing inventory": (
        VALID + "inventory: [gone.jsonl]\n", 14, "inventory[0]", "config.unreadable",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_a_mistake_is_found_where_it_stands(found: Find, case: str) -> None:
    text, line, path, code = CASES[case]
    errors = [finding for finding in found(text) if finding.level is Level.ERROR]
    assert (line, path, code) in [(f.line, f.path, f.code) for f in errors], errors
    assert len(errors) == 1 or code == "config.duplicate-key", errors


def test_all_of_them_come_at_once(found: Find) -> None:
    text = f"""\
installation: 12
connections:
  aws-prod: {{type: aws, account: "1111", region: eu-west-1}}
  other: {{type: awz}}
secrets:
{SECRET}    onwer: x
{SECRET.replace("billing-iam", "second").replace("5m", "10:30")}
  - {{id: third}}
canary: 2
"""
    assert [(f.line, f.path, f.code) for f in found(text)] == [
        (1, "installation", "config.type"),
        (3, "connections.aws-prod.account", "config.value"),
        (4, "connections.other.type", "plugin.unknown"),
        (15, "secrets[0].onwer", "config.unknown-key"),
        (24, "secrets[1].consumers[0].refresh", "config.duration"),
        (26, "secrets[2].application", "config.missing"),
        (26, "secrets[2].environment", "config.missing"),
        (26, "secrets[2].owner", "config.missing"),
        (26, "secrets[2].store", "config.missing"),
        (26, "secrets[2].issuer", "config.missing"),
        (27, "canary", "config.not-enforced"),
    ]


def second(**other: str) -> str:
    text = SECRET.replace("billing-iam", "second").replace("billing-api", "second-api")
    text = text.replace("prod/billing/aws", "prod/second/aws").replace(
        "user: billing", "user: second"
    )
    for old, new in other.items():
        text = text.replace(f"{old}: second", f"{old}: {new}")
    return text


def test_two_secrets_side_by_side_are_fine(found: Find) -> None:
    assert found(VALID + second()) == []


@pytest.mark.parametrize(
    ("old", "new", "path", "code"),
    [
        ("user: second", "user: BILLING", "issuer", "config.duplicate-identity"),
        ("prod/second/aws", "prod/billing/aws", "store", "config.duplicate-store"),
        ("id: second\n", "id: billing-iam\n", "id", "config.duplicate-id"),
    ],
)
def test_what_two_entries_share_is_refused(
    found: Find, old: str, new: str, path: str, code: str
) -> None:
    [finding] = found(VALID + second().replace(old, new))
    assert (finding.path, finding.code) == (f"secrets[1].{path}", code)


@pytest.mark.parametrize(
    ("first", "then", "path", "said"),
    [
        ("", "    was: billing-iam\n", "secrets[1].was", "a secret `billing-iam` still"),
        ("    was: second\n", "", "secrets[0].was", "a secret `second` still"),
        ("    was: old\n", "    was: old\n", "secrets[1].was", "`billing-iam` was called so as"),
        ("    was: billing-iam\n", "", "secrets[0].was", "another name than `id`"),
        ("    was: a/b\n", "", "secrets[0].was", "at most 63 of"),
    ],
)
def test_a_former_name_stands_for_one_secret(
    found: Find, first: str, then: str, path: str, said: str
) -> None:
    [finding] = found(VALID + first + second() + then)
    assert finding.path == path
    assert said in finding.message


@pytest.mark.parametrize("key", ["application", "environment"])
def test_a_credential_of_two_owners_is_said_to_be_shared(found: Find, key: str) -> None:
    value = {"application": "billing", "environment": "production"}[key]
    text = second().replace("user: second", "user: billing").replace(f"{key}: {value}", f"{key}: x")
    [finding] = found(VALID + text)
    assert finding.code == "config.shared-credential"
    assert "`billing-iam` of billing, production" in finding.message


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (more("onwer: x"), "did you mean `owner`?"),
        (
            changed("aws-secrets-manager", "aws-secret-manager"),
            "did you mean `aws-secrets-manager`?",
        ),
        (changed("connection: aws-prod, user", "connection: aws-prd, user"), "`aws-prod`"),
        (changed("refresh: 5m", "refresh: 10:30"), "write 90d, 36h, 5m or 30s"),
        (
            VALID + "classes: {production: {max_age: 8d}}\n",
            "max age 8d - grace 10m - soak 1d - margin 7d = -10m",
        ),
        (VALID + "classes: {production: {grace: 9m}}\n", "2 x the longest refresh of 5m = 10m"),
        (more("canary: 2"), "not enforced by this version"),
        (more("<<: {a: 1}"), "YAML 1.2 has no merge key"),
        (changed('"111122223333"', "111122223333"), "quote it"),
    ],
)
def test_it_says_what_to_write_instead(found: Find, text: str, said: str) -> None:
    assert any(said in str(finding) for finding in found(text))


def everywhere(value: Any) -> Iterator[Any]:
    """The value, changed at one place, for each place: the canary as text, in a list, as a key."""
    yield from (CANARY, [CANARY], {f"{CANARY}!": CANARY}, f"*{CANARY}", f"{CANARY} {CANARY}")
    if isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for place, inner in items:
            for other in everywhere(inner):
                yield {**value, place: other} if isinstance(value, dict) else [
                    *value[:place], other, *value[place + 1 :]
                ]  # fmt: skip
    if isinstance(value, dict):
        yield {**value, f"{CANARY}!": 1}


def test_no_finding_holds_what_stood_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "rotation.yaml"
    whole = yaml.safe_load(VALID)
    whole["classes"] = {"own": {"max_age": "90d", "schedule": {"cron": "0 3 * * 1", "zone": "UTC"}}}
    whole["freezes"] = [{"from": "2026-12-20", "to": "2027-01-03", "reason": "x"}]
    refused = 0
    for content in everywhere(whole):
        # JSON is YAML, and much faster to write.
        path.write_text(json.dumps(content))
        try:
            load(path)
        except ConfigInvalid as invalid:
            refused += 1
            reply = [str(invalid), repr(invalid.findings), *map(str, invalid.findings)]
            assert not any(CANARY in text for text in reply), reply
    assert refused > 100


@pytest.mark.parametrize(
    "text",
    ["", "- a\n", "just words\n", "a: [1\n", "\x00"],
)
def test_what_is_no_configuration_at_all_is_told_in_one_finding(found: Find, text: str) -> None:
    [finding] = found(text)
    assert finding.line >= 1


def test_a_byte_that_is_no_utf8_is_found(write: Callable[[str], Path]) -> None:
    path = write(VALID)
    path.write_bytes(path.read_bytes().replace(b"team-payments", b"team-\xff"))
    with pytest.raises(ConfigInvalid) as caught:
        load(path)
    assert [(f.line, f.code) for f in caught.value.findings] == [(8, "config.syntax")]


def test_a_giant_file_is_refused_before_it_is_looked_at(write: Callable[[str], Path]) -> None:
    path = write(VALID)
    with path.open("a") as file:
        for _ in range(200):
            file.write("- x\n" * (1 << 18))
    began = time.monotonic()
    with pytest.raises(ConfigInvalid) as caught:
        load(path)
    assert [finding.code for finding in caught.value.findings] == ["config.too-large"]
    assert time.monotonic() - began < 5


def test_a_giant_line_of_an_inventory_is_no_json(tmp_path: Path, loaded: Load) -> None:
    with (tmp_path / "many.jsonl").open("w") as file:
        for _ in range(64):
            file.write("{" * (1 << 20))
    with pytest.raises(ConfigInvalid) as caught:
        loaded(HEAD + "inventory: [many.jsonl]\n")
    assert {finding.code for finding in caught.value.findings} == {"config.syntax"}


def test_a_hundred_thousand_mistakes_are_counted_not_kept(tmp_path: Path, loaded: Load) -> None:
    (tmp_path / "many.jsonl").write_text('{"id": 1}\n' * 2000)
    with pytest.raises(ConfigInvalid) as caught:
        loaded(HEAD + "inventory: [many.jsonl]\n")
    assert len(caught.value.findings) == 1000
    assert caught.value.further == 2000 * 6 - 1000
