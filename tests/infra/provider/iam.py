"""Users, roles and policies."""

from typing import Any

from tests.infra.provider.kind import Clients, Given, Kind, Made, gone, mapping, pairs


class NameTaken(Exception):
    """IAM takes a policy's name once, whatever its path: moto compares ARNs."""


def _make_user(aws: Clients, given: Given) -> Made:
    bounded = given.get("permissionsBoundary")
    made = aws("iam").create_user(
        UserName=given["name"], Path=given.get("path", "/"), Tags=pairs(given),
        **({"PermissionsBoundary": bounded} if bounded else {}),
    )["User"]  # fmt: skip
    return given["name"], {"arn": made["Arn"], "uniqueId": made["UserId"]}


def _look_at_user(aws: Clients, name: str, _: Given) -> dict[str, Any]:
    user = aws("iam").get_user(UserName=name)["User"]
    bounded = user.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn")
    return {
        "name": name, "path": user["Path"], "arn": user["Arn"],
        "tags": mapping(user.get("Tags")), "permissionsBoundary": bounded,
    }  # fmt: skip


def _change_user(aws: Clients, name: str, old: Given, new: Given) -> None:
    iam = aws("iam")
    if new.get("permissionsBoundary") != old.get("permissionsBoundary"):
        iam.put_user_permissions_boundary(
            UserName=name, PermissionsBoundary=new["permissionsBoundary"]
        )
    iam.tag_user(UserName=name, Tags=pairs(new))
    if left := gone(old, new):
        iam.untag_user(UserName=name, TagKeys=left)


def _make_role(aws: Clients, given: Given) -> Made:
    made = aws("iam").create_role(
        RoleName=given["name"], Path=given["path"], Description=given["description"],
        AssumeRolePolicyDocument=given["assumeRolePolicy"], Tags=pairs(given),
        PermissionsBoundary=given["permissionsBoundary"],
        MaxSessionDuration=int(given["maxSessionDuration"]),
    )["Role"]  # fmt: skip
    return given["name"], {"arn": made["Arn"], "uniqueId": made["RoleId"]}


def _look_at_role(aws: Clients, name: str, _: Given) -> dict[str, Any]:
    return {"arn": aws("iam").get_role(RoleName=name)["Role"]["Arn"]}


def _change_role(aws: Clients, name: str, old: Given, new: Given) -> None:
    iam = aws("iam")
    iam.update_assume_role_policy(RoleName=name, PolicyDocument=new["assumeRolePolicy"])
    iam.put_role_permissions_boundary(RoleName=name, PermissionsBoundary=new["permissionsBoundary"])
    iam.tag_role(RoleName=name, Tags=pairs(new))
    if left := gone(old, new):
        iam.untag_role(RoleName=name, TagKeys=left)


def _make_policy(aws: Clients, given: Given) -> Made:
    iam = aws("iam")
    pages = iam.get_paginator("list_policies").paginate(Scope="Local")
    if given["name"] in {each["PolicyName"] for page in pages for each in page["Policies"]}:
        raise NameTaken(f"EntityAlreadyExists: policy {given['name']}")
    made = iam.create_policy(
        PolicyName=given["name"], Path=given["path"], Description=given["description"],
        PolicyDocument=given["policy"], Tags=pairs(given),
    )["Policy"]  # fmt: skip
    return made["Arn"], {"arn": made["Arn"], "policyId": made["PolicyId"]}


def _look_at_policy(aws: Clients, arn: str, _: Given) -> dict[str, Any]:
    return {"arn": aws("iam").get_policy(PolicyArn=arn)["Policy"]["Arn"]}


def _change_policy(aws: Clients, arn: str, old: Given, new: Given) -> None:
    """IAM keeps five versions, and the provider one."""
    iam = aws("iam")
    if new["policy"] != old["policy"]:
        iam.create_policy_version(PolicyArn=arn, PolicyDocument=new["policy"], SetAsDefault=True)
        _only_the_default(iam, arn)
    iam.tag_policy(PolicyArn=arn, Tags=pairs(new))
    if left := gone(old, new):
        iam.untag_policy(PolicyArn=arn, TagKeys=left)


def _only_the_default(iam: Any, arn: str) -> None:
    for each in iam.list_policy_versions(PolicyArn=arn)["Versions"]:
        if not each["IsDefaultVersion"]:
            iam.delete_policy_version(PolicyArn=arn, VersionId=each["VersionId"])


def _attach_to_role(aws: Clients, given: Given) -> Made:
    aws("iam").attach_role_policy(RoleName=given["role"], PolicyArn=given["policyArn"])
    return f"{given['role']}-{given['policyArn']}", {}


def _attach_to_user(aws: Clients, given: Given) -> Made:
    aws("iam").attach_user_policy(UserName=given["user"], PolicyArn=given["policyArn"])
    return f"{given['user']}-{given['policyArn']}", {}


KINDS = {
    "aws:iam/user:User": Kind(
        make=_make_user,
        look=_look_at_user,
        change=_change_user,
        remove=lambda aws, name, _: aws("iam").delete_user(UserName=name),
        replaced_by="name path",
    ),
    "aws:iam/role:Role": Kind(
        make=_make_role,
        look=_look_at_role,
        change=_change_role,
        remove=lambda aws, name, _: aws("iam").delete_role(RoleName=name),
        replaced_by="name path",
    ),
    "aws:iam/policy:Policy": Kind(
        make=_make_policy,
        look=_look_at_policy,
        change=_change_policy,
        remove=lambda aws, arn, _: aws("iam").delete_policy(PolicyArn=arn),
        replaced_by="name path description",
    ),
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": Kind(
        make=_attach_to_role,
        remove=lambda aws, _, state: aws("iam").detach_role_policy(
            RoleName=state["role"], PolicyArn=state["policyArn"]
        ),
    ),
    "aws:iam/userPolicyAttachment:UserPolicyAttachment": Kind(
        make=_attach_to_user,
        remove=lambda aws, _, state: aws("iam").detach_user_policy(
            UserName=state["user"], PolicyArn=state["policyArn"]
        ),
    ),
}
