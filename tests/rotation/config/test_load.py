"""What a configuration that is right comes to."""

import dataclasses
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from rotation.calendar import Schedule, Window
from rotation.config import ConfigInvalid, Level, load, schema
from rotation.errors import UsageError
from rotation.plan.specification import differences, spec_from_json, spec_to_json
from rotation.types import ConsumerSpec, PluginSpec
from tests.rotation.config.files import HEAD, SECRET, VALID, Find, Load

GENERATED = """\
  - id: orders-db
    application: orders
    environment: production
    owner: team-orders
    store: {type: aws-secrets-manager, connection: aws-prod, name: prod/orders}
    issuer: {type: generated, kind: token}
    value: whole
    probe: {type: command, argv: [look]}
    consumers:
      - {id: orders-service, type: command, role: verifier, argv: [hand, over]}
      - {id: orders-api, type: store-reader, refresh: 1m, accept_elapsed: true}
"""


def line(text: str) -> str:
    """One secret as a line of an inventory."""
    return json.dumps(yaml.safe_load(f"s:\n{text}")["s"][0]) + "\n"


def test_an_entry_says_who_and_what_it_is(loaded: Load) -> None:
    configuration = loaded(VALID)
    [entry] = configuration.secrets()
    assert configuration.secret("billing-iam") is entry
    assert configuration.secret("other") is None
    assert entry.identity == "aws-iam/111122223333/billing"
    digest = hashlib.sha256(b"aws-iam/111122223333/billing").hexdigest()
    assert entry.stream == f"aws-iam-access-key-{digest[:20]}"
    assert (entry.application, entry.environment, entry.owner, entry.class_name) == (
        "billing", "production", "team-payments", "production",
    )  # fmt: skip
    assert (entry.connection, entry.line) == ("aws-prod", 5)


def test_a_renamed_secret_answers_to_both_names_and_is_the_same_stream(loaded: Load) -> None:
    [before] = loaded(VALID).secrets()
    renamed = loaded(VALID.replace("id: billing-iam", "id: invoicing\n    was: billing-iam"))
    [entry] = renamed.secrets()
    assert renamed.secret("billing-iam") is renamed.secret("invoicing") is entry
    assert (entry.id, entry.stream) == ("invoicing", before.stream)
    assert renamed.specification(entry).secret == "invoicing"


def test_the_lines_of_an_inventory_are_renamed_each_by_itself(loaded: Load, tmp_path: Path) -> None:
    """The second is like the first in all but names, and is not taken for it."""
    lines = [
        line(
            SECRET.replace("billing", name).replace("    owner", f"    was: old-{name}\n    owner")
        )
        for name in ("one", "two")
    ]
    (tmp_path / "more.jsonl").write_text("".join(lines))
    configuration = loaded(HEAD + "inventory: [more.jsonl]\n")
    assert configuration.renamed == {"old-one": "one-iam", "old-two": "two-iam"}


def test_the_specification_holds_what_a_rotation_needs_and_nothing_else(loaded: Load) -> None:
    configuration = loaded(VALID)
    [entry] = configuration.secrets()
    spec = configuration.specification(entry)
    assert spec.store == PluginSpec(
        type="aws-secrets-manager", options={"connection": "aws-prod", "name": "prod/billing/aws"}
    )
    assert spec.consumers == (
        ConsumerSpec(
            id="billing-api", plugin=PluginSpec(type="store-reader", options={"refresh_s": 300}),
            pushed=False, confirms=False, refresh_s=300, accept_elapsed=True,
        ),
    )  # fmt: skip
    assert spec.fields == {
        "access_key_id": "access_key_id", "secret_access_key": "secret_access_key",
    }  # fmt: skip
    assert (spec.settle_s, spec.grace_s, spec.quiet_s, spec.soak_s) == (30, 600, 86_400, 86_400)
    assert (spec.keep_foreign, spec.exclusive, spec.destroy_by_hand) == (True, False, False)
    assert spec_from_json(json.loads(json.dumps(spec_to_json(spec)))) == spec
    assert "111122223333" not in json.dumps({**spec_to_json(spec), "identity": ""})


def test_the_period_leaves_time_for_all_that_follows(loaded: Load) -> None:
    [entry] = loaded(VALID).secrets()
    assert entry.max_age_s == 90 * 86_400
    assert entry.period_s == 90 * 86_400 - 600 - 86_400 - 7 * 86_400


