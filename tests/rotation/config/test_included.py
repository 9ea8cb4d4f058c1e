"""`include:`: a team's file names what the main file lets it name, and nothing else."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from rotation.config import ConfigInvalid, Configuration, Finding, load
from tests.rotation.config.files import HEAD, SECRET

MAY = """
      names: [billing-*]
      stored: [aws-secrets-manager/111122223333/eu-west-1/prod/billing/*]
      issued: [aws-iam/111122223333/billing*]
      connections: [aws-prod]
"""
INCLUDE = f"""\
include:
  - files: secrets.d/*.yaml
    owner: team-payments
    may: {MAY}"""
MAIN = f"{HEAD}file_roots: [/run/secrets]\ncommands: bin\n{INCLUDE}"
TEAM = f"secrets:\n{SECRET}"

Written = Callable[[dict[str, str]], Path]


@pytest.fixture
def written(tmp_path: Path) -> Written:
    def write(files: dict[str, str]) -> Path:
        for name, text in {"rotation.yaml": MAIN, **files}.items():
            path = tmp_path / name
            path.parent.mkdir(mode=0o700, exist_ok=True)
            path.write_text(text)
            path.chmod(0o600)
        return tmp_path / "rotation.yaml"

    return write


def other(name: str, **changes: str) -> str:
    """Another secret of the same team."""
    text = SECRET.replace("billing-iam", name).replace("user: billing", f"user: {name}")
    text = text.replace("prod/billing/aws", f"prod/billing/{name}")
    for before, after in changes.items():
        text = text.replace(before, after)
    return text


def refused(path: Path) -> list[Finding]:
    with pytest.raises(ConfigInvalid) as caught:
        load(path)
    return list(caught.value.errors)


def only(path: Path) -> tuple[str, int, str, str]:
    [finding] = refused(path)
    return Path(finding.file).name, finding.line, finding.path, finding.code


def test_the_secrets_of_all_its_files_are_there_with_file_and_line(written: Written) -> None:
    path = written(
        {"secrets.d/b.yaml": TEAM, "secrets.d/a.yaml": f"secrets:\n{other('billing-a')}"}
    )
    found = load(path)
    assert [(Path(entry.file).name, entry.line, entry.id) for entry in found.secrets()] == [
        ("a.yaml", 2, "billing-a"), ("b.yaml", 2, "billing-iam"),
    ]  # fmt: skip
    specification = found.specification(found.entries["billing-iam"])
    assert specification.identity == "aws-iam/111122223333/billing"


def test_the_digest_follows_the_files(written: Written) -> None:
    before = load(written({"secrets.d/a.yaml": TEAM})).digest
    after = load(written({"secrets.d/a.yaml": TEAM.replace("5m", "6m")})).digest
    assert before != after


# What another team has: (a change of the secret, the line, where, what is said of it)
FOREIGN = {
    "its secret's name": ("id: billing-iam", "id: orders-iam", 2, "id", "`names`"),
    "its place": ("prod/billing/aws", "prod/orders/aws", 6, "store", "`stored`"),
    "its place by a way round": (
        "name: prod/billing/aws", "name: prod/billing/../orders", 6, "store", "",
    ),
    "its credential": ("user: billing", "user: orders", 7, "issuer", "`issued`"),
    "its owner": ("owner: team-payments", "owner: team-orders", 5, "owner", "belong to team-pay"),
    "its former name": ("    owner:", "    was: orders-iam\n    owner:", 5, "was", "`names`"),
    "a connection that it may not use": (
        "probe: {type: aws-sts, connection: aws-prod}", "probe: {type: aws-sts, connection: other}",
        8, "probe.connection", "`connections`",
    ),
    "a file": (
        "{id: billing-api, type: store-reader, refresh: 5m, accept_elapsed: true}",
        "{id: billing-api, type: file, path: /run/secrets/orders, refresh: 5m, accept_elapsed: true}",
        10, "consumers[0].path", "`files`",
    ),
    "a command": (
        "{id: billing-api, type: store-reader, refresh: 5m, accept_elapsed: true}",
        "{id: billing-api, type: command, argv: [send], confirms: true}",
        10, "consumers[0].argv", "`commands`",
    ),
    "an exception": (
        "    owner:",
        "    class: yearly\n    exception: {owner: a, reason: b, until: 2099-01-01}\n    owner:",
        6, "exception", "exceptions",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FOREIGN)
def test_what_is_another_teams_is_an_error_with_file_and_line(written: Written, name: str) -> None:
    before, after, line, where, said = FOREIGN[name]
    assert before in TEAM
    other_connection = '  other: {type: aws, account: "111122223333", region: eu-west-1}\n'
    main = MAIN.replace("file_roots", f"{other_connection}file_roots", 1)
    main += "classes: {yearly: {max_age: 365d}}\n"
    path = written({"rotation.yaml": main, "secrets.d/a.yaml": TEAM.replace(before, after)})
    [finding] = refused(path)
    found = (Path(finding.file).name, finding.line, finding.path)
    assert found == ("a.yaml", line, f"secrets[0].{where}")
    assert said in finding.message
    if said:
        assert "include" in finding.hint or "owner" in finding.hint


def test_a_secret_like_an_earlier_one_is_checked_as_well(written: Written) -> None:
    """The quick reader compares a secret with an earlier one that was found right."""
    text = TEAM + other("billing-b") + other("orders-c", **{"user: orders-c": "user: billing-c"})
    assert only(written({"secrets.d/a.yaml": text})) == (
        "a.yaml", 20, "secrets[2].id", "config.outside-include",
    )  # fmt: skip


def test_what_one_include_may_is_not_learnt_for_the_next(written: Written) -> None:
    second = INCLUDE.removeprefix("include:\n").replace("secrets.d/*", "orders")
    second = second.replace("connections: [aws-prod]", "connections: []")
    path = written({
        "rotation.yaml": MAIN + second, "secrets.d/a.yaml": TEAM,
        "orders.yaml": f"secrets:\n{other('billing-b')}",
    })  # fmt: skip
    assert {(Path(found.file).name, found.path) for found in refused(path)} == {
        ("orders.yaml", "secrets[0].store.connection"),
        ("orders.yaml", "secrets[0].issuer.connection"),
        ("orders.yaml", "secrets[0].probe.connection"),
    }


def test_the_main_file_itself_may_name_everything(written: Written) -> None:
    orders = other("orders").replace("team-payments", "team-orders")
    path = written({"rotation.yaml": f"{MAIN}secrets:\n{orders}", "secrets.d/a.yaml": TEAM})
    assert len(load(path)) == 2


def test_every_name_of_a_pair_of_roles_counts(written: Written) -> None:
    """`payments_a+orders_b` begins like the team's own role and turns another team's."""
    connection = (
        "  pg: {type: postgres, host: 127.0.0.1, database: app, user: rotation, "
        'system_identifier: "7000000000000000001", password_file: /etc/rotation/pg, '
        "emergency_user: contain, emergency_password_file: /etc/rotation/contain}\n"
    )
    main = MAIN.replace("issued: [", "issued: [postgres/7000000000000000001/billing_*, ")
    main = main.replace("[aws-prod]", "[aws-prod, pg]")
    main = main.replace("file_roots", f"{connection}file_roots", 1)
    before = "issuer: {type: aws-iam-access-key, connection: aws-prod, user: billing}"
    after = "issuer: {type: postgres-login, connection: pg, pair: [billing_a, orders_b]}"
    team = TEAM.replace(before, after).replace(
        "{type: aws-sts, connection: aws-prod}",
        '{type: postgres-login, connection: pg, query: "select 1"}',
    )
    found = refused(written({"rotation.yaml": main, "secrets.d/a.yaml": team}))
    said = [each.message for each in found if each.code == "config.outside-include"]
    assert [text.split("`")[1] for text in said] == ["postgres/7000000000000000001/orders_b"]
    own = team.replace("orders_b", "billing_b")
    assert len(load(written({"rotation.yaml": main, "secrets.d/a.yaml": own}))) == 1


@pytest.mark.parametrize(
    ("staging", "refused_"), [("", []), ("apps/billing-next", []), ("shared", ["shared/"])]
)
def test_where_a_value_waits_is_a_place(
    written: Written, staging: str, refused_: list[str]
) -> None:
    """Another team may be able to read that mount, and the value is the next credential."""
    cluster = "6f0c8f0e-33f1-4c8d-a6bd-9dbd9cc44a2e"
    store = f"vault-kv2/{cluster}/-"
    connection = (
        f'  v: {{type: vault, address: "https://vault.example:8200", cluster: "{cluster}", '
        "auth: approle, role: 8f3a, login_file: /etc/r}\n"
    )
    main = MAIN.replace("file_roots", f"{connection}file_roots", 1)
    main = main.replace("stored: [", f"stored: [{store}/apps/billing*, ")
    main = main.replace("[aws-prod]", "[aws-prod, v]")
    option = f", staging: {staging}" if staging else ""
    team = TEAM.replace(
        "{type: aws-secrets-manager, connection: aws-prod, name: prod/billing/aws}",
        f"{{type: vault-kv2, connection: v, mount: apps, path: billing{option}}}",
    )
    path = written({"rotation.yaml": main, "secrets.d/a.yaml": team})
    if not refused_:
        assert len(load(path)) == 1
    else:
        assert only(path) == ("a.yaml", 6, "secrets[0].store", "config.outside-include")
        assert f"`{store}/{refused_[0]}`" in refused(path)[0].message


# ------------------------------------------------------------------------------ the files


def test_a_file_includes_nothing_itself(written: Written) -> None:
    nested = f"{TEAM}include: [other.yaml]\n"
    assert only(written({"secrets.d/a.yaml": nested})) == (
        "a.yaml", 11, "include", "config.include-nested",
    )  # fmt: skip


def test_a_file_has_no_connections_of_its_own(written: Written) -> None:
    text = f"connections: {{}}\n{TEAM}"
    assert only(written({"secrets.d/a.yaml": text})) == (
        "a.yaml", 1, "connections", "config.include-key",
    )  # fmt: skip


def test_a_circle(written: Written) -> None:
    main = MAIN.replace("secrets.d/*.yaml", "'*.yaml'")
    assert only(written({"rotation.yaml": main}))[2:] == (
        "include[0].files", "config.include-circle",
    )  # fmt: skip


@pytest.mark.parametrize("files", ["secrets.d/*.yaml", "payments.yaml", "nowhere/payments.yaml"])
def test_no_file_of_that_name(written: Written, files: str) -> None:
    main = MAIN.replace("secrets.d/*.yaml", files)
    assert only(written({"rotation.yaml": main}))[1:] == (
        7, "include[0].files", "config.include-missing",
    )  # fmt: skip


@pytest.mark.parametrize(
    "files", ["../other.yaml", "/etc/other.yaml", "a/../../b.yaml", "**/*.yaml", "."]
)
def test_a_path_outside_of_the_directory(written: Written, files: str) -> None:
    main = MAIN.replace("secrets.d/*.yaml", f"'{files}'")
    assert only(written({"rotation.yaml": main}))[2:] == ("include[0].files", "config.value")


