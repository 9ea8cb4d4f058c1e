"""Compiled policies: exact names, IAM's limits, and the two forms."""

import json
from dataclasses import replace
from typing import Any

import pytest

from providers.aws.options import ConnectionOptions
from providers.aws.permissions import BREAK_GLASS
from providers.aws.statements import DOCUMENT_MAX, DOCUMENTS_MAX
from rotation.interfaces import Part, Scope
from rotation.types import PermissionSet
from tests.support.aws_policies import (
    ACCOUNT,
    CONNECTION,
    HOME,
    INSTALLATION,
    KEY,
    parts,
    rendered,
    scope,
)

POLICIES_OF_AN_ACCOUNT = 1_500


def statements(given: Scope, holder: str) -> list[dict[str, Any]]:
    return [each for doc in rendered(given)[holder] for each in json.loads(doc.text)["Statement"]]


def listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def allowed(given: Scope, holder: str) -> dict[str, set[str]]:
    """Action -> the resources that it is allowed on."""
    found: dict[str, set[str]] = {}
    for each in statements(given, holder):
        if each["Effect"] == "Allow":
            for action in listed(each["Action"]):
                found.setdefault(action, set()).update(listed(each["Resource"]))
    return found


def test_every_set_has_exactly_its_actions() -> None:
    given = scope(parts("app"))
    for under in PermissionSet:
        actions = {need.grant.action for need in given.needs if need.under is under}
        if under is PermissionSet.CONTAIN:
            actions |= set(BREAK_GLASS)
        assert set(allowed(given, under)) == actions


def test_no_wildcard_stands_where_a_resource_exists() -> None:
    given = scope(parts("one"), parts("two", replicas=("eu-west-1",)))
    for holder in rendered(given):
        for action, resources in allowed(given, holder).items():
            assert "*" not in action
            assert not [name for name in resources if "*" in name], (holder, action)
            assert all(name.count("?") in (0, 6) for name in resources)


def test_names_are_exact_where_they_are_known() -> None:
    exact = f"{HOME}prod/app-AbCdEf"
    given = scope(parts("app", replicas=("eu-west-1",)), known={"prod/app": exact})
    assert allowed(given, "promote")["secretsmanager:DescribeSecret"] == {exact}
    assert allowed(given, "verify")["secretsmanager:GetSecretValue"] == {
        exact, exact.replace("eu-central-1", "eu-west-1"),
    }  # fmt: skip
    unknown = scope(parts("app"))
    assert allowed(unknown, "observe")["secretsmanager:DescribeSecret"] == {
        f"{HOME}prod/app-??????"
    }


def test_a_user_is_named_with_its_path() -> None:
    user = f"arn:aws:iam::{ACCOUNT}:user/rotated/app"
    assert allowed(scope(parts("app")), "mint")["iam:CreateAccessKey"] == {user}


@pytest.mark.parametrize(
    ("region", "partition"),
    [("eu-central-1", "aws"), ("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov")],
)
def test_names_are_of_the_regions_partition(region: str, partition: str) -> None:
    options = ConnectionOptions(account=ACCOUNT, region=region)
    for resources in allowed(scope(parts("app"), options=options), "observe").values():
        assert all(name.startswith(f"arn:{partition}:") for name in resources)


def test_reads_are_limited_to_labels_and_writes_to_what_we_claimed() -> None:
    given = scope(parts("app"))
    read = next(s for s in statements(given, "verify") if "secrets" in s["Action"])
    assert read["Condition"] == {
        "StringEquals": {"secretsmanager:VersionStage": ["AWSPENDING", "AWSCURRENT"]}
    }
    put = next(
        s for s in statements(given, "mint") if s["Action"] == "secretsmanager:PutSecretValue"
    )
    assert put["Condition"]["StringEquals"] == {"aws:ResourceTag/rotation:owner": INSTALLATION}


def test_the_key_is_used_only_through_the_store_and_for_these_secrets() -> None:
    given = scope(parts("app", replicas=("eu-west-1",)))
    [decrypt] = [s for s in statements(given, "verify") if s["Action"] == "kms:Decrypt"]
    assert decrypt["Resource"] == [KEY, KEY.replace("eu-central-1", "eu-west-1")]
    condition = decrypt["Condition"]
    assert condition["StringEquals"]["kms:ViaService"] == [
        "secretsmanager.eu-central-1.amazonaws.com", "secretsmanager.eu-west-1.amazonaws.com",
    ]  # fmt: skip
    assert condition["StringLike"]["kms:EncryptionContext:SecretARN"] == [
        f"{HOME}prod/app-??????", f"{HOME}prod/app-??????".replace("eu-central-1", "eu-west-1"),
    ]  # fmt: skip


def test_without_a_customer_key_nothing_is_granted_on_any() -> None:
    given = scope(parts("app"), options=replace(CONNECTION, kms_key=None))
    for holder in rendered(given):
        assert not [action for action in allowed(given, holder) if action.startswith("kms:")]


def test_who_does_not_read_is_denied_to_read() -> None:
    given = scope(parts("app"))
    for under in PermissionSet:
        reads = "secretsmanager:GetSecretValue" in allowed(given, under)
        denied = [s for s in statements(given, under) if s.get("Sid") == "NeverReads"]
        assert reads == (not denied), under