def test_a_value_that_nobody_suspends_needs_no_soak_and_is_let_go_by_hand(
    loaded: Load, found: Find
) -> None:
    configuration = loaded(f"{HEAD}commands: bin\nsecrets:\n{GENERATED}")
    [entry] = configuration.secrets()
    spec = configuration.specification(entry)
    assert spec.destroy_by_hand
    assert spec.fields == {"token": ""}
    assert not spec.keep_foreign
    assert (spec.settle_s, spec.soak_s) == (0, 0)
    assert [c.role for c in spec.consumers] == ["verifier", "reader"]
    assert entry.identity == f"generated/{entry.place}"
    assert entry.place == "aws-secrets-manager/111122223333/eu-west-1/prod/orders"
    assert entry.period_s == 90 * 86_400 - 120 - 7 * 86_400
    assert [(f.level, f.code) for f in configuration.warnings] == [(Level.INFO, "config.by-hand")]
    assert not found(f"{HEAD}commands: bin\nsecrets:\n{GENERATED}    destroy: unattended\n")


def test_what_is_only_remarked_is_no_mistake(loaded: Load) -> None:
    """The first thing that is said is why nothing was done."""
    with pytest.raises(ConfigInvalid) as caught:
        loaded(f"{HEAD}commands: bin\nsecrets:\n{GENERATED}unknown: 1\n")
    codes = [finding.code for finding in caught.value.findings]
    assert codes == ["config.by-hand", "config.unknown-key"]
    assert [finding.code for finding in caught.value.errors] == ["config.unknown-key"]
    assert "config.unknown-key" in caught.value.message
    assert "more)" not in caught.value.message


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        (
            "role: verifier, argv: [hand, over]",
            "argv: [hand], confirms: true",
            "config.no-verifier",
        ),
        (", accept_elapsed: true", "", "config.no-evidence"),
        ("    probe: {type: command, argv: [look]}\n", "", "config.no-probe"),
        ("argv: [look]", "argv: [/bin/sh]", "config.value"),
    ],
)
def test_a_generated_value_is_not_taken_on_trust(
    found: Find, old: str, new: str, code: str
) -> None:
    text = f"{HEAD}commands: bin\nsecrets:\n{GENERATED}".replace(old, new)
    assert code in [finding.code for finding in found(text) if finding.level is Level.ERROR]


def test_unverified_has_to_be_said_and_is_said_again(found: Find) -> None:
    text = f"{HEAD}commands: bin\nsecrets:\n{GENERATED}    destroy: unattended\n"
    text = text.replace("kind: token", "kind: token, unverified: true")
    text = text.replace("    probe: {type: command, argv: [look]}\n", "")
    text = "".join(line for line in text.splitlines(True) if "verifier" not in line)
    assert [(f.level, f.code) for f in found(text)] == [(Level.INFO, "config.unverified")]


@pytest.mark.parametrize(
    ("consumer", "path", "code"),
    [
        ("type: file, path: /run/app/x, refresh: 1m", "", ""),
        ("type: file, path: /run/apples/x, refresh: 1m", ".path", "config.outside-file-roots"),
        ("type: file, path: /etc/passwd, refresh: 1m", ".path", "config.outside-file-roots"),
        ("type: file, path: /run/app/../x, refresh: 1m", ".path", "config.value"),
        ("type: command, argv: [hand], confirms: true", "", "config.no-commands"),
    ],
)
def test_what_happens_on_this_host_stays_in_declared_directories(
    found: Find, consumer: str, path: str, code: str
) -> None:
    text = f"{VALID}      - {{id: other, {consumer}}}\nfile_roots: [/run/app]\n"
    assert [(f.path, f.code) for f in found(text)] == (
        [(f"secrets[0].consumers[1]{path}", code)] if code else []
    )


FILE = "{id: other, type: file, path: /run/app/one, refresh: 1m}"


def with_files(*paths: str, state: str = "active") -> str:
    """A secret for each, in one configuration."""
    secrets = [
        SECRET.replace("billing", f"app-{n}").replace("    owner", f"    state: {state}\n    owner")
        + f"      - {FILE.replace('/run/app/one', path)}\n"
        for n, path in enumerate(paths)
    ]
    return f"{HEAD}file_roots: [/run/app]\nsecrets:\n{''.join(secrets)}"