def test_a_link_that_leads_outside(written: Written, tmp_path: Path) -> None:
    path = written({"secrets.d/a.yaml": TEAM})
    outside = tmp_path.parent / "outside.yaml"
    outside.write_text(f"secrets:\n{other('billing-b')}")
    outside.chmod(0o600)
    (tmp_path / "secrets.d" / "b.yaml").symlink_to(outside)
    assert only(path)[2:] == ("include[0].files", "config.include-outside")


def test_the_same_file_by_two_names(written: Written, tmp_path: Path) -> None:
    path = written({"secrets.d/a.yaml": TEAM})
    (tmp_path / "secrets.d" / "b.yaml").symlink_to("a.yaml")
    assert only(path)[2:] == ("include[0].files", "config.include-twice")


def test_a_file_that_others_may_change(written: Written, tmp_path: Path) -> None:
    path = written({"secrets.d/a.yaml": TEAM})
    (tmp_path / "secrets.d" / "a.yaml").chmod(0o666)
    [finding] = refused(path)
    assert (Path(finding.file).name, finding.code) == ("a.yaml", "config.mode")


def test_a_directory_that_others_may_change(written: Written, tmp_path: Path) -> None:
    path = written({"secrets.d/a.yaml": TEAM})
    (tmp_path / "secrets.d").chmod(0o777)
    assert {finding.code for finding in refused(path)} == {"config.mode"}


