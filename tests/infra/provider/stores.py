"""Secrets and the keys that encrypt them."""

from typing import Any

from tests.infra.provider.kind import Clients, Given, Kind, Made, gone, mapping, pairs, put


def _replicas(given: Given) -> dict[str, str | None]:
    return {each["region"]: each.get("kmsKeyId") for each in given.get("replicas") or []}


def _copy(aws: Clients, arn: str, regions: dict[str, str | None]) -> None:
    wanted = [
        {"Region": name, **({"KmsKeyId": key} if key else {})} for name, key in regions.items()
    ]
    if wanted:
        aws("secretsmanager").replicate_secret_to_regions(SecretId=arn, AddReplicaRegions=wanted)


def _make_secret(aws: Clients, given: Given) -> Made:
    made = aws("secretsmanager").create_secret(
        Name=given["name"], Description=given["description"], KmsKeyId=given["kmsKeyId"],
        Tags=pairs(given),
    )  # fmt: skip
    _copy(aws, made["ARN"], _replicas(given))
    return made["ARN"], {"arn": made["ARN"]}


def _look_at_secret(aws: Clients, arn: str, _: Given) -> dict[str, Any]:
    secret = aws("secretsmanager").describe_secret(SecretId=arn)
    copies = secret.get("ReplicationStatus", [])
    return {
        "name": secret["Name"], "arn": arn, "description": secret.get("Description", ""),
        "kmsKeyId": secret.get("KmsKeyId"), "tags": mapping(secret.get("Tags")),
        "replicas": [{"region": each["Region"], "kmsKeyId": each["KmsKeyId"]} for each in copies],
    }  # fmt: skip


def _change_secret(aws: Clients, arn: str, old: Given, new: Given) -> None:
    store = aws("secretsmanager")
    store.update_secret(SecretId=arn, Description=new["description"], KmsKeyId=new["kmsKeyId"])
    store.tag_resource(SecretId=arn, Tags=pairs(new))
    if left := gone(old, new):
        store.untag_resource(SecretId=arn, TagKeys=left)
    before, after = _replicas(old), _replicas(new)
    if less := sorted(before.keys() - after.keys()):
        store.remove_regions_from_replication(SecretId=arn, RemoveReplicaRegions=less)
    _copy(aws, arn, {name: key for name, key in after.items() if name not in before})


def _remove_secret(aws: Clients, arn: str, state: Given) -> None:
    store = aws("secretsmanager")
    if copies := sorted(_replicas(state)):
        store.remove_regions_from_replication(SecretId=arn, RemoveReplicaRegions=copies)
    store.delete_secret(SecretId=arn, RecoveryWindowInDays=int(state["recoveryWindowInDays"]))


def _put_policy(aws: Clients, given: Given) -> Made:
    aws("secretsmanager").put_resource_policy(
        SecretId=given["secretArn"], ResourcePolicy=given["policy"],
        BlockPublicPolicy=given["blockPublicPolicy"],
    )  # fmt: skip
    return given["secretArn"], {}


def _make_key(aws: Clients, given: Given) -> Made:
    kms = aws("kms")
    made = kms.create_key(
        Description=given["description"], Policy=given["policy"],
        MultiRegion=given["multiRegion"], Tags=pairs(given, "TagKey", "TagValue"),
    )["KeyMetadata"]  # fmt: skip
    if given["enableKeyRotation"]:
        kms.enable_key_rotation(KeyId=made["KeyId"])
    return made["KeyId"], {"arn": made["Arn"], "keyId": made["KeyId"]}


def _make_copy(aws: Clients, given: Given) -> Made:
    *_, home, _, key = given["primaryKeyArn"].split(":")
    name = key.removeprefix("key/")
    aws("kms", {"region": home}).replicate_key(
        KeyId=name, ReplicaRegion=given["region"], Policy=given["policy"],
        Tags=pairs(given, "TagKey", "TagValue"),
    )  # fmt: skip
    arn = given["primaryKeyArn"].replace(f":{home}:", f":{given['region']}:")
    return name, {"arn": arn, "keyId": name}


def _look_at_key(aws: Clients, name: str, state: Given) -> dict[str, Any]:
    reply = aws("kms", state).describe_key(KeyId=name)["KeyMetadata"]
    return {"arn": reply["Arn"], "keyId": reply["KeyId"]}


def _change_key(aws: Clients, name: str, old: Given, new: Given) -> None:
    kms = aws("kms", new)
    kms.put_key_policy(KeyId=name, PolicyName="default", Policy=new["policy"])
    if "description" in new:
        kms.update_key_description(KeyId=name, Description=new["description"])
    kms.tag_resource(KeyId=name, Tags=pairs(new, "TagKey", "TagValue"))
    if left := gone(old, new):
        kms.untag_resource(KeyId=name, TagKeys=left)


def _remove_key(aws: Clients, name: str, state: Given) -> None:
    aws("kms", state).schedule_key_deletion(
        KeyId=name, PendingWindowInDays=int(state["deletionWindowInDays"])
    )


def _make_alias(aws: Clients, given: Given) -> Made:
    aws("kms").create_alias(AliasName=given["name"], TargetKeyId=given["targetKeyId"])
    return given["name"], {}


KINDS = {
    "aws:secretsmanager/secret:Secret": Kind(
        make=_make_secret,
        look=_look_at_secret,
        change=_change_secret,
        remove=_remove_secret,
        replaced_by="name",
    ),
    "aws:secretsmanager/secretPolicy:SecretPolicy": put(
        _put_policy,
        lambda aws, arn, _: aws("secretsmanager").delete_resource_policy(SecretId=arn),
        "secretArn",
    ),
    "aws:kms/key:Key": Kind(
        make=_make_key,
        look=_look_at_key,
        change=_change_key,
        remove=_remove_key,
        replaced_by="multiRegion",
    ),
    "aws:kms/replicaKey:ReplicaKey": Kind(
        make=_make_copy,
        look=_look_at_key,
        change=_change_key,
        remove=_remove_key,
        replaced_by="primaryKeyArn region",
    ),
    "aws:kms/alias:Alias": Kind(
        make=_make_alias,
        change=lambda aws, name, _, new: aws("kms").update_alias(
            AliasName=name, TargetKeyId=new["targetKeyId"]
        ),
        remove=lambda aws, name, _: aws("kms").delete_alias(AliasName=name),
        replaced_by="name",
    ),
}