def test_a_file_is_of_one_secret(found: Find, loaded: Load, tmp_path: Path) -> None:
    [finding] = found(with_files("/run/app/one", "/run/app/one"))
    assert (finding.code, finding.path) == (
        "config.duplicate-file", "secrets[1].consumers[1].path",
    )  # fmt: skip
    assert "`app-0-iam`" in finding.message
    assert found(with_files("/run/app/one", "/run/app/two")) == []
    assert found(with_files("/run/app/one", "/run/app/one", state="retired")) == []


def test_so_it_is_in_an_inventory(found: Find, tmp_path: Path) -> None:
    lines = [
        line(f"{SECRET.replace('billing', name)}      - {FILE}\n")
        for name in ("one", "two", "three")
    ]
    (tmp_path / "many.jsonl").write_text("".join(lines))
    reply = found(f"{HEAD}file_roots: [/run/app]\ninventory: [many.jsonl]\n")
    assert [each.code for each in reply] == ["config.duplicate-file"] * 2


def test_a_delivery_s_own_name_is_no_file_of_a_consumer(found: Find) -> None:
    [finding] = found(with_files("/run/app/.one.rotation-tmp"))
    assert (finding.code, finding.path) == ("config.value", "secrets[0].consumers[1].path")


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("/dev/zero")])
@pytest.mark.parametrize("key", ["inventory: [{}]", "bindings: {}"])
def test_what_never_ends_is_not_read(
    found: Find, tmp_path: Path, key: str, make: Callable[[Path], None]
) -> None:
    make(tmp_path / "endless")
    [reply] = found(f"{VALID}{key.format('endless')}\n")
    assert reply.code in ("config.unreadable", "config.mode")  # anybody may write to a device


def test_a_configuration_that_is_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "rotation.yaml")
    with pytest.raises(UsageError) as refused:
        load(tmp_path / "rotation.yaml")
    assert refused.value.code == "config.unreadable"


def test_somebody_else_s_inventory_is_not_read(found: Find, tmp_path: Path) -> None:
    (tmp_path / "many.jsonl").write_text("no JSON at all\n")
    (tmp_path / "many.jsonl").chmod(0o666)
    assert [each.code for each in found(f"{HEAD}inventory: [many.jsonl]\n")] == ["config.mode"]


OF_A_TEST = VALID.replace("environment: production", "environment: test")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (OF_A_TEST + "    class: own\nclasses: {own: {max_age: 365d}}\n", "config.age-advised"),
        (VALID.partition("    consumers:")[0], "config.no-consumers"),
    ],
)
def test_what_is_allowed_but_unwise_is_a_warning(loaded: Load, text: str, code: str) -> None:
    [warning] = loaded(text).warnings
    assert (warning.level, warning.code) == (Level.WARNING, code)


def test_a_secret_has_its_own_schedule_over_that_of_its_class(loaded: Load) -> None:
    text = """\
    schedule: {every: 30d}
classes:
  production:
    schedule: {cron: "0 3 * * 1", jitter: 1h, windows: [{from: "09:00", to: "16:00"}]}
"""
    [entry] = loaded(VALID + text).secrets()
    assert entry.schedule == Schedule(
        every_s=30 * 86_400, jitter_s=3600, windows=(Window(from_="09:00", to="16:00"),)
    )


def test_a_part_of_a_built_in_class_can_be_changed(loaded: Load) -> None:
    [entry] = loaded(VALID + "classes: {production: {margin: 1d}}\n").secrets()
    assert (entry.max_age_s, entry.margin_s) == (90 * 86_400, 86_400)


def test_paused_has_an_end(loaded: Load) -> None:
    text = VALID + "    state: paused\n    until: 2026-12-01\n    reason: migration\n"
    [entry] = loaded(text).secrets()
    assert (entry.state, entry.until, entry.reason) == (
        "paused", datetime(2026, 12, 1, tzinfo=UTC), "migration",
    )  # fmt: skip


def test_a_pause_says_who_answers_for_it(loaded: Load) -> None:
    text = VALID + "    state: paused\n    until: 2026-12-01\n    reason: migration\n"
    unowned = loaded(text)
    assert "config.pause-unowned" in {finding.code for finding in unowned.warnings}
    owned = loaded(text + "    by: team-platform\n")
    assert "config.pause-unowned" not in {finding.code for finding in owned.warnings}
    [entry] = owned.secrets()
    end = datetime(2026, 12, 1, tzinfo=UTC)
    assert entry.paused_at(end - timedelta(seconds=1)) == "paused by team-platform: migration"
    assert entry.paused_at(end) is None


