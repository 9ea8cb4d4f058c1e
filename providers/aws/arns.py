"""Names as IAM writes them: exact where they are known, else as close as a name allows."""

from collections.abc import Iterable, Mapping
from os.path import commonprefix

from providers.aws.options import AccessKeyOptions, ConnectionOptions, SecretsManagerOptions
from rotation.interfaces import Scope

# What Secrets Manager appends to a name when it creates the secret: exactly six characters.
SUFFIX = "-??????"

_PARTITIONS = {"cn": "aws-cn", "us-gov": "aws-us-gov"}


def partition(region: str) -> str:
    return next((name for start, name in _PARTITIONS.items() if region.startswith(start)), "aws")


def account_arn(options: ConnectionOptions, kind: str) -> str:
    """IAM is global, so its ARNs have no region. kind: `user/rotated/billing`."""
    return f"arn:{partition(options.region)}:iam::{options.account}:{kind}"


def path(scope: Scope) -> str:
    """The IAM path of the roles and policies that are made."""
    own: str | None = scope.options.iam_path
    return own or f"/rotation/{scope.installation}/"


def topics_of(options: ConnectionOptions) -> dict[str, str]:
    """The topics that exist already, by region."""
    return {region_of(arn): arn for arn in options.alarm_topics}


def region_of(arn: str) -> str:
    return arn.split(":")[3]


def user_arn(options: ConnectionOptions, user: AccessKeyOptions) -> str:
    return account_arn(options, f"user{user.path}{user.user}")


def secret_arns(
    options: ConnectionOptions,
    secret: SecretsManagerOptions,
    known: Mapping[str, str],
    *,
    replicas: bool,
) -> tuple[str, ...]:
    """The secret's ARNs: in its own region and, where asked, in those that it is replicated to."""
    home = known.get(secret.name, _in(options, f"{secret.name}{SUFFIX}"))
    others = secret.replicas if replicas else ()
    return (home, *(moved(home, region) for region in others))


def key_arns(options: ConnectionOptions, regions: Iterable[str]) -> tuple[str, ...]:
    """A multi-region key has the same id everywhere; any other key has no copies."""
    key = options.kms_key
    if key is None:
        return ()
    if ":key/mrk-" not in key:
        return (key,)
    return (key, *(moved(key, region) for region in regions))


def key_arn(options: ConnectionOptions, region: str, key: str) -> str:
    """The ARN of a key that is given by its ARN or its id alone: a secret keeps the form that it
    was given."""
    if key.startswith("arn:"):
        return key
    return f"arn:{partition(region)}:kms:{region}:{options.account}:key/{key}"


def moved(arn: str, region: str) -> str:
    """The same name in another region."""
    parts = arn.split(":", 4)
    parts[3] = region
    return ":".join(parts)


def users_below(options: ConnectionOptions, users: Iterable[AccessKeyOptions]) -> str:
    """The users' common path; all users of the account where there is none."""
    path = directory(user.path + user.user for user in users)
    return account_arn(options, f"user{path}*")


def secrets_below(
    options: ConnectionOptions, secrets: Iterable[SecretsManagerOptions], *, replicas: bool
) -> tuple[str, ...]:
    """The secrets' common path, in each region; all secrets there where they have none."""
    secrets = tuple(secrets)
    home = _in(options, f"{directory(secret.name for secret in secrets)}*")
    others = sorted({region for secret in secrets for region in secret.replicas})
    return (home, *(moved(home, region) for region in others if replicas))


def _in(options: ConnectionOptions, name: str) -> str:
    region = options.region
    return f"arn:{partition(region)}:secretsmanager:{region}:{options.account}:secret:{name}"


def directory(names: Iterable[str]) -> str:
    common = commonprefix(sorted(names))  # noqa: RUF071 -- cut at a slash right after
    return common[: common.rfind("/") + 1]
