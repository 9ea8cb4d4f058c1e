"""Whether AWS has what the stack had begun to make: of each kind that it would not take twice."""

import json
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from botocore.session import Session

from infra.begun import Found, Given, Unsaid
from providers.aws.iam import OWNER
from providers.aws.stack import STACK_TAG

ABSENT = {
    "NoSuchBucket", "NoSuchEntity", "NotFoundException", "ResourceNotFoundException",
    "TrailNotFoundException",
}  # fmt: skip

Clients = Callable[[str, Given], Any]
"""Of a service, where that resource is."""


def found(provider: Given, kind: str, given: Given) -> Found | None:
    """What no look is for, the next `up` writes over, and harms nothing."""
    look = _LOOKS.get(kind)
    try:
        return look(_clients(provider), given) if look else None
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code in ABSENT:
            return None
        raise Unsaid(f"AWS said {code}") from None
    except BotoCoreError as error:
        raise Unsaid(f"AWS gave no answer: {type(error).__name__}") from None


def _clients(provider: Given) -> Clients:
    """With the credentials that the stack's own provider has: its inputs, as the state has them."""
    [file] = json.loads(provider.get("sharedCredentialsFiles", "[]")) or [None]
    session = session_of(provider.get("profile"), file)

    def client(service: str, given: Given) -> Any:
        return session.create_client(service, region_name=given.get("region", provider["region"]))

    return client


@cache
def session_of(profile: str | None, file: str | None) -> Session:
    """Half a second each, for the models of the services that it reads."""
    session = Session(profile=profile)
    if file is not None:
        session.set_config_variable("credentials_file", file)
    return session


def _policy(aws: Clients, given: Given) -> Found | None:
    iam = aws("iam", given)
    pages = iam.get_paginator("list_policies").paginate(Scope="Local")
    arns = {each["PolicyName"]: each["Arn"] for page in pages for each in page["Policies"]}
    if (arn := arns.get(given["name"])) is None:
        return None
    return Found(arn, _ours(given, _pairs(iam.list_policy_tags(PolicyArn=arn)["Tags"])))


def _role(aws: Clients, given: Given) -> Found:
    role = aws("iam", given).get_role(RoleName=given["name"])["Role"]
    return Found(given["name"], _ours(given, _pairs(role.get("Tags", []))))


def _user(aws: Clients, given: Given) -> Found:
    user = aws("iam", given).get_user(UserName=given["name"])["User"]
    return Found(given["name"], _ours(given, _pairs(user.get("Tags", []))))


def _secret(aws: Clients, given: Given) -> Found:
    secret = aws("secretsmanager", given).describe_secret(SecretId=given["name"])
    return Found(secret["ARN"], _ours(given, _pairs(secret.get("Tags", []))))


def _key(aws: Clients, given: Given) -> Found | None:
    """A key has no name, and AWS makes as many as it is asked for: the one that says what it is for
    and has the stack's tags."""
    kms = aws("kms", given)
    for page in kms.get_paginator("list_keys").paginate():
        for name in (each["KeyId"] for each in page["Keys"]):
            described = kms.describe_key(KeyId=name)["KeyMetadata"]
            fits = described["Enabled"] and described["Description"] == given["description"]
            if fits and _ours(given, _tags_of_key(kms, name)):
                return Found(name, ours=True)
    return None


def _copy(aws: Clients, given: Given) -> Found:
    """It has the id of the key that it is a copy of, which the state knows."""
    name = given["primaryKeyArn"].rpartition("key/")[2]
    aws("kms", given).describe_key(KeyId=name)
    return Found(name, ours=True)


def _alias(aws: Clients, given: Given) -> Found:
    """An alias has no tags; that of our key is ours."""
    described = aws("kms", given).describe_key(KeyId=given["name"])["KeyMetadata"]
    return Found(given["name"], described["KeyId"] == given["targetKeyId"])


def _bucket(aws: Clients, given: Given) -> Found:
    try:
        tags = aws("s3", given).get_bucket_tagging(Bucket=given["bucket"])["TagSet"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchTagSet":
            raise
        tags = []
    return Found(given["bucket"], _ours(given, _pairs(tags)))


def _trail(aws: Clients, given: Given) -> Found:
    trails = aws("cloudtrail", given)
    arn = trails.get_trail(Name=given["name"])["Trail"]["TrailARN"]
    [tags] = trails.list_tags(ResourceIdList=[arn])["ResourceTagList"]
    return Found(given["name"], _ours(given, _pairs(tags["TagsList"])))


def _ours(given: Given, tags: Mapping[str, str]) -> bool:
    wanted = given["tags"]
    return all(tags.get(tag) == wanted[tag] for tag in (OWNER, STACK_TAG))


def _tags_of_key(kms: Any, name: str) -> dict[str, str]:
    return _pairs(kms.list_resource_tags(KeyId=name)["Tags"], "TagKey", "TagValue")


def _pairs(tags: list[dict[str, str]], key: str = "Key", value: str = "Value") -> dict[str, str]:
    return {each[key]: each[value] for each in tags}


_LOOKS: Mapping[str, Callable[[Clients, Given], Found | None]] = {
    "aws:iam/policy:Policy": _policy,
    "aws:iam/role:Role": _role,
    "aws:iam/user:User": _user,
    "aws:secretsmanager/secret:Secret": _secret,
    "aws:kms/key:Key": _key,
    "aws:kms/replicaKey:ReplicaKey": _copy,
    "aws:kms/alias:Alias": _alias,
    "aws:s3/bucket:Bucket": _bucket,
    "aws:cloudtrail/trail:Trail": _trail,
}
