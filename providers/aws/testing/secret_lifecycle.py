"""Secrets Manager: the secret itself, from creation to deletion, and what it says about itself."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from providers.aws.testing.paging import page
from providers.aws.testing.refusals import Refusal
from providers.aws.testing.replication import Replica
from providers.aws.testing.secret_rules import SecretRules
from providers.aws.testing.secret_store import CURRENT, PENDING, StoredSecret
from providers.aws.testing.secret_values import SecretValues, given_value, version_token
from providers.aws.testing.state import Call, Operation, Operations
from providers.aws.testing.wire import Result

RECOVERY_DAYS = range(7, 31)


class SecretLifecycle:
    """The operations on secrets as a whole."""

    def __init__(self, rules: SecretRules, values: SecretValues) -> None:
        self._rules = rules
        self._values = values
        self._state = rules.state
        self.operations: Operations = {
            "CreateSecret": Operation(
                self._create_secret,
                "Name",
                "ClientRequestToken Description KmsKeyId SecretString SecretBinary Tags AddReplicaRegions",
            ),
            "DescribeSecret": Operation(self._describe_secret, "SecretId"),
            "ListSecretVersionIds": Operation(
                self._list_secret_version_ids, "SecretId", "IncludeDeprecated MaxResults NextToken"
            ),
            "DeleteSecret": Operation(
                self._delete_secret, "SecretId", "RecoveryWindowInDays ForceDeleteWithoutRecovery"
            ),
            "RestoreSecret": Operation(self._restore_secret, "SecretId"),
            "TagResource": Operation(self._tag_resource, "SecretId Tags"),
            "UntagResource": Operation(self._untag_resource, "SecretId TagKeys"),
            "RotateSecret": Operation(
                self._rotate_secret,
                "SecretId",
                "ClientRequestToken RotationLambdaARN RotationRules RotateImmediately",
            ),
            "CancelRotateSecret": Operation(self._cancel_rotate_secret, "SecretId"),
            "ReplicateSecretToRegions": Operation(self._replicate, "SecretId AddReplicaRegions"),
            "RemoveRegionsFromReplication": Operation(
                self._remove_regions, "SecretId RemoveReplicaRegions"
            ),
        }

    def _create_secret(self, call: Call) -> Result:
        name, value = call.parameters["Name"], given_value(call.parameters)
        token = version_token(call.parameters)
        self._state.replication.settle()
        existing = self._state.shelf.peek(call.region, name, self._state.clock.now())
        if existing is not None:
            return _created_before(existing, token, value)
        secret = StoredSecret(self._state.account, call.region, name, self._state.clock.now())
        secret.description = call.parameters.get("Description")
        secret.kms_key_id = call.parameters.get("KmsKeyId")
        secret.tags = call.parameters.get("Tags")
        if value is not None:
            self._rules.may_encrypt(call, secret)
            self._values.add_version(secret, token, value, [CURRENT])
        self._state.shelf.put(secret)
        for replica in call.parameters.get("AddReplicaRegions", []):
            self._state.replication.add(secret, replica["Region"], replica.get("KmsKeyId"))
        return secret.named() | ({} if value is None else {"VersionId": token})

    def _describe_secret(self, call: Call) -> Result:
        secret = self._rules.find(call)
        labelled: dict[str, list[str]] = {
            version_id: version["version_stages"]
            for version_id, version in secret.versions.items()
            if version["version_stages"]
        }
        facts = {
            "Description": secret.description,
            "KmsKeyId": secret.kms_key_id,
            "RotationEnabled": secret.rotation_enabled,
            "RotationLambdaARN": secret.rotation_lambda_arn or None,
            "RotationRules": secret.rotation_rules,
            "CreatedDate": secret.created_date,
            "LastChangedDate": secret.last_changed_date,
            "LastAccessedDate": secret.last_accessed,
            "DeletedDate": secret.deleted_date,
            "Tags": secret.tags,
            "VersionIdsToStages": labelled or None,
            "OwningService": secret.owner,
            "Type": secret.external_type,
            "PrimaryRegion": secret.primary_region if isinstance(secret, Replica) else None,
            "ReplicationStatus": self._state.replication.report(secret) or None,
        }
        return secret.named() | {name: fact for name, fact in facts.items() if fact is not None}

    def _list_secret_version_ids(self, call: Call) -> Result:
        secret = self._rules.find(call)
        deprecated = call.parameters.get("IncludeDeprecated", False)
        entries = [
            _version_entry(version, secret.accessed.get(version_id))
            for version_id, version in secret.versions.items()
            if secret.has_value(version_id) and (deprecated or version["version_stages"])
        ]
        token, asked = call.parameters.get("NextToken"), call.parameters.get("MaxResults")
        shown, more = page("secretsmanager", entries, token, asked, self._state.page_size)
        return secret.named() | {"Versions": shown} | ({"NextToken": more} if more else {})

    def _delete_secret(self, call: Call) -> Result:
        force = call.parameters.get("ForceDeleteWithoutRecovery", False)
        days = call.parameters.get("RecoveryWindowInDays")
        if force and days is not None:
            raise Refusal("InvalidParameterException", "ForceDelete or RecoveryWindow, not both.")
        days = 30 if days is None else days
        if days not in RECOVERY_DAYS:
            raise Refusal("InvalidParameterException", "RecoveryWindowInDays must be 7 to 30.")
        secret = self._rules.writable(call)
        if self._state.replication.regions(secret):
            raise Refusal("InvalidRequestException", "You can't delete a secret with replicas.")
        due = self._state.clock.now() + timedelta(days=0 if force else days)
        if force:
            self._state.shelf.remove(secret)
        else:
            secret.deleted_date = due.timestamp()
        return secret.named() | {"DeletionDate": due}

    def _restore_secret(self, call: Call) -> Result:
        secret = self._rules.find(call)
        secret.deleted_date = None
        return secret.named()

    def _tag_resource(self, call: Call) -> Result:
        secret = self._rules.primary(call)
        tags = {tag["Key"]: tag["Value"] for tag in secret.tags or []}
        tags |= {tag["Key"]: tag["Value"] for tag in call.parameters["Tags"]}
        secret.tags = [{"Key": key, "Value": value} for key, value in tags.items()]
        self._rules.changed(secret)
        return {}

    def _untag_resource(self, call: Call) -> Result:
        secret = self._rules.primary(call)
        gone = call.parameters["TagKeys"]
        secret.tags = [tag for tag in secret.tags or [] if tag["Key"] not in gone] or None
        self._rules.changed(secret)
        return {}

    def _rotate_secret(self, call: Call) -> Result:
        """Begin a native rotation. No Lambda runs here, so it stays begun."""
        secret = self._rules.writable(call)
        function = call.parameters.get("RotationLambdaARN", secret.rotation_lambda_arn)
        if not function:
            raise Refusal(
                "InvalidRequestException",
                "No Lambda rotation function ARN is associated with this secret.",
            )
        if secret.holder(PENDING) not in (None, secret.holder(CURRENT)):
            raise Refusal(
                "InvalidRequestException", "A previous rotation isn't complete. Reattempt it."
            )
        secret.rotation_lambda_arn, secret.rotation_enabled = function, True
        secret.rotation_rules = call.parameters.get("RotationRules", secret.rotation_rules)
        if not call.parameters.get("RotateImmediately", True):
            return secret.named()
        token = version_token(call.parameters)
        secret.versions.setdefault(token, _empty_version(token, self._state.clock.time()))
        secret.attach(PENDING, token)
        self._rules.changed(secret)
        return secret.named() | {"VersionId": token}

    def _cancel_rotate_secret(self, call: Call) -> Result:
        secret = self._rules.writable(call)
        secret.rotation_enabled = False
        return secret.named()

    def _replicate(self, call: Call) -> Result:
        secret = self._rules.primary(call)
        for replica in call.parameters["AddReplicaRegions"]:
            self._state.replication.add(secret, replica["Region"], replica.get("KmsKeyId"))
        return {"ARN": secret.arn, "ReplicationStatus": self._state.replication.report(secret)}

    def _remove_regions(self, call: Call) -> Result:
        secret = self._rules.primary(call)
        for region in call.parameters["RemoveReplicaRegions"]:
            self._state.replication.drop(secret, region)
        return {"ARN": secret.arn, "ReplicationStatus": self._state.replication.report(secret)}


def _created_before(existing: StoredSecret, token: str, value: dict[str, str] | None) -> Result:
    """A repeated CreateSecret is a success only with the same token and the same data."""
    if existing.deleted_date is not None:
        raise Refusal(
            "InvalidRequestException",
            "You can't create this secret because a secret with this name is already scheduled "
            "for deletion.",
        )
    version = existing.versions.get(token)
    if version is None or value is None or any(version.get(k) != v for k, v in value.items()):
        raise Refusal(
            "ResourceExistsException",
            f"The operation failed because the secret {existing.name} already exists.",
        )
    return existing.named() | {"VersionId": token}


def _empty_version(token: str, created: float) -> dict[str, Any]:
    return {"version_id": token, "version_stages": [], "createdate": created}


def _version_entry(version: dict[str, Any], accessed: datetime | None) -> dict[str, Any]:
    entry = {
        "VersionId": version["version_id"],
        "CreatedDate": version["createdate"],
        "VersionStages": version["version_stages"] or None,
        "LastAccessedDate": accessed,
    }
    return {name: fact for name, fact in entry.items() if fact is not None}
