"""`python -m providers.aws.demo.consumer`: an application that reads Secrets Manager, or logs in to
AWS."""

from __future__ import annotations

import json

from botocore.credentials import ReadOnlyCredentials
from botocore.httpsession import URLLib3Session

from providers.aws.sts import CallerIdentity
from providers.aws.testing import StrictControl
from rotation.demo.application import Held, Orders, Read, Use, run


def _reader(orders: Orders) -> Read:
    client = StrictControl(orders.endpoint).client("secretsmanager")
    return lambda: json.loads(client.get_secret_value(SecretId=orders.source)["SecretString"])


def _user(orders: Orders) -> Use:
    sts = CallerIdentity(orders.endpoint, "eu-central-1", URLLib3Session(), "demo-consumer")

    def use(held: Held) -> tuple[bool, str]:
        key = ReadOnlyCredentials(held["AWS_ACCESS_KEY_ID"], held["AWS_SECRET_ACCESS_KEY"], None)
        return sts.ask(key).account is not None, held["AWS_ACCESS_KEY_ID"]

    return use


if __name__ == "__main__":
    run(_reader, _user)
