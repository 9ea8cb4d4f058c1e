"""A secret in Secrets Manager: versions, and the labels that say which of them readers get."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from providers.aws.errors import Meanings, server_time, translated
from providers.aws.options import REHEARSAL
from providers.aws.spans import PLACEHOLDER, SecretText
from rotation.errors import Conflict, NeedsPerson, Permanent, Transient, first_change
from rotation.types import (
    COMPROMISED,
    CURRENT,
    PENDING,
    PREVIOUS,
    Credential,
    Fields,
    PermissionSet,
    StoreState,
    Version,
    mark,
)

if TYPE_CHECKING:
    from providers.aws.clients import AwsConnection
    from providers.aws.options import SecretsManagerOptions
    from rotation.interfaces import PluginContext

OWNER_TAG = "rotation:owner"

_THEIRS = {
    CURRENT: "AWSCURRENT",
    PENDING: "AWSPENDING",
    PREVIOUS: "AWSPREVIOUS",
    COMPROMISED: "ROTATION_COMPROMISED",
}
_OURS = {theirs: ours for ours, theirs in _THEIRS.items()}
_USUAL = {
    PermissionSet.VERIFY: PENDING,
    PermissionSet.PROVE: PREVIOUS,
    PermissionSet.DELIVER: CURRENT,
}
_MISMATCH = (
    "InvalidParameterException",
    "InvalidRequestException",
    "ResourceNotFoundException",
)
_NOT_THERE = "store.version-missing"
_REPLICA = {"InSync": "in-sync", "InProgress": "in-progress", "Failed": "failed"}


class SecretsManagerStore:
    """Staging and promotion are two calls: the second one is a compare-and-set."""

    def __init__(self, options: SecretsManagerOptions, context: PluginContext) -> None:
        self._connection: AwsConnection = context.connections[options.connection]
        self._name = options.name
        self._options = options
        self._installation = context.installation
        self._text = SecretText(context.fields, context.public, context.composed)
        self._keep_foreign = context.keep_foreign
        self._meanings: Meanings = {
            "ResourceNotFoundException": self._missing,
            "InvalidRequestException": self._closed,
            "LimitExceededException": self._crowded,
        }
        # The last known label of a version. IAM can limit a read by label only if the call names
        # one. AWS notices a label that has moved meanwhile; then it is looked up.
        self._labels: dict[str, str] = {}

    def state(self) -> StoreState:
        return self._describe(PermissionSet.OBSERVE)

    def stage(self, attempt: str, new: Credential, *, onto: str | None) -> str:
        base = None
        if self._keep_foreign and not self._text.is_whole and onto is not None:
            base = self._base(onto)
        version, labels = self._put(attempt, self._text.write(new.fields, base))
        if "AWSCURRENT" in labels:
            raise Conflict(
                "store.first-version",
                f"secret {self._name} was empty, so the staged version {version} is current",
                "verify it by hand; an empty secret begins with `rotation create`",
            )
        return version

    def rehearse(self, attempt: str) -> None:
        """The label stays on this placeholder until the next rehearsal takes it."""
        client = self._connection.secrets_manager(PermissionSet.MINT)
        with self._translated("secretsmanager:PutSecretValue"):
            client.put_secret_value(
                SecretId=self._name,
                ClientRequestToken=f"rot1-rehearsal-{attempt}",
                SecretString=PLACEHOLDER,
                VersionStages=[REHEARSAL],
            )

    def read(self, version: str, *, under: PermissionSet, region: str | None = None) -> Fields:
        return self._text.read(self._version(version, under, region))

    def stale(self, version: str, handle_id: str, *, under: PermissionSet) -> tuple[str, ...]:
        return self._text.stale(self._version(version, under), handle_id)

    def lacking(self, version: str, *, under: PermissionSet) -> frozenset[str]:
        return self._text.lacking(self._version(version, under))

    def place(self, attempt: str) -> str:
        state, version = self.state(), mark(self._installation, attempt)
        if state.current == version:
            return version
        if not state.versions:
            _, labels = self._put(attempt, PLACEHOLDER)
            if "AWSCURRENT" in labels:
                return version
        raise Conflict(
            "store.not-empty",
            f"secret {self._name} has a value already; it was not touched",
            "`rotation adopt` takes over a secret that is in use",
        )

    def promote(self, to: str, *, expecting: str) -> None:
        self._move(CURRENT, PermissionSet.PROMOTE, to=to, away_from=expecting)
        self._labels |= {to: CURRENT, expecting: PREVIOUS}

    def unlabel(self, version: str, label: str, *, under: PermissionSet) -> None:
        if label == CURRENT:
            raise Permanent(
                "store.current-stays",
                f"secret {self._name} always has a current version: that label can only move",
                "promote another version",
            )
        self._move(label, under, away_from=version)
        if self._labels.get(version) == label:
            del self._labels[version]

    def mark_compromised(self, version: str) -> None:
        try:
            self._move(COMPROMISED, PermissionSet.CONTAIN, to=version)
        except Conflict:
            earlier = self._describe(PermissionSet.CONTAIN).labels.get(COMPROMISED)
            if earlier is None:
                raise
            # The mark of an emergency that has ended: its version is no longer in use.
            self._move(COMPROMISED, PermissionSet.CONTAIN, to=version, away_from=earlier)

    def claim(self, installation: str) -> None:
        client = self._connection.secrets_manager(PermissionSet.CLAIM, self._options)
        with first_change(), self._translated("secretsmanager:TagResource"):
            client.tag_resource(
                SecretId=self._name, Tags=[{"Key": OWNER_TAG, "Value": installation}]
            )

    def _describe(self, under: PermissionSet) -> StoreState:
        client = self._connection.secrets_manager(under, self._options)
        with self._translated("secretsmanager:DescribeSecret"):
            secret = client.describe_secret(SecretId=self._name)
        state = _state(secret, self._connection.options.region)
        self._labels = {version.id: _readable_label(version.labels) for version in state.versions}
        return state

    def _look_up(self, version: str) -> str | None:
        self._check_open(self.state())
        return self._labels.get(version)

    def _check_open(self, state: StoreState) -> None:
        if state.refusal is not None:
            code, sentence = state.refusal
            raise NeedsPerson(code, f"{self._name}: {sentence}", "end that, then `rotation resume`")

    def _base(self, onto: str) -> str:
        """The current text, if its version is still the one that the journal knows."""
        try:
            return self._get(onto, CURRENT, PermissionSet.MINT)
        except Transient as error:
            if error.code != _NOT_THERE:
                raise
        self._look_up(onto)
        raise self._elsewhere(CURRENT, onto)

    def _version(self, version: str, under: PermissionSet, region: str | None = None) -> str:
        label = self._labels.get(version, _USUAL.get(under))
        try:
            return self._get(version, label, under, region)
        except Transient as error:
            if error.code != _NOT_THERE or label == self._look_up(version):
                raise
            return self._get(version, self._labels.get(version), under, region)

    def _get(
        self, version: str, label: str | None, under: PermissionSet, region: str | None = None
    ) -> str:
        client = self._connection.secrets_manager(under, self._options, region)
        request = {"SecretId": self._name, "VersionId": version}
        if label is not None:
            request["VersionStage"] = _THEIRS.get(label, label)
        absent = {"ResourceNotFoundException": _absent, "InvalidRequestException": _absent}
        with self._translated("secretsmanager:GetSecretValue", absent):
            secret: Mapping[str, Any] = client.get_secret_value(**request)
            if "SecretBinary" in secret:
                raise NeedsPerson(
                    "store.binary",
                    f"version {version} of secret {self._name} is binary, not text",
                    "store text: a JSON object, or the one value",
                )
            text: str = secret["SecretString"]
            return text

    def _put(self, attempt: str, text: str) -> tuple[str, list[str]]:
        """The same token and bytes again change nothing. But the bytes of a mint cannot be had
        again, so a lost answer is Ambiguous: a look shows whether they arrived."""
        client = self._connection.secrets_manager(PermissionSet.MINT, self._options)
        token = mark(self._installation, attempt)
        taken = {"ResourceExistsException": lambda: self._taken(token)}
        put = self._translated("secretsmanager:PutSecretValue", taken, repeatable=False)
        with first_change(), put:
            answer = client.put_secret_value(
                SecretId=self._name,
                ClientRequestToken=token,
                SecretString=text,
                VersionStages=["AWSPENDING"],  # without it, AWSCURRENT would move at once
            )
            self._labels[token] = PENDING
            return answer["VersionId"], answer["VersionStages"]

    def _move(
        self,
        label: str,
        under: PermissionSet,
        *,
        to: str | None = None,
        away_from: str | None = None,
    ) -> None:
        """Compare-and-set. What AWS refuses may be true already, hence one look after a refusal."""
        client = self._connection.secrets_manager(under, self._options)
        request = {"MoveToVersionId": to, "RemoveFromVersionId": away_from}
        elsewhere = dict.fromkeys(_MISMATCH, lambda: self._elsewhere(label, away_from))
        try:
            call = "secretsmanager:UpdateSecretVersionStage"
            with first_change(), self._translated(call, elsewhere):
                client.update_secret_version_stage(
                    SecretId=self._name,
                    VersionStage=_THEIRS.get(label, label),
                    **{name: version for name, version in request.items() if version},
                )
        except Conflict:
            state = self._describe(under)
            holder = state.labels.get(label)
            if holder == to if to else holder != away_from:
                return
            self._check_open(state)
            raise

    def _translated(
        self, call: str, meanings: Meanings | None = None, *, repeatable: bool = True
    ) -> AbstractContextManager[None]:
        return translated(
            call,
            of=f"secret {self._name}",
            repeatable=repeatable,
            meanings={**self._meanings, **(meanings or {})},
        )

    def _missing(self) -> NeedsPerson:
        return NeedsPerson(
            "store.missing",
            f"there is no secret {self._name} in this account and region",
            "create it (`pulumi up`), or correct name and connection",
        )

    def _closed(self) -> NeedsPerson:
        return NeedsPerson(
            "store.closed",
            f"AWS allows nobody to change secret {self._name} now",
            "`rotation doctor` says why: deletion, a replica, or another owner",
        )

    def _crowded(self) -> NeedsPerson:
        return NeedsPerson(
            "store.limit",
            f"secret {self._name} has as many versions or labels as AWS allows",
            "find out who writes it so often: more than one version in ten minutes is too many",
        )

    def _taken(self, token: str) -> Conflict:
        return Conflict(
            "store.conflict",
            f"version {token} of secret {self._name} exists with other bytes",
            "another runner staged under this attempt; `rotation show` names the runners",
        )

    def _elsewhere(self, label: str, expected: str | None) -> Conflict:
        return Conflict(
            "store.conflict",
            f"label {label} of secret {self._name} is not on version {expected}; it was not moved",
            "somebody else moved it: `rotation show`, then `rotation resolve`",
        )


def _absent() -> Transient:
    return Transient(_NOT_THERE, "that version, or its label, is not there (yet)", "wait")


def _readable_label(labels: frozenset[str]) -> str:
    """The label under which policies allow a version to be read."""
    return next((label for label in (CURRENT, PENDING, PREVIOUS) if label in labels), min(labels))


def _state(secret: Mapping[str, Any], region: str) -> StoreState:
    versions = secret.get("VersionIdsToStages", {})
    tags = {tag["Key"]: tag["Value"] for tag in secret.get("Tags", ())}
    return StoreState(
        versions=tuple(
            Version(id=version, labels=frozenset(_OURS.get(label, label) for label in labels))
            for version, labels in versions.items()
            if set(labels) - {REHEARSAL}
        ),
        claim=tags.get(OWNER_TAG),
        refusal=_refusal(secret, region),
        replicas={
            replica["Region"]: _REPLICA[replica["Status"]]
            for replica in secret.get("ReplicationStatus", ())
        },
        server_at=server_time(secret),
        own_key=bool(secret.get("KmsKeyId")),
    )


def _refusal(secret: Mapping[str, Any], region: str) -> tuple[str, str] | None:
    """Why nothing may be written: somebody else manages the value."""
    if "DeletedDate" in secret:
        return "store.deletion-scheduled", "the secret is scheduled for deletion"
    if secret.get("PrimaryRegion", region) != region:
        return "store.replica", "the secret is a replica; its primary is in another region"
    if secret.get("OwningService"):
        return "store.owned-by-service", "the secret belongs to an AWS service"
    if secret.get("Type"):
        return "store.managed-external", "the secret is managed by an external partner"
    if secret.get("RotationEnabled"):
        return "store.native-rotation", "native rotation of Secrets Manager is on"
    return None
