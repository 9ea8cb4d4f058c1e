"""IAM access keys and Secrets Manager, on strict AWS."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from botocore.credentials import ReadOnlyCredentials
from botocore.httpsession import URLLib3Session

from benchmarks.fleet import ACCOUNT, KEYS, OWNER, Clock, connection_options
from providers.aws.clients import AwsConnection
from providers.aws.iam_access_key import AccessKeyIssuer
from providers.aws.options import AccessKeyOptions, SecretsManagerOptions, StsOptions
from providers.aws.secrets_manager import SecretsManagerStore
from providers.aws.sts import CallerIdentity, StsProbe
from providers.aws.testing import StrictControl
from rotation.interfaces import Issuer, PluginContext, Probe, Store, Verifier
from tests.matrix.sides import INSTALLATION, Value


def connect(control: StrictControl, directory: Path, clock: Clock) -> AwsConnection:
    options = connection_options(control, directory)
    return AwsConnection(options, installation=INSTALLATION, clock=clock)


class AccessKeys:
    fields: Mapping[str, str] = KEYS
    public = AccessKeyOptions.PUBLIC
    verifiers: tuple[Verifier, ...] = ()

    def __init__(self, control: StrictControl, connection: AwsConnection) -> None:
        self._control = control
        self._iam = control.client("iam")
        self._sts = CallerIdentity(
            control.endpoint, control.region, URLLib3Session(), user_agent="application"
        )
        self.connections = {"aws": connection}
        self._user = ""

    @property
    def identity(self) -> str:
        return f"aws-iam/{ACCOUNT}/{self._user}"

    def begin(self, name: str) -> Value:
        self._user = name
        self._iam.create_user(UserName=name)
        key = self._iam.create_access_key(UserName=name)["AccessKey"]
        return {"id": key["AccessKeyId"], "secret": key["SecretAccessKey"]}

    def issuer(self, context: PluginContext) -> Issuer:
        return AccessKeyIssuer(AccessKeyOptions(connection="aws", user=self._user), context)

    def probe(self, context: PluginContext) -> Probe:
        return StsProbe(StsOptions(connection="aws"), context)

    def end(self, value: Value) -> None:
        self._iam.delete_access_key(UserName=self._user, AccessKeyId=value["id"])

    def lets_in(self, value: Value) -> bool:
        credentials = ReadOnlyCredentials(value["id"], value["secret"], None)
        return self._sts.ask(credentials).refusal is None

    def live(self) -> set[str]:
        return {key["AccessKeyId"] for key in self._control.oracle.keys(self._user)}

    def close(self) -> None:
        self._iam.close()


class SecretsManager:
    def __init__(self, control: StrictControl, connection: AwsConnection) -> None:
        self._client = control.client("secretsmanager")
        self.connections: Mapping[str, Any] = {"aws": connection}
        self._name = ""

    def begin(self, name: str, value: Value) -> None:
        self._name = name
        tags = [{"Key": key, "Value": text} for key, text in OWNER.items()]
        self._client.create_secret(Name=name, SecretString=json.dumps(value), Tags=tags)

    def store(self, context: PluginContext, identity: str) -> Store:
        return SecretsManagerStore(
            SecretsManagerOptions(connection="aws", name=self._name), context
        )

    def read(self) -> Value:
        value: Value = json.loads(
            self._client.get_secret_value(SecretId=self._name)["SecretString"]
        )
        return value

    def edit(self, added: Value) -> None:
        self.write({**self.read(), **added})

    def lose(self) -> None:
        self.write({"note": "all that the person left of it"})

    def write(self, value: Value) -> None:
        self._client.put_secret_value(SecretId=self._name, SecretString=json.dumps(value))

    def close(self) -> None:
        self._client.close()