def test_paths_are_beside_the_file(loaded: Load, tmp_path: Path) -> None:
    configuration = loaded(VALID + "commands: bin\njournal: state/journal.db\n")
    assert configuration.journal == tmp_path / "state" / "journal.db"
    assert configuration.commands == tmp_path / "bin"


def test_timings_of_the_connection_are_the_rotations(loaded: Load) -> None:
    configuration = loaded(VALID.replace("region: eu-west-1", "region: eu-west-1, settle: 2m"))
    [entry] = configuration.secrets()
    assert configuration.specification(entry).settle_s == 120


def test_an_option_at_its_default_is_not_part_of_a_specification(loaded: Load) -> None:
    """Else a later version's new option would hold every open rotation."""
    plain, spelled = (
        loaded(VALID.replace("name: prod/billing/aws", f"name: prod/billing/aws{more}"))
        for more in ("", ", replicas: []")
    )
    specs = [c.specification(next(c.secrets())) for c in (plain, spelled)]
    assert differences(*specs) == []


# ------------------------------------------------------------------------------------- inventory


def test_an_inventory_has_the_same_secrets(loaded: Load, tmp_path: Path) -> None:
    [in_yaml] = loaded(VALID).secrets()
    (tmp_path / "more.jsonl").write_text("\n" + line(SECRET))
    configuration = loaded(HEAD + "inventory: [more.jsonl]\n")
    [in_json] = configuration.secrets()
    assert in_json.line == 2
    assert in_json.file == str(tmp_path / "more.jsonl")
    assert in_json._replace(file="", line=0, text=b"") == in_yaml._replace(
        file="", line=0, text=b""
    )
    assert configuration.specification(in_json).secret == "billing-iam"


@pytest.mark.parametrize(
    ("text", "path", "code"),
    [
        ("{", "", "config.syntax"),
        ("[]", "", "config.type"),
        ("{} {}", "", "config.syntax"),
        ("\xff", "", "config.syntax"),
        ('{"id": "a", "id": "b"}', "id", "config.duplicate-key"),
        (line(SECRET).replace("5m", "10:30"), "consumers[0].refresh", "config.duration"),
        (line(SECRET).replace("team-payments", "AKIA" + "Q7RSTUVWXYZ23456"), "owner",
         "config.inline-secret"),
        ("[" * 100_000, "", "config.syntax"),
    ],
)  # fmt: skip
def test_an_inventory_s_mistakes_have_file_line_and_path(
    found: Find, tmp_path: Path, text: str, path: str, code: str
) -> None:
    other = line(SECRET.replace("billing", "other"))
    (tmp_path / "more.jsonl").write_bytes(other.encode() + text.encode("latin-1").strip() + b"\n")
    [finding] = found(HEAD + "inventory: [more.jsonl]\n")
    assert (finding.line, finding.path, finding.code) == (2, path, code)
    assert finding.file == str(tmp_path / "more.jsonl")


def test_what_an_inventory_shares_with_the_file_is_refused(found: Find, tmp_path: Path) -> None:
    (tmp_path / "more.jsonl").write_text(line(SECRET.replace("id: billing-iam", "id: again")))
    codes = [finding.code for finding in found(VALID + "inventory: [more.jsonl]\n")]
    assert codes == ["config.duplicate-identity", "config.duplicate-store"]


def test_the_digest_is_of_every_file(loaded: Load, tmp_path: Path) -> None:
    text = VALID + "inventory: [more.jsonl]\n"
    digests = []
    for content in ("", "\n", line(SECRET.replace("billing", "other"))):
        (tmp_path / "more.jsonl").write_text(content)
        digests.append(loaded(text).digest)
    assert len({*digests, loaded(VALID).digest}) == 4


def test_a_line_that_moved_into_another_file_is_another_digest(
    loaded: Load, tmp_path: Path
) -> None:
    files = (("1.jsonl", "2.jsonl"), ("\n\n", ""), ("\n", "\n"))
    text = f"{VALID}inventory: [{', '.join(files[0])}]\n"
    digests = set()
    for contents in files[1:]:
        for name, content in zip(files[0], contents, strict=True):
            (tmp_path / name).write_text(content)
        digests.add(loaded(text).digest)
    assert len(digests) == 2


# ---------------------------------------------------------------------------------------- access


