"""The real program, run under mocks: right types, nothing secret, nothing wider than needed."""

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import yaml
from pulumi.runtime import mocks, rpc

from infra.settings import Settings, camel
from providers.aws.alarms import EVERY_EVENT, IAM_REGION
from providers.aws.testing.topics import ALARMS, EVENTS, publishes
from rotation.config import load
from rotation.types import PermissionSet
from tests.infra.settings import (
    ACCOUNT,
    AWS,
    DEPLOYER,
    IAM,
    KV,
    ON_CALL,
    READER,
    RUNNER,
    VAULT,
    secret,
    written,
)
from tests.infra.stack import KEY_ID, Cloud, Registered, Stack, mistakes, up

NEVER = re.compile(r"SecretVersion|AccessKey|SecretId$|SecretRotation|kv/secretV2|generic/secret")


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Stack:
    directory = tmp_path_factory.mktemp("aws")
    return up(written(directory, secret(), secret(name="orders-iam", application="orders")), AWS)


@pytest.fixture(scope="module")
def vault(tmp_path_factory: pytest.TempPathFactory) -> Stack:
    return up(written(tmp_path_factory.mktemp("vault"), secret(KV, "billing-token")), VAULT)


def documents(stack: Stack) -> Iterator[tuple[Registered, dict[str, Any]]]:
    """Every policy in every resource, with the resource."""
    for each in stack.resources:
        for key in ("policy", "assumeRolePolicy"):
            text = each.inputs.get(key)
            if isinstance(text, str) and text.startswith("{"):
                yield each, json.loads(text)


