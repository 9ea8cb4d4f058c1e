"""What a `pulumi up` was making when it was killed, and what of it is taken into the state."""

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.interrupted import Refused, main, settled
from providers.vault.testing.server import VaultServer
from tests.infra.provider import iam, stores, vault, watch
from tests.infra.provider.kind import Clients, Kind
from tests.infra.whole import HOME, WholeAccount, opened
from tests.real.vault_server import running

pytestmark = pytest.mark.timeout(300)

KINDS: dict[str, Kind] = {**iam.KINDS, **stores.KINDS, **watch.KINDS}

OURS = {"rotation:owner": "4b1d0c77e2a9", "rotation:stack": "rotation/prod"}
PROVIDER = "urn:pulumi:prod::rotation::pulumi:providers:aws::aws-main"
EMPTY = json.dumps({"Version": "2012-10-17", "Statement": []})

KEY = {
    "description": "secrets of rotation 4b1d0c77e2a9", "policy": EMPTY, "multiRegion": True,
    "enableKeyRotation": True,
}  # fmt: skip
GIVEN: dict[str, dict[str, Any]] = {
    "aws:iam/policy:Policy": {
        "name": "rotation-p", "path": "/r/", "description": "d",
        "policy": EMPTY.replace("[]", '[{"Effect": "Deny", "Action": "*", "Resource": "*"}]'),
    },
    "aws:iam/user:User": {"name": "billing", "path": "/r/"},
    "aws:secretsmanager/secret:Secret": {"name": "prod/billing", "description": "d", "kmsKeyId": "k"},
    "aws:kms/key:Key": KEY,
    "aws:s3/bucket:Bucket": {"bucket": "rotation-trail", "objectLockEnabled": True},
    "aws:cloudtrail/trail:Trail": {
        "name": "rotation-t", "s3BucketName": "rotation-trail", "isMultiRegionTrail": True,
        "includeGlobalServiceEvents": True, "enableLogFileValidation": True,
    },
}  # fmt: skip


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[WholeAccount]:
    with opened() as made:
        for name, value in made.surroundings.items():
            monkeypatch.setenv(name, value)
        made.client("s3").create_bucket(
            Bucket="rotation-trail-of-others",
            CreateBucketConfiguration={"LocationConstraint": HOME},
        )
        yield made


def clients(account: WholeAccount) -> Clients:
    return Clients(HOME, account.client)


def begun(*kinds: str, provider: dict[str, str] | None = None, **given: Any) -> dict[str, Any]:
    """A state in which these were being made."""
    return {
        "version": 3,
        "deployment": {
            "resources": [{"urn": PROVIDER, "id": "p", "inputs": provider or {"region": HOME}}],
            "pending_operations": [
                {
                    "type": "creating",
                    "resource": {
                        "urn": f"urn:pulumi:prod::rotation::{kind}::it",
                        "type": kind,
                        "provider": f"{PROVIDER}::p",
                        "inputs": {**GIVEN.get(kind, {}), "tags": OURS, **given},
                    },
                }
                for kind in kinds
            ],
        },
    }


def of(state: dict[str, Any]) -> dict[str, str]:
    _, *made = state["deployment"]["resources"]
    assert not state["deployment"]["pending_operations"]
    return {each["type"]: each["id"] for each in made}


def make(account: WholeAccount, kind: str, tags: dict[str, str] = OURS, **given: Any) -> str:
    name, _ = KINDS[kind].make(clients(account), {**GIVEN.get(kind, {}), "tags": tags, **given})
    return name


def settle(state: dict[str, Any]) -> dict[str, str]:
    return of(settled(state))


def test_each_kind_that_was_made_is_taken_in(account: WholeAccount) -> None:
    made = {kind: make(account, kind) for kind in GIVEN if kind != "aws:cloudtrail/trail:Trail"}
    policy = {"Bucket": "rotation-trail", "Policy": allows("rotation-trail")}
    account.client("s3").put_bucket_policy(**policy)
    made["aws:cloudtrail/trail:Trail"] = make(account, "aws:cloudtrail/trail:Trail")
    assert settle(begun(*GIVEN)) == made


def allows(bucket: str) -> str:
    statement = {
        "Effect": "Allow", "Principal": {"Service": "cloudtrail.amazonaws.com"},
        "Action": "s3:*", "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"],
    }  # fmt: skip
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def test_what_was_not_made_is_forgotten(account: WholeAccount) -> None:
    assert settle(begun(*GIVEN)) == {}


@pytest.mark.parametrize("kind", sorted(GIVEN.keys() - {"aws:cloudtrail/trail:Trail"}))
@pytest.mark.parametrize("tag", sorted(OURS))
def test_what_is_of_others_is_refused(account: WholeAccount, kind: str, tag: str) -> None:
    make(account, kind, {**OURS, tag: "somebody"})
    if kind == "aws:kms/key:Key":  # nobody's name is taken: `up` makes another
        assert settle(begun(kind)) == {}
        return
    with pytest.raises(Refused, match="is there, but is not marked as"):
        settle(begun(kind))


