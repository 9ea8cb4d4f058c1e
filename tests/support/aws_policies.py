"""The policies of an installation in AWS, as `rotation policy aws` prints them."""

from typing import Any

from providers.aws.iam import IamRenderer
from providers.aws.options import AccessKeyOptions, ConnectionOptions, SecretsManagerOptions
from providers.aws.permissions import GRANTS
from rotation.interfaces import Need, Part, PolicyDocument, Scope

ACCOUNT = "111122223333"
INSTALLATION = "0f3a9c2b71de"
KEY = f"arn:aws:kms:eu-central-1:{ACCOUNT}:key/mrk-0123456789abcdef"
CONNECTION = ConnectionOptions(account=ACCOUNT, region="eu-central-1", kms_key=KEY)
HOME = f"arn:aws:secretsmanager:eu-central-1:{ACCOUNT}:secret:"


def parts(
    name: str,
    *,
    application: str = "billing",
    environment: str = "production",
    prefix: str = "prod/",
    path: str = "/rotated/",
    replicas: tuple[str, ...] = (),
) -> list[Part]:
    about: dict[str, Any] = {
        "secret": name, "identity": name, "stream": name,
        "application": application, "environment": environment,
    }  # fmt: skip
    user = AccessKeyOptions(connection="main", user=name, path=path)
    secret = SecretsManagerOptions(connection="main", name=prefix + name, replicas=replicas)
    return [
        Part(kind="issuers", type="aws-iam-access-key", options=user, **about),
        Part(kind="stores", type="aws-secrets-manager", options=secret, **about),
    ]


def scope(*secrets: list[Part], options: ConnectionOptions = CONNECTION, **more: Any) -> Scope:
    every = [part for secret in secrets for part in secret]
    return Scope(
        installation=INSTALLATION,
        connection="main",
        options=options,
        parts=tuple(every),
        needs=tuple(
            Need(under=under, part=part, grant=grant)
            for part in every
            for under, grants in GRANTS[part.type].items()
            for grant in grants
        ),
        **more,
    )


def rendered(given: Scope) -> dict[str, list[PolicyDocument]]:
    """By holder."""
    found: dict[str, list[PolicyDocument]] = {}
    for document in IamRenderer().documents(given):
        found.setdefault(document.holder, []).append(document)
    return found
