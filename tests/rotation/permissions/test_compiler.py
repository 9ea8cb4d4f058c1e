"""From secrets and grants to needs: nothing that no secret asks for, nothing for the wrong one."""

from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from rotation.config import load
from rotation.errors import UsageError
from rotation.interfaces import Scope
from rotation.permissions import compile, documents  # noqa: A004 -- the field's own word
from rotation.permissions.compiler import RETIRING
from rotation.plan import CONTAIN_ONLY, RETIRE
from rotation.plugins.registry import Plugins
from rotation.types import PermissionSet

HEAD = """
installation: "0f3a9c2b71de"
commands: commands
connections:
  main: {type: aws, account: "111122223333", region: eu-central-1}
  idle: {type: aws, account: "444455556666", region: eu-west-1}
secrets:
"""

SECRET = """
  - id: {id}
    application: billing
    environment: production
    owner: team
    store: {{type: aws-secrets-manager, connection: main, name: prod/{id}}}
    issuer: {{type: aws-iam-access-key, connection: main, user: {id}}}
    probe: {{type: aws-sts, connection: main}}
    consumers: [{{id: api, {consumer}, {gone}}}]
    {more}
"""

READER = "type: store-reader, refresh: 5m"
PUSHED = "type: command, argv: [give], confirms: true"


def scopes(tmp_path: Path, *secrets: str) -> tuple[Scope, ...]:
    file = tmp_path / "rotation.yaml"
    file.write_text(HEAD + "".join(secrets))
    return compile(load(file))


def secret(name: str = "app", consumer: str = READER, more: str = "", gone: str = "gone: false"):
    return SECRET.format(id=name, consumer=consumer, more=more, gone=gone)


def needed(scope: Scope, under: PermissionSet) -> set[tuple[str, str]]:
    return {(n.part.secret, n.grant.action) for n in scope.needs if n.under is under}


def test_each_connection_has_its_scope_even_an_idle_one(tmp_path: Path) -> None:
    main, idle = scopes(tmp_path, secret())
    assert (main.connection, idle.connection) == ("main", "idle")
    assert main.installation == "0f3a9c2b71de"
    assert {part.type for part in main.parts} == {
        "aws-iam-access-key", "aws-secrets-manager", "aws-sts",
    }  # fmt: skip
    assert not idle.needs


def test_a_need_names_its_secret_and_carries_the_options(tmp_path: Path) -> None:
    main, _ = scopes(tmp_path, secret("one"), secret("two"))
    create = [need for need in main.needs if need.grant.action == "iam:CreateAccessKey"]
    assert [need.part.options.user for need in create] == ["one", "two"]
    assert {need.part.identity for need in create} == {
        "aws-iam/111122223333/one", "aws-iam/111122223333/two",
    }  # fmt: skip


def test_only_who_keeps_foreign_fields_reads_before_it_writes(tmp_path: Path) -> None:
    main, _ = scopes(tmp_path, secret("kept"), secret("plain", more="foreign_fields: none"))
    read = ("kept", "secretsmanager:GetSecretValue")
    assert {each for each in needed(main, PermissionSet.MINT) if each[1] == read[1]} == {read}


def test_only_what_is_pushed_is_read_to_be_delivered(tmp_path: Path) -> None:
    main, _ = scopes(
        tmp_path,
        secret("read"),
        secret("pushed", PUSHED),
        secret("gone", PUSHED, gone="gone: true"),
    )
    reads = {name for name, action in needed(main, PermissionSet.DELIVER) if "Get" in action}
    assert reads == {"pushed"}


def test_a_retired_secret_is_not_minted_again(tmp_path: Path) -> None:
    main, _ = scopes(tmp_path, secret("old", more="state: retired"))
    assert {need.under for need in main.needs} == RETIRING


def test_what_retiring_needs_is_what_its_plans_use() -> None:
    rows = [*RETIRE.rows, *(undo.row for undo in RETIRE.rollback), *CONTAIN_ONLY.rows]
    assert {under for row in rows for under in row.sets} == RETIRING


def test_two_documents_of_one_name_are_refused(tmp_path: Path) -> None:
    """In one JSON, or in one account, the second one would take the first one's place."""
    text = HEAD
    for name, application, environment in (
        ("one", "shop", "eu-production"), ("two", "shop-eu", "production"),
    ):  # fmt: skip
        each = secret(name).replace("application: billing", f"application: {application}")
        text += each.replace("environment: production", f"environment: {environment}")
    file = tmp_path / "rotation.yaml"
    file.write_text(text)
    with pytest.raises(UsageError) as refused:
        list(documents(load(file), "aws"))
    assert refused.value.code == "policy.same-name"
    assert "read-shop-eu-production" in refused.value.message


def test_a_family_without_a_renderer_has_no_policies(tmp_path: Path) -> None:
    file = tmp_path / "rotation.yaml"
    file.write_text(HEAD + secret())
    none = Plugins([EntryPoint("nothing", "providers.aws.iam:IamRenderer", "rotation.renderers")])
    with pytest.raises(UsageError) as refused:
        list(documents(load(file), "aws", none))
    assert refused.value.code == "plugin.unknown"
    assert "renderer" not in f"{refused.value}"
    assert refused.value.hint == "name one of nothing"
