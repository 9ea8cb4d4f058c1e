"""What a configuration may say about AWS; checked without loading a client."""

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import ClassVar
from urllib.parse import urlsplit

from rotation import options
from rotation.types import PermissionSet, Traits, is_loopback, is_origin, require

# The label of a placeholder that shows, before a mint, that its bytes can be staged.
REHEARSAL = "ROTATION_REHEARSAL"

_ACCOUNT = re.compile(r"\d{12}")
_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-\d{1,2}")
_ROLE = re.compile(r"arn:aws[a-z-]*:iam::(?P<account>\d{12}):role/[\w+=,.@/-]{1,576}")
_EXTERNAL_ID = re.compile(r"[\w+=,.@:/-]{2,1224}")
_KEY = re.compile(r"arn:aws[a-z-]*:kms:[a-z0-9-]+:(?P<account>\d{12}):key/(mrk-)?[0-9a-f-]{1,64}")
_PATH = re.compile(r"/([\w+=,.@-]+/){0,8}", re.ASCII)
_PREFIX = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,19}")
_TOPIC = re.compile(
    r"arn:aws[a-z-]*:sns:(?P<region>[a-z0-9-]+):(?P<account>\d{12}):[\w-]{1,256}", re.ASCII
)
_TRAIL = re.compile(
    rf"arn:aws[a-z-]*:cloudtrail:{_REGION.pattern}:\d{{12}}:trail/[\w.-]{{3,128}}", re.ASCII
)
_USER = re.compile(r"[\w+=,.@-]{1,64}", re.ASCII)
_SECRET_NAME = re.compile(r"[A-Za-z0-9/_+=.@-]{1,512}")