def test_a_file_that_is_not_there_is_told_as_such(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        load(tmp_path / "rotation.yaml")
    assert caught.value.code == "config.unreadable"


@pytest.mark.parametrize("mode", [0o620, 0o602])
def test_a_file_that_others_may_change_is_refused(write: Callable[[str], Path], mode: int) -> None:
    path = write(VALID)
    path.chmod(mode)
    with pytest.raises(ConfigInvalid) as caught:
        load(path)
    assert [finding.code for finding in caught.value.findings] == ["config.mode"]


def test_a_file_of_somebody_else_is_refused(
    write: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(VALID)
    if os.geteuid() == 0:
        os.chown(path, 4711, -1)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: 4711)
    with pytest.raises(ConfigInvalid) as caught:
        load(path)
    assert "config.owner" in [finding.code for finding in caught.value.findings]


def test_so_is_one_in_a_directory_that_others_may_change(
    write: Callable[[str], Path], tmp_path: Path
) -> None:
    path = write(VALID)
    tmp_path.chmod(0o770)
    with pytest.raises(ConfigInvalid) as caught:
        load(path)
    assert [finding.code for finding in caught.value.findings] == ["config.mode"]
    assert str(tmp_path) in str(caught.value)


def test_so_is_one_behind_a_link_into_such_a_directory(
    write: Callable[[str], Path], tmp_path: Path
) -> None:
    there = tmp_path / "there"
    there.mkdir()
    path = write(VALID).rename(there / "rotation.yaml")
    there.chmod(0o777)
    link = tmp_path / "rotation.yaml"
    link.symlink_to(path)
    with pytest.raises(ConfigInvalid) as caught:
        load(link)
    assert [finding.code for finding in caught.value.findings] == ["config.mode"]


def test_an_inventory_that_others_may_change_is_refused(found: Find, tmp_path: Path) -> None:
    inventory = tmp_path / "more.jsonl"
    inventory.touch()
    inventory.chmod(0o666)
    [finding] = found(VALID + "inventory: [more.jsonl]\n")
    assert (finding.file, finding.code) == (str(inventory), "config.mode")


# ---------------------------------------------------------------------------------------- schema


def test_the_schema_names_every_key_that_is_read() -> None:
    published = schema()
    secret = published["properties"]["secrets"]["items"]
    assert set(secret["required"]) == {
        "id", "application", "environment", "owner", "store", "issuer",
    }  # fmt: skip
    stores = secret["properties"]["store"]["oneOf"]
    assert "aws-secrets-manager" in [store["properties"]["type"]["const"] for store in stores]
    consumers = secret["properties"]["consumers"]["items"]["oneOf"]
    reader = next(c for c in consumers if c["properties"]["type"]["const"] == "store-reader")
    assert set(reader["required"]) == {"id", "type", "refresh"}
    assert reader["additionalProperties"] is False
    assert json.loads(json.dumps(published)) == published


def test_every_key_of_the_schema_says_what_it_is_for() -> None:
    def keys(shape: object, where: str = "") -> list[str]:
        if isinstance(shape, list):
            return [key for inner in shape for key in keys(inner, where)]
        if not isinstance(shape, dict):
            return []
        silent = [
            f"{where}.{key}"
            for key, inner in shape.get("properties", {}).items()
            if key != "type" and not inner.get("description")
        ]
        return silent + [key for name, inner in shape.items() for key in keys(inner, name)]

    assert keys(schema()) == []


def test_a_configuration_cannot_be_changed(loaded: Load) -> None:
    configuration = loaded(VALID)
    with pytest.raises(dataclasses.FrozenInstanceError):
        configuration.installation = "x"  # type: ignore[misc]


def test_reading_a_configuration_loads_no_library_of_an_adapter(
    write: Callable[[str], Path],
) -> None:
    """`status` starts in the time that these would take."""
    program = (
        "import sys, pathlib, rotation.config as c; c.load(pathlib.Path(sys.argv[1]));"
        "print(sorted({'boto3', 'botocore', 'cronsim', 'pydantic'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, write(VALID)], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


def test_a_class_says_whether_what_is_gone_is_replaced_by_itself(loaded: Load) -> None:
    by_person = loaded(VALID)
    [entry] = by_person.secrets()
    assert not by_person.replaces_by_itself(entry)
    by_itself = loaded(VALID + "classes: {production: {replace: by-itself}}\n")
    [entry] = by_itself.secrets()
    assert by_itself.replaces_by_itself(entry)