def test_a_pipe_is_no_file(written: Written, tmp_path: Path) -> None:
    path = written({"secrets.d/a.yaml": TEAM})
    os.mkfifo(tmp_path / "secrets.d" / "b.yaml", 0o600)
    assert only(path)[2:] == ("include[0].files", "config.unreadable")


def test_two_files_with_the_same_secret(written: Written) -> None:
    found = refused(written({"secrets.d/a.yaml": TEAM, "secrets.d/b.yaml": TEAM}))
    assert {Path(finding.file).name for finding in found} == {"b.yaml"}
    first = next(finding for finding in found if finding.code == "config.duplicate-id")
    assert first.hint.endswith("a.yaml:2 has it")


def test_a_leaked_secret_in_a_file_is_found_and_not_shown(written: Written) -> None:
    key = "AKIA" + "ABCDEFGHIJKLMNOP"
    path = written({"secrets.d/a.yaml": TEAM.replace("owner: team", f"owner: {key}-team")})
    found = refused(path)
    assert "config.inline-secret" in {finding.code for finding in found}
    assert key not in "".join(map(str, found))


def test_text_that_is_no_yaml_has_its_own_line(written: Written) -> None:
    assert only(written({"secrets.d/a.yaml": f"{TEAM}  - [\n"}))[::3] == ("a.yaml", "config.syntax")
    assert only(written({"secrets.d/a.yaml": "- a\n"}))[::3] == ("a.yaml", "config.type")
    assert only(written({"secrets.d/a.yaml": "secrets: {}\n"}))[::3] == ("a.yaml", "config.type")


def test_a_pattern_is_a_beginning(written: Written) -> None:
    main = MAIN.replace("names: [billing-*]", "names: ['*-billing']")
    assert only(written({"rotation.yaml": main, "secrets.d/a.yaml": TEAM}))[2:] == (
        "include[0].may.names", "config.value",
    )  # fmt: skip


def test_an_empty_file_is_none(written: Written) -> None:
    found: Configuration = load(written({"secrets.d/a.yaml": "secrets: []\n"}))
    assert len(found) == 0
