"""Secrets Manager: writing values, reading them, and moving labels."""

from __future__ import annotations

import base64
from uuid import uuid4

from providers.aws.testing.refusals import Refusal
from providers.aws.testing.secret_rules import SecretRules
from providers.aws.testing.secret_store import CURRENT, LABELS_MAX, PENDING, StoredSecret
from providers.aws.testing.state import Call, Operation, Operations
from providers.aws.testing.wire import Parameters, Result

BYTES_MAX = 65_536
VERSIONS_MAX = 100
BATCH_MAX = 20
TOKEN_LENGTHS = range(32, 65)


class SecretValues:
    """The operations on versions."""

    def __init__(self, rules: SecretRules) -> None:
        self._rules = rules
        self.operations: Operations = {
            "PutSecretValue": Operation(
                self._put_secret_value,
                "SecretId",
                "ClientRequestToken SecretString SecretBinary VersionStages RotationToken",
            ),
            "UpdateSecret": Operation(
                self._update_secret,
                "SecretId",
                "ClientRequestToken Description KmsKeyId SecretString SecretBinary",
            ),
            "GetSecretValue": Operation(
                self._get_secret_value, "SecretId", "VersionId VersionStage"
            ),
            "BatchGetSecretValue": Operation(self._batch_get_secret_value, "SecretIdList"),
            "UpdateSecretVersionStage": Operation(
                self._update_secret_version_stage,
                "SecretId VersionStage",
                "MoveToVersionId RemoveFromVersionId",
            ),
        }

    def _put_secret_value(self, call: Call) -> Result:
        secret = self._rules.writable(call)
        value = required_value(call.parameters)
        token = version_token(call.parameters)
        labels = call.parameters.get("VersionStages", [CURRENT])
        if not 1 <= len(labels) <= LABELS_MAX:
            raise Refusal("InvalidParameterException", f"1 to {LABELS_MAX} VersionStages, please.")
        self._rules.may_encrypt(call, secret)
        if secret.has_value(token):
            if any(secret.versions[token].get(name) != value[name] for name in value):
                raise _token_taken(secret, token)
        else:
            self.add_version(secret, token, value, labels)
        return secret.named(token) | {"VersionStages": secret.versions[token]["version_stages"]}

    def _update_secret(self, call: Call) -> Result:
        secret = self._rules.writable(call)
        value = given_value(call.parameters)
        token = version_token(call.parameters)
        if value is not None:
            self._rules.may_encrypt(call, secret)
            if token in secret.versions:
                raise _token_taken(secret, token)
            self.add_version(secret, token, value, [CURRENT])
        secret.description = call.parameters.get("Description", secret.description)
        secret.kms_key_id = call.parameters.get("KmsKeyId", secret.kms_key_id)
        self._rules.changed(secret)
        return secret.named(token if value is not None else None)

    def add_version(
        self, secret: StoredSecret, token: str, value: dict[str, str], labels: list[str]
    ) -> None:
        """Store the bytes of a new version, and give it its labels."""
        now = self._rules.state.clock.now()
        secret.forget_oldest(now, VERSIONS_MAX - 1)
        if token not in secret.versions and len(secret.versions) >= VERSIONS_MAX:
            raise Refusal("LimitExceededException", "Too many versions of the last 24 hours.")
        # The first version always becomes current.
        wanted = [*labels] if secret.holder(CURRENT) else [CURRENT, *labels]
        secret.check_room(wanted)
        self._abandon_native_rotation(secret, token)
        version = secret.versions.setdefault(token, {"version_id": token, "version_stages": []})
        version.update(value, createdate=now.timestamp())
        for label in wanted:
            secret.attach(label, token)
        self._rules.changed(secret)

    def _abandon_native_rotation(self, secret: StoredSecret, token: str) -> None:
        pending = secret.holder(PENDING)
        if pending not in (None, token) and not secret.has_value(pending):
            secret.detach(PENDING, pending)

    def _get_secret_value(self, call: Call) -> Result:
        secret = self._rules.readable(call)
        version_id = _chosen(secret, call.parameters)
        self._rules.may_decrypt(call, secret)
        now = self._rules.state.clock.now()
        # AWS keeps the day of the last access, not its time.
        secret.accessed[version_id] = now.replace(hour=0, minute=0, second=0, microsecond=0)
        version = secret.versions[version_id]
        answer = {
            "SecretString": version.get("secret_string"),
            "SecretBinary": version.get("secret_binary"),
            "VersionStages": version["version_stages"],
            "CreatedDate": version["createdate"],
        }
        given = {name: fact for name, fact in answer.items() if fact is not None}
        return secret.named(version_id) | given

    def _batch_get_secret_value(self, call: Call) -> Result:
        ids = call.parameters.get("SecretIdList", [])
        if not 1 <= len(ids) <= BATCH_MAX:
            raise Refusal("InvalidParameterException", f"A batch has 1 to {BATCH_MAX} secrets.")
        values: list[Result] = []
        errors: list[Result] = []
        for secret_id in ids:
            try:
                values.append(self._get_secret_value(_of(call, secret_id)))
            except Refusal as refusal:
                errors.append(
                    {"SecretId": secret_id, "ErrorCode": refusal.code, "Message": refusal.message}
                )
        return {"SecretValues": values, "Errors": errors}

    def _update_secret_version_stage(self, call: Call) -> Result:
        secret = self._rules.writable(call)
        label = call.parameters["VersionStage"]
        move_to = call.parameters.get("MoveToVersionId")
        remove_from = call.parameters.get("RemoveFromVersionId")
        _check_versions(secret, (move_to, remove_from))
        _check_holder(secret, label, move_to, remove_from)
        if move_to is not None:
            secret.check_room([label])
            secret.attach(label, move_to)
        elif remove_from is not None:
            secret.detach(label, remove_from)
        self._rules.changed(secret)
        return secret.named()


