"""The same calls with boto3 alone, in the same order and with the same requests: the floor.

Nothing is decided, written down or proved here; a crash anywhere loses a key.
"""

import json
import secrets
from collections.abc import Mapping
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from providers.aws.testing import ADMIN, StrictControl
from rotation.types import PermissionSet

OBSERVE, MINT, VERIFY = PermissionSet.OBSERVE, PermissionSet.MINT, PermissionSet.VERIFY
PROMOTE, PROVE, REVOKE = PermissionSet.PROMOTE, PermissionSet.PROVE, PermissionSet.REVOKE

# What the product's clients have.
CONFIG = Config(
    connect_timeout=5,
    read_timeout=10,
    retries={"mode": "standard", "total_max_attempts": 1},
    max_pool_connections=64,
    tcp_keepalive=True,
    disable_request_compression=True,
    user_agent="bare",
)


class Login:
    """One client of STS for any credentials: a new client for each would cost milliseconds."""

    def __init__(self, session: Any, **options: Any) -> None:
        self._credentials = session.get_credentials()
        self._client = session.client("sts", **options)

    def accepted(self, key: str, secret: str) -> bool:
        self._credentials.access_key, self._credentials.secret_key = key, secret
        try:
            self._client.get_caller_identity()
        except ClientError:
            return False
        return True


class Clients:
    """Made once; base credentials sign every call."""

    def __init__(self, control: StrictControl) -> None:
        self.options = {
            "endpoint_url": control.endpoint,
            "region_name": control.region,
            "config": CONFIG,
        }
        self._made = {name: self.made(name, _session()) for name in ("iam", "secretsmanager")}

    def made(self, service: str, session: Any) -> Any:
        return session.client(service, **self.options)

    def iam(self, under: PermissionSet, name: str) -> Any:
        return self._made["iam"]

    def store(self, under: PermissionSet, name: str) -> Any:
        return self._made["secretsmanager"]


class Sessions(Clients):
    """A session of the set's role signs each call; it is for one user or one secret, but for looks."""

    def __init__(self, control: StrictControl, roles: Mapping[str, str]) -> None:
        super().__init__(control)
        self._sts = self.made("sts", _session())
        self._roles = roles
        self._signed: dict[tuple[str, PermissionSet], tuple[Any, Any]] = {}
        self._taken: dict[tuple[str, PermissionSet, str], Any] = {}

    def iam(self, under: PermissionSet, name: str) -> Any:
        return self._in_session("iam", under, name)

    def store(self, under: PermissionSet, name: str) -> Any:
        return self._in_session("secretsmanager", under, name)

    def _in_session(self, service: str, under: PermissionSet, name: str) -> Any:
        if (service, under) not in self._signed:
            session = _session()
            self._signed[service, under] = session.get_credentials(), self.made(service, session)
        credentials, client = self._signed[service, under]
        taken = self._session_for(service, under, name)
        credentials.access_key, credentials.secret_key = (
            taken["AccessKeyId"],
            taken["SecretAccessKey"],
        )
        credentials.token = taken["SessionToken"]
        return client

    def _session_for(self, service: str, under: PermissionSet, name: str) -> Any:
        looks = under == OBSERVE
        one = ("", under, "") if looks else (service, under, name)
        if one not in self._taken:
            policy = {} if looks else {"Policy": _policy(service, name)}
            self._taken[one] = self._sts.assume_role(
                RoleArn=self._roles[under],
                RoleSessionName="bare",
                DurationSeconds=900,
                **policy,
            )["Credentials"]
        return self._taken[one]


def _policy(service: str, name: str) -> str:
    which = f"user/{name}" if service == "iam" else f"secret:{name}-??????"
    allowed = {
        "Effect": "Allow",
        "Action": f"{service}:*",
        "Resource": f"arn:aws:{service}:*:*:{which}",
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [allowed]})


class Bare:
    """A login for each worker, for its credentials change."""

    def __init__(self, clients: Clients, workers: int) -> None:
        self._iam, self._store = clients.iam, clients.store
        self.logins = [Login(_session(), **clients.options) for _ in range(workers)]

    def rotate(self, name: str, login: Login) -> None:
        (old,) = self._iam(OBSERVE, name).list_access_keys(UserName=name)["AccessKeyMetadata"]
        old_key, old_version = old["AccessKeyId"], self._current(name)
        version, new_key = self._create(name, login)
        self._move(name, "AWSCURRENT", MoveToVersionId=version, RemoveFromVersionId=old_version)
        assert login.accepted(*self._read(name, version, "AWSCURRENT"))

        self._look(name, old_key)
        self._iam(REVOKE, name).update_access_key(
            UserName=name, AccessKeyId=old_key, Status="Inactive"
        )
        assert self._current(name) == version
        self._refused_twice(name, old_version, login)

        self._look(name, old_key)
        self._iam(REVOKE, name).delete_access_key(UserName=name, AccessKeyId=old_key)
        assert self._current(name) == version
        self._refused_twice(name, old_version, login)
        self._move(name, "AWSPENDING", RemoveFromVersionId=version)
        (left,) = self._iam(OBSERVE, name).list_access_keys(UserName=name)["AccessKeyMetadata"]
        assert left["AccessKeyId"] == new_key

    def _create(self, name: str, login: Login) -> tuple[str, str]:
        key = self._iam(MINT, name).create_access_key(UserName=name)["AccessKey"]
        new = {"id": key["AccessKeyId"], "secret": key["SecretAccessKey"]}
        version = self._store(MINT, name).put_secret_value(
            SecretId=name,
            ClientRequestToken=secrets.token_hex(16),
            SecretString=json.dumps(new),
            VersionStages=["AWSPENDING"],
        )["VersionId"]
        pair = self._read(name, version, "AWSPENDING")
        assert all(login.accepted(*pair) for _ in range(3))
        assert not login.accepted(pair[0], "wrong")
        return version, new["id"]

    def _look(self, name: str, old_key: str) -> None:
        self._current(name)
        self._iam(OBSERVE, name).list_access_keys(UserName=name)
        self._iam(OBSERVE, name).get_access_key_last_used(AccessKeyId=old_key)

    def _refused_twice(self, name: str, old_version: str, login: Login) -> None:
        pair = self._read(name, old_version, "AWSPREVIOUS", PROVE)
        assert not any([login.accepted(*pair), login.accepted(*pair)])

    def _current(self, name: str) -> str:
        versions: dict[str, list[str]] = self._store(OBSERVE, name).describe_secret(SecretId=name)[
            "VersionIdsToStages"
        ]
        return next(version for version, labels in versions.items() if "AWSCURRENT" in labels)

    def _read(
        self, name: str, version: str, label: str, under: PermissionSet = VERIFY
    ) -> tuple[str, str]:
        given = self._store(under, name).get_secret_value(
            SecretId=name, VersionId=version, VersionStage=label
        )
        value = json.loads(given["SecretString"])
        return value["id"], value["secret"]

    def _move(self, name: str, label: str, **versions: str) -> None:
        self._store(PROMOTE, name).update_secret_version_stage(
            SecretId=name, VersionStage=label, **versions
        )


def _session() -> Any:
    return boto3.session.Session(
        aws_access_key_id=ADMIN.access_key_id, aws_secret_access_key=ADMIN.secret_access_key
    )