def test_readers_get_current_and_previous_of_their_own_application_and_environment() -> None:
    given = scope(
        parts("one"), parts("two", application="orders"), parts("three", environment="test")
    )
    assert {holder for holder in rendered(given) if holder.startswith("read-")} == {
        "read-billing-production", "read-orders-production", "read-billing-test",
    }  # fmt: skip
    found = statements(given, "read-orders-production")
    names = {name for each in found for name in listed(each["Resource"]) if "secret:" in name}
    assert names == {f"{HOME}prod/two-??????"}
    assert found[0]["Condition"]["StringEqualsIfExists"] == {
        "secretsmanager:VersionStage": ["AWSCURRENT", "AWSPREVIOUS"]
    }
    assert found[-1]["Effect"] == "Deny"


def test_the_base_may_take_the_roles_and_ask_what_they_can() -> None:
    role = f"arn:aws:iam::{ACCOUNT}:role/rotation/mint"
    options = replace(CONNECTION, roles={"mint": role})
    assert allowed(scope(parts("app"), options=options), "base") == {
        "sts:AssumeRole": {role}, "iam:SimulatePrincipalPolicy": {role},
    }  # fmt: skip
    assert "base" not in rendered(scope(parts("app")))


def many(count: int, **more: Any) -> list[list[Part]]:
    return [
        parts(f"service-{n}", application=f"a{n % 7}", prefix="production/apps/", **more)
        for n in range(count)
    ]


def test_what_does_not_fit_into_one_document_is_split() -> None:
    given = scope(*many(100))
    for holder, written in rendered(given).items():
        assert all(len(document.text) <= DOCUMENT_MAX for document in written)
        assert len(written) <= DOCUMENTS_MAX
        assert len({document.name for document in written}) == len(written), holder
    assert len(rendered(given)["observe"]) > 1
    assert len(allowed(given, "observe")["secretsmanager:DescribeSecret"]) == 100


def test_near_the_limit_it_is_by_path_and_tag_and_says_so() -> None:
    given = scope(*many(600, environment="production"))
    [observe] = rendered(given)["observe"]
    assert observe.remark.startswith("by path and tag")
    assert allowed(given, "observe") == {
        "iam:GetAccessKeyLastUsed": {f"arn:aws:iam::{ACCOUNT}:user/rotated/*"},
        "iam:ListAccessKeys": {f"arn:aws:iam::{ACCOUNT}:user/rotated/*"},
        "secretsmanager:DescribeSecret": {f"{HOME}production/apps/*"},
    }
    for each in statements(given, "observe"):
        if each["Effect"] == "Allow":
            assert each["Condition"]["StringEquals"] == {
                "aws:ResourceTag/rotation:environment": "production",
                "aws:ResourceTag/rotation:application": [f"a{n}" for n in range(7)],
            }


def test_too_many_without_a_common_path_are_named_by_tag_alone() -> None:
    given = scope(*many(600, path="/", environment="production"))
    assert allowed(given, "mint")["iam:CreateAccessKey"] == {f"arn:aws:iam::{ACCOUNT}:user/*"}
    for each in statements(given, "mint"):
        if each["Effect"] == "Allow" and "kms:" not in str(each["Action"]):
            equal = each["Condition"]["StringEquals"]
            assert equal["aws:ResourceTag/rotation:environment"] == "production"


@pytest.mark.parametrize("replicas", [(), ("eu-west-1",), ("eu-west-1", "eu-north-1", "eu-west-3")])
@pytest.mark.parametrize("count", [1, 14, 28, 60, 250, pytest.param(2000, marks=pytest.mark.every)])
def test_no_number_of_secrets_is_too_many(count: int, replicas: tuple[str, ...]) -> None:
    """Of names that begin with the application, 20 applications in two environments."""
    given = scope(
        *(
            parts(
                f"application-{n % 20}-database-{n}",
                application=f"application-{n % 20}",
                environment=("production", "test")[n // 20 % 2],
                prefix="",
                path="/",
                replicas=replicas,
            )
            for n in range(count)
        )
    )
    written = rendered(given)
    assert len(written["boundary"]) == 1
    assert sum(map(len, written.values())) <= POLICIES_OF_AN_ACCOUNT
    for documents in written.values():
        assert len(documents) <= DOCUMENTS_MAX
        assert all(len(document.text) <= DOCUMENT_MAX for document in documents)


def test_a_boundary_by_tag_holds_what_is_known_of_a_resource() -> None:
    given = scope(*many(600, path="/", environment="production"))
    [boundary] = rendered(given)["boundary"]
    assert boundary.remark.startswith("by action and tag")
    for each in statements(given, "boundary"):
        if each["Effect"] == "Allow" and "kms:" not in str(each["Action"]):
            written = each["Action"] == "secretsmanager:PutSecretValue"
            operator = "StringEquals" if written else "StringEqualsIfExists"
            owner = each["Condition"][operator]["aws:ResourceTag/rotation:owner"]
            assert owner == INSTALLATION
            environment = each["Condition"]["StringEqualsIfExists"]
            assert environment["aws:ResourceTag/rotation:environment"] == "production"


def test_the_boundary_is_one_document_and_holds_every_set() -> None:
    for count in (1, 10, 600):
        given = scope(*many(count))
        [boundary] = rendered(given)["boundary"]
        assert len(boundary.text) <= DOCUMENT_MAX
        ceiling = allowed(given, "boundary")
        for under in PermissionSet:
            assert allowed(given, under).keys() <= ceiling.keys()


def test_thousands_fit_by_path_and_tag() -> None:
    written = rendered(scope(*many(2000)))
    for under in PermissionSet:
        [document] = written[under]
        assert document.remark.startswith("by path and tag")
        assert len(document.text) <= DOCUMENT_MAX