def _of(call: Call, secret_id: str) -> Call:
    return Call(
        service=call.service,
        operation="GetSecretValue",
        region=call.region,
        principal=call.principal,
        parameters={"SecretId": secret_id},
    )


def _check_versions(secret: StoredSecret, version_ids: tuple[str | None, str | None]) -> None:
    if version_ids == (None, None):
        raise Refusal(
            "InvalidParameterException", "MoveToVersionId or RemoveFromVersionId, please."
        )
    for version_id in version_ids:
        if version_id is not None and version_id not in secret.versions:
            raise Refusal(
                "ResourceNotFoundException", f"Secrets Manager can't find version {version_id}."
            )


def _check_holder(
    secret: StoredSecret, label: str, move_to: str | None, remove_from: str | None
) -> None:
    """The compare-and-set: a call that moves a label must name the version that has it."""
    holder = secret.holder(label)
    if move_to is None and label == CURRENT:
        raise Refusal(
            "InvalidParameterException",
            "You can only move staging label AWSCURRENT to a different secret version. "
            "It can't be completely removed.",
        )
    if remove_from is None and holder not in (None, move_to):
        raise Refusal(
            "InvalidParameterException",
            f"The parameter RemoveFromVersionId can't be empty. Staging label {label} is currently "
            f"attached to version {holder}, so you must explicitly reference that version in "
            "RemoveFromVersionId.",
        )
    if remove_from is not None and remove_from != holder:
        raise Refusal(
            "InvalidParameterException",
            f"When you move staging label {label}, if you specify RemoveFromVersionId, it must be "
            f"set to the version that currently has the staging label {label}.",
        )


def _chosen(secret: StoredSecret, parameters: Parameters) -> str:
    """Which version a reader asks for; id and label must agree."""
    version_id, label = parameters.get("VersionId"), parameters.get("VersionStage")
    if version_id is None:
        label = label or CURRENT
        version_id = secret.holder(label)
        what = f"staging label: {label}"
    else:
        what = f"VersionId: {version_id}"
    if version_id is None or not secret.has_value(version_id):
        raise Refusal(
            "ResourceNotFoundException",
            f"Secrets Manager can't find the specified secret value for {what}",
        )
    if label is not None and secret.holder(label) != version_id:
        raise Refusal(
            "InvalidRequestException",
            "You provided a VersionStage that is not associated to the provided VersionId.",
        )
    chosen: str = version_id
    return chosen


def given_value(parameters: Parameters) -> dict[str, str] | None:
    """The value in a request, under moto's names, if there is one."""
    text, binary = parameters.get("SecretString"), parameters.get("SecretBinary")
    if text is not None and binary is not None:
        raise Refusal("InvalidParameterException", "SecretString or SecretBinary, but not both.")
    if text is not None:
        return {"secret_string": _sized(text, text.encode())}
    if binary is not None:
        return {"secret_binary": _sized(binary, base64.b64decode(binary))}
    return None


def _sized(value: str, content: bytes) -> str:
    if not 1 <= len(content) <= BYTES_MAX:
        raise Refusal("InvalidParameterException", f"A value has 1 to {BYTES_MAX} bytes.")
    return value


def required_value(parameters: Parameters) -> dict[str, str]:
    """The value in a request that must have one."""
    value = given_value(parameters)
    if value is None:
        raise Refusal("InvalidRequestException", "You must provide SecretString or SecretBinary.")
    return value


def version_token(parameters: Parameters) -> str:
    """The token that becomes the id of the version."""
    token: str = parameters.get("ClientRequestToken", str(uuid4()))
    if len(token) not in TOKEN_LENGTHS:
        raise Refusal(
            "InvalidParameterException", "ClientRequestToken must be 32-64 characters long."
        )
    return token


def _token_taken(secret: StoredSecret, token: str) -> Refusal:
    return Refusal(
        "ResourceExistsException",
        f"You can't use ClientRequestToken {token} because that value is already in use for a "
        f"version of secret {secret.arn}.",
    )
