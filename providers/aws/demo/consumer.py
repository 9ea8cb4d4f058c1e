"""`python -m providers.aws.demo.consumer`: an application. Its input is one JSON line that says where;
its output is a JSON line for each use. Ends when its input closes."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path

from botocore.credentials import ReadOnlyCredentials
from botocore.httpsession import URLLib3Session

from providers.aws.sts import CallerIdentity
from providers.aws.testing import StrictControl
from rotation.demo.application import Held, Read, Use, user_of_a_service, work


@dataclass(frozen=True, kw_only=True)
class Orders:
    """kind: aws | service. source: a secret's name, or a file. refresh_s: how often it is read."""

    name: str
    kind: str
    endpoint: str
    port: int
    secret: str
    file: str | None
    refresh_s: float


def main() -> None:
    """Use it until the input closes."""
    orders = Orders(**json.loads(sys.stdin.readline()))
    work(_reader(orders), _user(orders), orders.refresh_s)


def _reader(orders: Orders) -> Read:
    if orders.file is not None:
        path = Path(orders.file)
        return lambda: json.loads(path.read_text()) if path.exists() else None
    client = StrictControl(orders.endpoint).client("secretsmanager")

    def from_store() -> Held | None:
        try:
            answer = client.get_secret_value(SecretId=orders.secret)
        except client.exceptions.ResourceNotFoundException:
            return None
        held: Held = json.loads(answer["SecretString"])
        return held

    return from_store


def _user(orders: Orders) -> Use:
    if orders.kind == "aws":
        return _aws_user(orders)
    return user_of_a_service(orders.port, orders.name)


def _aws_user(orders: Orders) -> Use:
    sts = CallerIdentity(orders.endpoint, "eu-central-1", URLLib3Session(), "demo-consumer")

    def use(held: Held) -> tuple[bool, str]:
        key = ReadOnlyCredentials(held["AWS_ACCESS_KEY_ID"], held["AWS_SECRET_ACCESS_KEY"], None)
        return sts.ask(key).account is not None, held["AWS_ACCESS_KEY_ID"]

    return use


if __name__ == "__main__":
    main()