def listed(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


def policy_of(stack: Stack, name: str) -> list[dict[str, Any]]:
    return json.loads(stack.named("Policy", name).inputs["policy"])["Statement"]


# ------------------------------------------------------------------------ types, state, wildcards


def test_every_input_fits_the_types_of_the_sdk(aws: Stack, vault: Stack) -> None:
    assert not aws.wrong
    assert not vault.wrong
    assert len(aws.resources) > 80
    assert len(vault.resources) > 20


def test_the_check_of_types_finds_what_is_wrong() -> None:
    """A canary: it fails when a private name of the SDK moves and the check sees nothing more."""
    import pulumi_aws  # noqa: F401, PLC0415 -- registers its resources

    wrong = mocks.MockResourceArgs(
        typ="aws:secretsmanager/secret:Secret", name="s", provider="", resource_id="", custom=True,
        inputs={"nmae": "x", "recoveryWindowInDays": "30", "replicas": [{"regoin": "eu-west-1"}]},
    )  # fmt: skip
    assert sorted(mistakes(wrong)) == [
        "recoveryWindowInDays: int is wanted",
        "replicas[0].regoin: unknown property",
        "unknown property nmae",
    ]
    assert "aws:secretsmanager/secret" in rpc._RESOURCE_MODULES


def test_no_resource_holds_or_makes_a_credential(aws: Stack, vault: Stack) -> None:
    for stack in (aws, vault):
        assert not [each.token for each in stack.resources if NEVER.search(each.token)]
        settings = {each.inputs["dataJson"] for each in stack.of("Endpoint")}
        assert settings <= {'{"user_lockout_config": {"lockout_disable": true}}'}
        rest = [each.inputs for each in stack.resources if not each.token.endswith(":Endpoint")]
        state = json.dumps([dict(each) for each in rest], default=str)
        assert not re.search(r"secret_?string|secretBinary|dataJson|\bpassword\b", state)


def test_refused_logins_lock_no_app_role_out(vault: Stack, tmp_path: Path) -> None:
    """After an emergency every consumer tries the dead secret id until it has the new one."""
    [endpoint] = vault.of("Endpoint")
    assert endpoint.inputs["path"] == "sys/auth/approle/tune"
    file = written(tmp_path, secret(KV, "billing-token"))
    there = Cloud(mounts={"auth/approle": "of somebody else"})
    assert not up(file, {**VAULT, "adopt": '["auth/approle"]'}, there).of("Endpoint")


def test_no_wildcard_stands_where_a_resource_exists(aws: Stack) -> None:
    for resource, document in documents(aws):
        if resource.token.startswith("aws:kms/"):
            continue  # in a key's own policy `*` is that key
        for each in document["Statement"]:
            if each["Effect"] == "Allow" and "Resource" in each:
                assert not [a for a in listed(each["Action"]) if "*" in a], resource.name
                wide = [r for r in listed(each["Resource"]) if r == "*" or r.endswith(":*")]
                assert not wide, resource.name


def test_names_are_exact_once_the_secrets_are_there(aws: Stack) -> None:
    text = aws.named("Policy", "main-verify").inputs["policy"]
    assert "prod/billing-iam-AbCdEf" in text
    assert "?" not in text


def test_the_program_says_what_the_runner_reads(aws: Stack, tmp_path: Path) -> None:
    file = written(tmp_path, secret())
    (tmp_path / "rotation.infra.json").write_text(json.dumps(aws.outputs["bindings"]))
    options = load(file).connections["main"].options
    assert set(options.roles) == set(PermissionSet)
    assert options.external_id == "rotation-4b1d0c77e2a9"
    assert options.kms_key == aws.outputs["bindings"]["connections"]["main"]["kms_key"]


# ------------------------------------------------------------------------------- what is alive


def test_what_is_alive_is_protected_and_stays(aws: Stack) -> None:
    for kind in ("Secret", "User"):
        for each in aws.of(kind):
            assert (each.protect, each.retained) == (True, True), each.name
    for kind in ("Key", "ReplicaKey", "Bucket", "Trail"):
        assert all(each.protect for each in aws.of(kind) if IAM_REGION not in each.name), kind
    assert {each.inputs["forceDestroy"] for each in aws.of("User")} == {False}
    assert {each.inputs["recoveryWindowInDays"] for each in aws.of("Secret")} == {30}


def test_only_what_is_retired_may_go(tmp_path: Path) -> None:
    stack = up(written(tmp_path, secret(state="retired"), secret(name="other")), AWS)
    for kind in ("Secret", "User"):
        gone, kept = stack.named(kind, "billing-iam"), stack.named(kind, "other")
        assert (gone.protect, gone.retained) == (False, False)
        assert (kept.protect, kept.retained) == (True, True)


def test_a_copy_of_the_key_may_go_with_the_last_secret_of_its_region(tmp_path: Path) -> None:
    """The next `up` takes it out of the stack, and would fail on what is protected."""
    at_home = IAM.replace(", replicas: [eu-west-1]", "")
    stack = up(written(tmp_path, secret(state="retired"), secret(at_home, "other")), AWS)
    assert [each.protect for each in stack.of("Key")] == [True]
    assert {each.inputs["region"]: each.protect for each in stack.of("ReplicaKey")} == {
        "eu-west-1": False,
        IAM_REGION: False,
    }


def test_what_exists_is_taken_in_without_a_change(tmp_path: Path) -> None:
    cloud = Cloud(secrets={"prod/billing-iam": False}, users={"/rotated/billing-iam": False})
    settings = {**AWS, "adopt": '["billing-iam"]'}
    stack = up(written(tmp_path, secret(), secret(name="new")), settings, cloud)
    taken = stack.named("Secret", "billing-iam")
    assert taken.imported.endswith("secret:prod/billing-iam-AbCdEf")
    assert {"kmsKeyId", "tags", "replicas"} <= set(taken.ignored)
    user = stack.named("User", "billing-iam")
    assert (user.imported, set(user.ignored)) == (
        "billing-iam", {"path", "permissionsBoundary", "tags"},
    )  # fmt: skip
    assert not stack.named("Secret", "new").imported
    assert [each.name for each in stack.of("SecretPolicy")] == ["new"]


def test_a_second_run_takes_what_the_first_one_made_for_its_own(tmp_path: Path) -> None:
    file = written(tmp_path, secret())
    first = up(file, AWS)
    there = Cloud(secrets={"prod/billing-iam": True}, users={"/rotated/billing-iam": True})
    second = up(file, AWS, there)
    as_told = [[(r.token, r.name, r.inputs) for r in s.resources] for s in (first, second)]
    assert sorted(as_told[0], key=str) == sorted(as_told[1], key=str)
    assert not [each for each in second.resources if each.imported]


def test_what_is_renamed_is_the_same_resource(tmp_path: Path) -> None:
    """Each that is called after the secret's id says what it was called before."""
    file = written(tmp_path, secret(name="new"), secret(KV, "kept"))
    file.write_text(file.read_text().replace("id: new", "id: new\n    was: old"))
    stack = up(file, {**AWS, **VAULT})
    after_it = [each for each in stack.resources if each.name == "new"]
    assert {each.token.rpartition(":")[2] for each in after_it} == {
        "Secret", "SecretPolicy", "User",
    }  # fmt: skip
    assert {each.aliases for each in after_it} == {("old",)}
    assert not [
        each.name for each in stack.resources if "old" in each.aliases and each.name != "new"
    ]
    assert stack.named("Secret", "new").inputs["tags"]["rotation:id"] == "new"


def test_what_is_renamed_is_the_same_resource_in_vault(tmp_path: Path) -> None:
    shape = KV.replace(
        "issuer: {{type: generated, kind: token, prefix: tok_, unverified: true}}",
        "issuer: {{type: vault-approle, connection: vault, mount: apps-login, role: shop, uses: 9999}}\n"
        "    probe: {{type: vault-login, connection: vault, mount: apps-login}}",
    )
    file = written(tmp_path, secret(shape, "new"))
    file.write_text(file.read_text().replace("id: new", "id: new\n    was: old"))
    after_it = [each for each in up(file, VAULT).resources if each.name == "new"]
    assert {each.token.rpartition(":")[2]: each.aliases for each in after_it} == {
        "Secret": ("old",),
        "Entity": ("old",),
        "AuthBackendRole": ("old",),
        "EntityAlias": ("old",),
    }


@pytest.mark.parametrize(
    ("shape", "settings", "connection"), [(IAM, AWS, "main"), (KV, VAULT, "vault")]
)
def test_a_connection_that_is_renamed_keeps_everything(
    tmp_path: Path, shape: str, settings: dict[str, str], connection: str
) -> None:
    file = written(tmp_path, secret(shape))
    before = up(file, settings)
    text = file.read_text().replace(f"connection: {connection}", "connection: new")
    file.write_text(text.replace(f"  {connection}: {{", f"  new: {{was: {connection}, "))
    after = up(file, settings)
    reply = [sorted((r.token, r.name, str(r.inputs)) for r in s.resources) for s in (before, after)]
    assert reply[0] == reply[1]
    bindings = [each.outputs["bindings"]["connections"] for each in (before, after)]
    assert bindings[0][connection] == bindings[1]["new"]


def test_a_run_that_ended_half_way_is_taken_up_where_it_ended(tmp_path: Path) -> None:
    """The user was made and its secret was not: only the user's own tag says whose it is."""
    up(written(tmp_path, secret()), AWS, Cloud(users={"/rotated/billing-iam": True}))


# ----------------------------------------------------------------------------------- AWS: who


def test_each_set_has_a_role_with_the_boundary_and_no_other_policy(aws: Stack) -> None:
    boundary = (
        "arn:aws:iam::111122223333:policy/rotation/4b1d0c77e2a9/rotation-4b1d0c77e2a9-main-boundary"
    )
    roles = {each.name.removeprefix("main-") for each in aws.of("Role")}
    assert roles == set(PermissionSet)
    for role in aws.of("Role"):
        assert role.inputs["permissionsBoundary"] == boundary
        assert "managedPolicyArns" not in role.inputs
        assert "inlinePolicies" not in role.inputs


def trusted(stack: Stack, under: str) -> dict[str, dict[str, Any]]:
    document = json.loads(stack.named("Role", f"main-{under}").inputs["assumeRolePolicy"])
    return {each["Sid"]: each for each in document["Statement"]}


def test_the_runner_takes_every_role_but_the_persons(aws: Stack) -> None:
    for under in PermissionSet:
        statement = trusted(aws, under).get("TheRunner")
        if under is PermissionSet.CLAIM:
            assert statement is None
        else:
            assert statement is not None
            assert statement["Principal"] == {"AWS": [RUNNER]}
            assert "sts:ExternalId" in statement["Condition"]["StringEquals"]


def test_the_emergency_role_has_two_doors(aws: Stack) -> None:
    doors = trusted(aws, "contain")
    mfa, signed_in = doors["OnCallWithMfa"], doors["OnCallSignedIn"]
    assert mfa["Condition"] == {"Bool": {"aws:MultiFactorAuthPresent": "true"}}
    assert signed_in["Principal"] == {"AWS": [ON_CALL]}
    assert signed_in["Condition"] == {"Null": {"aws:SourceIdentity": "false"}}
    assert "sts:SetSourceIdentity" in signed_in["Action"]


def test_an_operator_has_the_same_two_doors_and_the_external_id(tmp_path: Path) -> None:
    users, roles = f"arn:aws:iam::{ACCOUNT}:user/eve", f"arn:aws:iam::{ACCOUNT}:role/engineers"
    given = {**AWS, "operators": json.dumps([users, roles])}
    stack = up(written(tmp_path, secret()), given)
    for under in PermissionSet:
        doors = trusted(stack, under)
        if under in (PermissionSet.REVOKE, PermissionSet.CONTAIN):
            assert not [sid for sid in doors if sid.startswith("Operator")]
            continue
        mfa, signed_in = doors["OperatorWithMfa"], doors["OperatorSignedIn"]
        assert (mfa["Principal"], signed_in["Principal"]) == ({"AWS": [users]}, {"AWS": [roles]})
        assert mfa["Condition"]["Bool"] == {"aws:MultiFactorAuthPresent": "true"}
        assert signed_in["Condition"]["Null"] == {"aws:SourceIdentity": "false"}
        for door in (mfa, signed_in):
            assert "sts:ExternalId" in door["Condition"]["StringEquals"]


def test_the_emergency_role_attaches_exactly_what_is_made_for_it(aws: Stack) -> None:
    [attach] = [s for s in policy_of(aws, "main-contain") if "iam:AttachUserPolicy" in s["Action"]]
    made = {
        f"arn:aws:iam::111122223333:policy{each.inputs['path']}{each.inputs['name']}"
        for each in aws.of("Policy")
        if each.inputs["name"].endswith(("-quarantine", "-revoke-sessions"))
    }
    assert set(attach["Condition"]["ArnEquals"]["iam:PolicyARN"]) == made
    assert len(made) == 2


def test_users_begin_with_a_ceiling_that_allows_nothing(aws: Stack, tmp_path: Path) -> None:
    [statement] = policy_of(aws, "main-user-ceiling")
    assert (statement["Effect"], statement["NotAction"]) == ("Deny", "sts:GetCallerIdentity")
    own = "arn:aws:iam::111122223333:policy/ceiling"
    stack = up(written(tmp_path, secret()), {**AWS, "userBoundary": own})
    assert {each.inputs["permissionsBoundary"] for each in stack.of("User")} == {own}


def test_a_secret_names_who_reads_it_and_who_tags_it(aws: Stack) -> None:
    policy = aws.named("SecretPolicy", "billing-iam")
    assert policy.inputs["blockPublicPolicy"] is True
    denied = {each["Sid"]: each for each in json.loads(policy.inputs["policy"])["Statement"]}
    assert {each["Effect"] for each in denied.values()} == {"Deny"}
    readers = denied["OnlyWhoIsNamedReads"]["Condition"]["ArnNotEquals"]["aws:PrincipalArn"]
    assert READER in readers
    assert not [name for name in readers if name.endswith(("-revoke", "-promote", "-observe"))]
    tags = denied["OnlyClaimAndDeployerTag"]["Condition"]["ArnNotEquals"]["aws:PrincipalArn"]
    assert set(tags) == {
        DEPLOYER, "arn:aws:iam::111122223333:role/rotation/4b1d0c77e2a9/rotation-4b1d0c77e2a9-main-claim",
    }  # fmt: skip


def test_the_last_secret_of_a_connection_can_leave(tmp_path: Path) -> None:
    """EventBridge takes no pattern with an empty array, and nobody is left to be watched."""
    file = written(tmp_path, secret(IAM))
    file.write_text(file.read_text().partition("secrets:")[0] + "secrets: []\n")
    stack = up(file, {**AWS, "readers": "[]"})
    assert not stack.wrong
    assert not [*stack.of("EventRule"), *stack.of("MetricAlarm"), *stack.of("Topic")]
    assert stack.outputs["bindings"]["connections"]["main"]["roles"] == {}


def test_where_no_reader_is_named_nobody_is_cut_off(aws: Stack) -> None:
    text = aws.named("SecretPolicy", "orders-iam").inputs["policy"]
    assert "OnlyWhoIsNamedReads" not in text


# ------------------------------------------------------------------------------- AWS: watching


def test_rules_of_iam_are_where_its_events_are(aws: Stack) -> None:
    made = aws.named("EventRule", f"main-key-made-elsewhere-{IAM_REGION}")
    assert made.inputs["region"] == IAM_REGION
    for target in aws.of("EventTarget"):
        assert target.inputs["arn"].split(":")[3] == target.inputs["region"]


def test_rules_on_calls_that_read_hear_them(aws: Stack) -> None:
    for rule in aws.of("EventRule"):
        reads = re.search("GetSecretValue|DescribeSecret|errorCode", rule.inputs["eventPattern"])
        assert rule.inputs["state"] == (EVERY_EVENT if reads else "ENABLED"), rule.name


def test_silence_of_the_runner_is_an_alarm(aws: Stack) -> None:
    alarm = aws.named("MetricAlarm", "main-runner-silent").inputs
    assert alarm["treatMissingData"] == "breaching"
    assert alarm["comparisonOperator"] == "LessThanThreshold"


OWN_KEY = f', kms_key: "arn:aws:kms:eu-central-1:{ACCOUNT}:key/{KEY_ID}"'


@pytest.mark.parametrize("more", ["", OWN_KEY])
def test_what_is_told_is_taken_by_the_topic_and_by_its_key(more: str, tmp_path: Path) -> None:
    """As SNS and KMS decide, for each that tells a topic something."""
    stack = up(written(tmp_path, secret(IAM), more=more), AWS)
    keys = {
        "eu-central-1" if each.token.endswith(":Key") else each.inputs["region"]: json.loads(
            each.inputs["policy"]
        )
        for each in (*stack.of("Key"), *stack.of("ReplicaKey"))
    }
    policies = {
        each.inputs["arn"]: json.loads(each.inputs["policy"]) for each in stack.of("TopicPolicy")
    }
    encrypted = {topic_arn(each): "kmsMasterKeyId" in each.inputs for each in stack.of("Topic")}
    reply = [
        *((EVENTS, each.inputs["arn"]) for each in stack.of("EventTarget")),
        *((ALARMS, arn) for each in stack.of("MetricAlarm") for arn in each.inputs["alarmActions"]),
    ]
    assert {arn for _, arn in reply} == set(policies) == set(encrypted)
    for service, arn in reply:
        key = keys[arn.split(":")[3]] if encrypted[arn] else None
        assert publishes(service, arn, policies[arn], key), (service, arn)


def topic_arn(topic: Registered) -> str:
    return f"arn:aws:sns:{topic.inputs['region']}:{ACCOUNT}:{topic.inputs['name']}"


def test_what_a_topic_did_not_take_goes_to_another_one(aws: Stack) -> None:
    rules = {each.inputs["arn"] for each in aws.of("EventTarget")}
    lost = [each for each in aws.of("MetricAlarm") if each.name.endswith("-undelivered")]
    assert len(lost) == len(aws.of("EventTarget"))
    for each in lost:
        [to] = each.inputs["alarmActions"]
        assert to not in rules
        subscribed = [s for s in aws.of("TopicSubscription") if s.inputs["topic"] == to]
        assert [s.inputs["endpoint"] for s in subscribed] == ["on-call@example.com"]


def test_the_trail_is_validated_and_locked(aws: Stack) -> None:
    [trail] = aws.of("Trail")
    assert trail.inputs["enableLogFileValidation"] is True
    assert trail.inputs["isMultiRegionTrail"] is True
    [bucket] = aws.of("Bucket")
    assert (bucket.inputs["objectLockEnabled"], bucket.inputs["forceDestroy"]) == (True, False)
    [lock] = aws.of("BucketObjectLockConfiguration")
    assert lock.inputs["rule"]["defaultRetention"] == {"mode": "COMPLIANCE", "days": 365}


def test_everything_that_can_be_is_encrypted_with_our_key(aws: Stack) -> None:
    assert all("kmsKeyId" in each.inputs for each in aws.of("Secret"))
    for each in aws.of("Secret"):
        assert all("kmsKeyId" in replica for replica in each.inputs["replicas"])
    clear = {each.name for each in aws.of("Topic") if "kmsMasterKeyId" not in each.inputs}
    assert clear == {each.name for each in aws.of("Topic") if each.name.endswith("-undelivered")}
    [key] = aws.of("Key")
    assert (key.inputs["enableKeyRotation"], key.inputs["multiRegion"]) == (True, True)


# --------------------------------------------------------------------------------------- Vault


def test_staging_is_a_mount_of_its_own(vault: Stack) -> None:
    paths = {each.inputs["path"]: each for each in vault.of("Mount")}
    assert set(paths) == {"apps", "rotation-pending"}
    assert all(each.protect and each.retained for each in paths.values())
    for each in vault.of("SecretBackendV2"):
        assert each.inputs["casRequired"] is True


def test_a_mount_that_exists_keeps_its_settings(tmp_path: Path) -> None:
    file = written(tmp_path, secret(KV, "billing-token"))
    stack = up(file, {**VAULT, "adopt": '["apps"]'}, Cloud(mounts={"apps": "of somebody else"}))
    taken = next(each for each in stack.of("Mount") if each.inputs["path"] == "apps")
    assert taken.imported == "apps"
    assert [each.inputs["mount"] for each in stack.of("SecretBackendV2")] == ["rotation-pending"]


def test_each_set_has_a_token_role_and_the_login_takes_all_but_the_claim(vault: Stack) -> None:
    roles = {
        each.inputs["roleName"]: each
        for each in vault.of("AuthBackendRole")
        if each.token.startswith("vault:tokenauth")
    }
    reply = vault.outputs["bindings"]["connections"]["vault"]["roles"]
    assert set(roles) == set(reply.values())
    assert all(each.inputs["tokenExplicitMaxTtl"] == 900 for each in roles.values())
    assert all(each.inputs["tokenType"] == "service" for each in roles.values())
    base = vault.named("Policy", "vault-base").inputs["policy"]
    paths = re.findall('path "(.+)"', base)
    assert set(paths) == {f"auth/token/create/{name}" for name in roles if "claim" not in name}


def test_the_login_is_bounded(vault: Stack) -> None:
    [login] = [
        each for each in vault.of("AuthBackendRole") if each.token.startswith("vault:appRole")
    ]
    assert login.inputs["tokenTtl"] <= 3600
    assert login.inputs["secretIdBoundCidrs"] == login.inputs["tokenBoundCidrs"] == ["10.0.0.0/8"]


def test_vaults_policies_name_paths_and_no_sudo(vault: Stack) -> None:
    for each in vault.of("Policy"):
        rules = re.findall(
            r'path "(.+?)" {\s+capabilities = \[(.+?)\]', each.inputs["policy"], re.DOTALL
        )
        assert rules
        for path, capabilities in rules:
            assert "sudo" not in capabilities
            assert "*" not in path or capabilities == '"deny"', each.name


def test_both_families_in_one_stack(tmp_path: Path) -> None:
    file = written(tmp_path, secret(IAM), secret(KV, "billing-token"))
    stack = up(file, {**AWS, **VAULT})
    assert set(stack.outputs["bindings"]["connections"]) == {"main", "vault"}
    assert not stack.wrong


# ------------------------------------------------------------------------------------ the files

INFRA = Path(__file__).parents[2] / "infra"
MAY_IMPORT = re.compile(
    r"infra(\.|$)|pulumi|rotation\.(config|errors|interfaces|permissions|types)$"
    r"|rotation\.permissions\.naming$"
    r"|providers\.\w+\.(alarms|arns|hcl|iam|names|options|permissions|resource_policies|resources|stack|trust)$"
)


def test_the_program_imports_the_compiler_and_the_renderers_and_no_adapter() -> None:
    standard = sys.stdlib_module_names
    # What is typed after an `up` that was killed is another program, and asks AWS and Vault itself.
    # A trail that exists is asked for what no lookup of Pulumi tells: whether it logs, and which events.
    asking = {*INFRA.glob("*_begun.py"), INFRA / "aws_trail.py"}
    for path in {*INFRA.rglob("*.py")} - asking:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom):
                name = str(node.module)
            elif isinstance(node, ast.Import):
                name = node.names[0].name
            else:
                continue
            assert name.split(".")[0] in standard or MAY_IMPORT.match(name), (path.name, name)


