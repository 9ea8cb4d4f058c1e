"""What a preview asks of an account."""

import re
from typing import Any

from tests.infra.provider.kind import Clients, Given, mapping


def _who(aws: Clients, _: Given) -> dict[str, Any]:
    reply = aws("sts").get_caller_identity()
    return {"accountId": reply["Account"], "arn": reply["Arn"], "userId": reply["UserId"]}


def _secrets(aws: Clients, asked: Given) -> dict[str, Any]:
    filters = [
        {"Key": each["name"], "Values": each["values"]} for each in asked.get("filters") or []
    ]
    pages = aws("secretsmanager").get_paginator("list_secrets").paginate(Filters=filters)
    found = [each for page in pages for each in page["SecretList"]]
    return {"names": [each["Name"] for each in found], "arns": [each["ARN"] for each in found]}


def _users(aws: Clients, _: Given) -> dict[str, Any]:
    pages = aws("iam").get_paginator("list_users").paginate()
    found = [each for page in pages for each in page["Users"]]
    return {"names": [each["UserName"] for each in found], "arns": [each["Arn"] for each in found]}


def _user(aws: Clients, asked: Given) -> dict[str, Any]:
    user = aws("iam").get_user(UserName=asked["userName"])["User"]
    return {"arn": user["Arn"], "path": user["Path"], "tags": mapping(user.get("Tags"))}


def _roles(aws: Clients, asked: Given) -> dict[str, Any]:
    pages = aws("iam").get_paginator("list_roles").paginate()
    found = [
        each
        for page in pages
        for each in page["Roles"]
        if re.search(asked["nameRegex"], each["RoleName"])
    ]
    return {"names": [each["RoleName"] for each in found], "arns": [each["Arn"] for each in found]}


def _role(aws: Clients, asked: Given) -> dict[str, Any]:
    role = aws("iam").get_role(RoleName=asked["name"])["Role"]
    return {"arn": role["Arn"], "tags": mapping(role.get("Tags"))}


def _tagged(aws: Clients, asked: Given) -> dict[str, Any]:
    reply = aws("resourcegroupstaggingapi", asked).get_resources()["ResourceTagMappingList"]
    found = {each["ResourceARN"]: mapping(each["Tags"]) for each in reply}
    found |= _rules(aws, asked)
    return {
        "resourceTagMappingLists": [
            {"resourceArn": arn, "tags": tags}
            for arn, tags in found.items()
            if all(tags.get(each["key"]) in each["values"] for each in asked["tagFilters"])
        ]
    }


def _rules(aws: Clients, asked: Given) -> dict[str, dict[str, str]]:
    """Which moto leaves out there, and AWS does not; trails too."""
    events, trails = aws("events", asked), aws("cloudtrail", asked)
    rules = [each["Arn"] for each in events.list_rules()["Rules"]]
    found = {arn: mapping(events.list_tags_for_resource(ResourceARN=arn)["Tags"]) for arn in rules}
    names = [each["TrailARN"] for each in trails.list_trails()["Trails"]]
    tagged = trails.list_tags(ResourceIdList=names)["ResourceTagList"] if names else []
    return found | {each["ResourceId"]: mapping(each["TagsList"]) for each in tagged}


LOOKS = {
    "aws:index/getCallerIdentity:getCallerIdentity": _who,
    "aws:secretsmanager/getSecrets:getSecrets": _secrets,
    "aws:iam/getUsers:getUsers": _users,
    "aws:iam/getUser:getUser": _user,
    "aws:iam/getRoles:getRoles": _roles,
    "aws:iam/getRole:getRole": _role,
    "aws:resourcegroupstaggingapi/getResources:getResources": _tagged,
}