@dataclass(frozen=True, kw_only=True)
class ConnectionOptions(options.ConnectionOptions):
    """One account in one region, and the way to it. Nothing is taken from the environment but the
    base credentials, where no profile is named."""

    # What may differ between two logins to the same place.
    LOGIN: ClassVar[frozenset[str]] = frozenset(
        {
            "profile",
            "credentials_file",
            "roles",
            "external_id",
            "sessions",
            "owner",
            "runner",
            "deployer",
            "was",
        }
    )

    account: str = field(metadata={"doc": "the 12 digits that the account must turn out to be"})
    region: str = field(metadata={"doc": "where the secrets live, e.g. eu-central-1"})
    profile: str | None = field(
        default=None, metadata={"doc": "profile of the base credentials; else the usual chain"}
    )
    credentials_file: str | None = field(
        default=None, metadata={"doc": "shared credentials file that holds the profile"}
    )
    roles: Mapping[str, str] = field(
        default_factory=dict,
        metadata={"doc": "permission set -> ARN of the role that its calls are made under"},
    )
    external_id: str | None = field(
        default=None, metadata={"doc": "external id that the roles' trust policies ask for"}
    )
    runner: str | None = field(
        default=None,
        metadata={"doc": "ARN of the base credentials' role or user; the alarms know it"},
    )
    deployer: str | None = field(
        default=None,
        metadata={"doc": "ARN of who runs `pulumi up`, of whom the alarms say nothing"},
    )
    sessions: str = field(
        default="narrow",
        metadata={
            "doc": "`narrow`: a session of a role for each secret or user at hand, of use for no "
            "other; `shared`: one for all of them"
        },
    )
    kms_key: str | None = field(
        default=None,
        metadata={"doc": "ARN of the customer managed key of its secrets; policies name it"},
    )
    was: str | None = field(
        default=None,
        metadata={
            "doc": "its first name, which a stack's things keep; with a rename, and for good"
        },
    )
    name_prefix: str = field(
        default="rotation",
        metadata={"doc": "what the names begin with that a stack makes; before the first `up`"},
    )
    iam_path: str | None = field(
        default=None,
        metadata={"doc": "path of roles and policies in IAM; else `/rotation/INSTALLATION/`"},
    )
    alarm_topics: tuple[str, ...] = field(
        default=(),
        metadata={"doc": "ARNs of topics that exist, one for each region, in place of the stack's"},
    )
    alarm_trail: str | None = field(
        default=None,
        metadata={
            "doc": "ARN of a CloudTrail that exists, an organisation's too, in place of the stack's"
        },
    )
    endpoint: str | None = field(
        default=None, metadata={"doc": "another endpoint; on this machine only (demo, tests)"}
    )
    ca_bundle: str | None = field(
        default=None, metadata={"doc": "file of the certificate authorities to trust instead"}
    )
    proxy: str | None = field(
        default=None, metadata={"doc": "URL of the proxy to go through, without a password"}
    )
    owner: str | None = field(
        default=None, metadata={"doc": "who answers for this login: a team, a ticket queue"}
    )
    settle_s: int = field(
        default=30, metadata={"doc": "how long IAM may need until a change holds everywhere"}
    )
    report_lag_s: int = field(
        default=14_400, metadata={"doc": "how late a key's last use may be reported"}
    )

    def __post_init__(self) -> None:
        require(_ACCOUNT.fullmatch(self.account), "account: twelve digits, quoted")
        require(_REGION.fullmatch(self.region), "region: a region's code, e.g. eu-central-1")
        require(self.settle_s >= 0, "settle_s: not negative")
        require(self.report_lag_s >= 0, "report_lag_s: not negative")
        if self.kms_key is not None:
            require(_KEY.fullmatch(self.kms_key), "kms_key: the ARN of a key, no alias")
        self._check_roles()
        self._check_names()
        self._check_urls()

    def _check_roles(self) -> None:
        sets = {str(name) for name in PermissionSet}
        for name, arn in self.roles.items():
            require(name in sets, f"roles: the sets are {', '.join(sorted(sets))}")
            role = _ROLE.fullmatch(arn)
            require(role, f"roles.{name}: the ARN of a role, without wildcards")
            require(
                role and role["account"] == self.account,
                f"roles.{name}: a role of another account",
            )
        if self.external_id is not None:
            require(_EXTERNAL_ID.fullmatch(self.external_id), "external_id: not a valid one")
            require(self.roles, "external_id: of no use without roles")
        require(self.sessions in {"narrow", "shared"}, "sessions: `narrow` or `shared`")

    def _check_names(self) -> None:
        require(
            _PREFIX.fullmatch(self.name_prefix),
            "name_prefix: letters, digits and hyphens, at most 20",
        )
        require(self.was is None or _USER.fullmatch(self.was), "was: the name of a connection")
        if self.iam_path is not None:
            require(_PATH.fullmatch(self.iam_path), "iam_path: begins and ends with a slash")
        topics = [_TOPIC.fullmatch(arn) for arn in self.alarm_topics]
        require(
            all(topic and topic["account"] == self.account for topic in topics),
            "alarm_topics: each is the ARN of a topic of the account",
        )
        regions = {topic["region"] for topic in topics if topic}
        require(len(regions) == len(topics), "alarm_topics: one for each region")
        require(
            self.alarm_trail is None or _TRAIL.fullmatch(self.alarm_trail),
            "alarm_trail: the ARN of a trail; of an organisation's, as its own account has it",
        )

    def _check_urls(self) -> None:
        if self.endpoint is not None:
            url = urlsplit(self.endpoint)
            require(
                is_origin(self.endpoint) and is_loopback(url.hostname or ""),
                "endpoint: http://HOST:PORT of this machine; AWS's own are found by region",
            )
        if self.proxy is not None:
            require(
                is_origin(self.proxy.removesuffix("/")),
                "proxy: http(s)://HOST:PORT, without a login",
            )


Connections = Mapping[str, ConnectionOptions]


def _connection(connections: Connections, name: str) -> ConnectionOptions:
    require(name in connections, "connection: no AWS connection of that name")
    return connections[name]