def test_a_family_is_loaded_only_for_a_connection_of_it() -> None:
    code = "import sys, infra.program; sys.exit(not {'infra.aws', 'infra.vault'}.isdisjoint(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=INFRA.parent, check=False)
    assert done.returncode == 0


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_the_stacks_that_are_committed_run(stack: str, tmp_path: Path) -> None:
    """With their own settings; a copy of the example, for who may write it is the runner's rule."""
    settings = yaml.safe_load((INFRA.parent / f"Pulumi.{stack}.yaml").read_text())["config"]
    given = {
        key.removeprefix("rotation:"): json.dumps(value) if isinstance(value, list) else str(value)
        for key, value in settings.items()
    }
    file = tmp_path / "rotation.yaml"
    file.write_text((INFRA.parent / given.pop("configuration")).read_text())
    made = up(file, given)
    assert not made.wrong
    assert made.outputs["bindings"]["connections"]


def test_every_setting_is_declared_with_its_type() -> None:
    project = yaml.safe_load((INFRA.parent / "Pulumi.yaml").read_text())
    reply = {camel(each.name) for each in fields(Settings)} - {"awsRegion", "awsAccounts"}
    assert reply == set(project["config"])
    assert all(each["type"] and each["description"] for each in project["config"].values())
    assert project["main"] == "infra/"