def test_copies_and_aliases_are_told_by_their_key(account: WholeAccount) -> None:
    key = make(account, "aws:kms/key:Key")
    other = make(account, "aws:kms/key:Key", description="another")
    arn = account.client("kms").describe_key(KeyId=key)["KeyMetadata"]["Arn"]
    copy = {"primaryKeyArn": arn, "region": "eu-west-1", "policy": EMPTY}
    alias = {"name": "alias/rotation", "targetKeyId": key}
    make(account, "aws:kms/replicaKey:ReplicaKey", **copy)
    make(account, "aws:kms/alias:Alias", **alias)
    found = settle(begun("aws:kms/replicaKey:ReplicaKey", **copy))
    assert found == {"aws:kms/replicaKey:ReplicaKey": key}
    found = settle(begun("aws:kms/alias:Alias", **alias))
    assert found == {"aws:kms/alias:Alias": "alias/rotation"}
    with pytest.raises(Refused):
        settle(begun("aws:kms/alias:Alias", **{**alias, "targetKeyId": other}))


def test_what_is_written_over_anyway_needs_no_look(account: WholeAccount) -> None:
    rule = "aws:cloudwatch/eventRule:EventRule"
    assert settle(begun(rule)) == {}


def test_what_the_state_has_already_is_not_taken_in_twice(account: WholeAccount) -> None:
    make(account, "aws:kms/key:Key")
    state = begun("aws:kms/key:Key")
    there = {**state["deployment"]["pending_operations"][0]["resource"], "id": "made-since"}
    state["deployment"]["resources"].append(there)
    assert settle(state) == {"aws:kms/key:Key": "made-since"}


def test_nothing_is_written_where_something_is_refused(
    account: WholeAccount, capsys: pytest.CaptureFixture[str]
) -> None:
    role = {
        "name": "rotation-r", "path": "/", "description": "d", "assumeRolePolicy": EMPTY,
        "permissionsBoundary": "arn:aws:iam::123456789012:policy/none", "maxSessionDuration": 3600,
    }  # fmt: skip
    account.client("iam").create_role(RoleName="rotation-r", AssumeRolePolicyDocument=EMPTY)
    reply = io.StringIO()
    given = io.StringIO(json.dumps(begun("aws:iam/role:Role", **role)))
    assert main(given, reply) == 1
    assert capsys.readouterr().out == ""
    assert "aws:iam/role:Role it" in reply.getvalue()
    assert "the state is as it was" in reply.getvalue()


# --------------------------------------------------------------------------------------------- Vault


MADE_BY = "made by rotation 4b1d0c77e2a9, stack rotation/prod"


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[VaultServer]:
    with running(tmp_path) as made:
        monkeypatch.setenv("VAULT_TOKEN", made.root)
        yield made


def test_what_vault_would_not_take_twice_is_taken_in(server: VaultServer, tmp_path: Path) -> None:
    audit = {"type": "file", "options": {"file_path": str(tmp_path / "more.log")}}
    wanted: dict[str, dict[str, Any]] = {
        "vault:index/mount:Mount": {"path": "apps", "type": "kv", "options": {"version": "2"}},
        "vault:index/authBackend:AuthBackend": {"path": "machines", "type": "approle"},
        "vault:index/audit:Audit": {"path": "rotation-audit", **audit},
        "vault:identity/entity:Entity": {"name": "rotation-4b1d0c77e2a9-apps-shop"},
    }
    for kind, of_it in wanted.items():
        given = {"description": MADE_BY, **of_it} if "path" in of_it else of_it
        assert settled_in(server, kind, given) == {}
        name, more = vault.KINDS[kind].make(server.api, given)
        assert settled_in(server, kind, given) == {kind: name}
        wanted[kind] = {**of_it, **more, "id": name}
    alias, given = "vault:identity/entityAlias:EntityAlias", {
        "name": "a-role-id",
        "mountAccessor": wanted["vault:index/authBackend:AuthBackend"]["accessor"],
        "canonicalId": wanted["vault:identity/entity:Entity"]["id"],
    }  # fmt: skip
    assert settled_in(server, alias, given) == {}
    name, _ = vault.KINDS[alias].make(server.api, given)
    assert settled_in(server, alias, given) == {alias: name}
    with pytest.raises(Refused):
        settled_in(server, alias, {**given, "canonicalId": "another"})


@pytest.mark.parametrize("kind", ["mount:Mount", "authBackend:AuthBackend"])
def test_a_mount_of_others_is_refused(server: VaultServer, kind: str) -> None:
    given = {"path": "apps", "type": "kv" if kind == "mount:Mount" else "approle"}
    where = "sys/mounts/apps" if kind == "mount:Mount" else "sys/auth/apps"
    server.api("POST", where, {"type": given["type"], "description": "theirs"})
    with pytest.raises(Refused, match="apps is there, but is not marked as"):
        settled_in(server, f"vault:index/{kind}", {"description": MADE_BY, **given})


def test_where_vault_does_not_answer_nothing_is_said(server: VaultServer) -> None:
    server.seal()
    with pytest.raises(Refused, match=r"nobody said whether .*Vault said 503"):
        settled_in(server, "vault:index/mount:Mount", {"path": "apps", "description": MADE_BY})


def settled_in(server: VaultServer, kind: str, given: dict[str, Any]) -> dict[str, str]:
    return settle(begun(kind, provider={"address": server.address}, **given))