@dataclass(frozen=True, kw_only=True)
class AccessKeyOptions(options.IssuerOptions):
    """Access keys of one IAM user."""

    CONNECTIONS: ClassVar = ("aws",)
    FIELDS: ClassVar = ("access_key_id", "secret_access_key")
    PUBLIC: ClassVar = frozenset({"access_key_id"})
    ADVISED: ClassVar = (timedelta(days=90), "CIS AWS 1.14")
    TRAITS: ClassVar = Traits(
        origin="assigned",
        can_suspend=True,
        reports_usage=True,
        live_max=2,
        report_lag=timedelta(hours=4),
        failed_logins_safe=100,
        failed_logins_lock="nothing: AWS counts no failed signatures",
        survives="sessions that STS gave for it earlier, until they expire: up to 36 h",
    )

    connection: str = field(metadata={"doc": "name of an AWS connection"})
    user: str = field(metadata={"doc": "name of the IAM user, without its path"})
    path: str = field(
        default="/", metadata={"doc": "path of the IAM user; policies and `pulumi up` name it"}
    )

    def __post_init__(self) -> None:
        require(_USER.fullmatch(self.user), "user: an IAM user's name, no ARN, no wildcard")
        require(_PATH.fullmatch(self.path), "path: begins and ends with a slash, no wildcard")

    def identity(self, connections: Connections) -> str:
        """IAM compares names without regard to case, so the identity does too."""
        return f"aws-iam/{_connection(connections, self.connection).account}/{self.user.lower()}"

    def by_hand(self, handle_id: str, connections: Connections) -> str:
        """The command by which an operator switches that key off."""
        words = ["aws", "iam", "update-access-key", "--user-name", self.user]
        words += ["--access-key-id", handle_id, "--status", "Inactive"]
        if (connection := connections.get(self.connection)) is not None:
            words += ["--region", connection.region]
            words += ["--endpoint-url", connection.endpoint] if connection.endpoint else []
        return shlex.join(words)

    def audit_command(self, handle_id: str, connections: Connections) -> str:
        """The command that shows what that key was used for: 90 days, and one region at a time."""
        words = ["aws", "cloudtrail", "lookup-events", "--lookup-attributes"]
        words += [f"AttributeKey=AccessKeyId,AttributeValue={handle_id}"]
        if (connection := connections.get(self.connection)) is not None:
            words += ["--region", connection.region]
        return shlex.join(words)


@dataclass(frozen=True, kw_only=True)
class SecretsManagerOptions(options.StoreOptions):
    """One secret in Secrets Manager."""

    CONNECTIONS: ClassVar = ("aws",)
    # It keeps at most so many versions and removes none that is younger than a day: one in ten
    # minutes at most.
    VERSIONS_A_DAY: ClassVar = 100
    # Where the secret has its own key, an issuer's value is rehearsed with a version before the
    # mint.
    VERSIONS_A_ROTATION: ClassVar = 2

    connection: str = field(metadata={"doc": "name of an AWS connection"})
    name: str = field(metadata={"doc": "name of the secret, not its ARN"})
    replicas: tuple[str, ...] = field(
        default=(), metadata={"doc": "regions whose replica must hold the new version as well"}
    )

    def __post_init__(self) -> None:
        require(_SECRET_NAME.fullmatch(self.name), "name: a secret's name, no ARN, no wildcard")
        require(
            all(_REGION.fullmatch(region) for region in self.replicas), "replicas: regions' codes"
        )
        require(len(set(self.replicas)) == len(self.replicas), "replicas: a region twice")

    def home(self, connections: Connections) -> str:
        """Which store this is."""
        connection = _connection(connections, self.connection)
        return f"aws-secrets-manager/{connection.account}/{connection.region}"

    @property
    def location(self) -> str:
        """Where in that store."""
        return self.name


@dataclass(frozen=True, kw_only=True)
class StsOptions(options.ProbeOptions):
    """A login at AWS, which shows whose the credentials are."""

    CONNECTIONS: ClassVar = ("aws",)

    connection: str = field(metadata={"doc": "name of an AWS connection"})
