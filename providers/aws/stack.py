"""The settings of one connection's stack, beside the configuration, and what follows from them."""

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from providers.aws.alarms import IAM_REGION, alarms, own_trail
from providers.aws.arns import partition, region_of, topics_of
from providers.aws.iam import APPLICATION, ENVIRONMENT, OWNER, regions_of
from providers.aws.names import role_arns
from providers.aws.options import ConnectionOptions
from rotation.interfaces import Part, PolicyDocument, Scope

STACK_TAG = "rotation:stack"

_PRINCIPAL = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:(role|user)/[\w+=,.@/-]{1,512}", re.ASCII)

_POLICY = re.compile(r"arn:aws[a-z-]*:iam::(aws|\d{12}):policy/[\w+=,.@/-]{1,512}", re.ASCII)

_TARGET = re.compile(
    r"arn:aws[a-z-]*:[a-z0-9-]+:[a-z0-9-]+:\d{12}:[^\s=*?]{1,512}"
    r"(=arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]{1,512})?",
    re.ASCII,
)

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")

# The length that EventBridge accepts.
PATTERN_MAX = 2048

HANDED_OVER = (
    "leave alarm_trail out; or, to hand that trail over, take it and what belongs to it out of the "
    "state first (`pulumi state delete --force URN` of each), and set `trail: false` beside it"
)

# The runner's own configuration has to name these too: the alarms must distinguish them from
# others.
_FOR_THE_RUNNER = ("runner", "deployer")


@dataclass(frozen=True, kw_only=True)
class AwsStackOptions:
    """The identities, and what an organisation has already. Every default is safe."""

    runner: str = field(
        default="", metadata={"doc": "ARN of the role or user that the runner runs as"}
    )
    deployer: str = field(
        default="", metadata={"doc": "ARN of who makes the stack; it may change the tags"}
    )
    operators: tuple[str, ...] = field(
        default=(), metadata={"doc": "ARNs of who may run `rotation create` and `rotation adopt`"}
    )
    emergency_users: tuple[str, ...] = field(
        default=(), metadata={"doc": "IAM users who may take the emergency role, with MFA"}
    )
    emergency_roles: tuple[str, ...] = field(
        default=(), metadata={"doc": "roles of a sign-in provider that may, with a source identity"}
    )
    readers: tuple[str, ...] = field(
        default=(), metadata={"doc": "APPLICATION=ARN of each role or user that reads its secrets"}
    )
    user_boundary: str = field(
        default="", metadata={"doc": "ARN of a boundary for the rotated users; ours allows nothing"}
    )
    role_boundary: str = field(
        default="", metadata={"doc": "ARN of a boundary for the runner's roles, in place of ours"}
    )
    tags: tuple[str, ...] = field(
        default=(), metadata={"doc": "KEY=VALUE of each tag, on everything that takes tags"}
    )
    alarms: bool = field(default=True, metadata={"doc": "make rules, alarms and topics"})
    alarm_emails: tuple[str, ...] = field(default=(), metadata={"doc": "who gets the alarms"})
    alarm_targets: tuple[str, ...] = field(
        default=(),
        metadata={"doc": "ARN or ARN=ROLE of what the rules of its region tell beside the topic"},
    )
    trail: bool = field(default=True, metadata={"doc": "make a CloudTrail and its bucket"})
    trail_bucket: str = field(
        default="", metadata={"doc": "name of a bucket that exists, which lets CloudTrail write"}
    )
    trail_retention_days: int = field(
        default=365, metadata={"doc": "how long a log file cannot be deleted by anybody"}
    )
    adopt: tuple[str, ...] = field(
        default=(), metadata={"doc": "ids of secrets that exist already"}
    )

    @property
    def reading(self) -> list[tuple[str, str]]:
        """Applications, each with the ARN of an identity that reads its secrets."""
        return [(name, arn) for name, _, arn in (each.partition("=") for each in self.readers)]

    @property
    def own_tags(self) -> dict[str, str]:
        return {key: value for key, _, value in (each.partition("=") for each in self.tags)}

    def mistakes(
        self, connections: Collection[ConnectionOptions], applications: Collection[str]
    ) -> Iterator[tuple[str, str]]:
        """The option and the rest of the sentence."""
        yield from self._no_principals({each.account for each in connections})
        for key, arn in (
            ("user_boundary", self.user_boundary),
            ("role_boundary", self.role_boundary),
        ):
            if arn and not _POLICY.fullmatch(arn):
                yield key, " has to be the ARN of a policy"
        for application, arn in self.reading:
            if not _PRINCIPAL.fullmatch(arn):
                yield "readers", ": each is APPLICATION=ARN of a role or user"
            elif application not in applications:
                yield "readers", f" names {application}, which has no secret"
        if not all(_TARGET.fullmatch(each) for each in self.alarm_targets):
            yield "alarm_targets", ": each is the ARN of a target, or ARN=ROLE with that of a role"
        makes_one = self.trail and any(each.alarm_trail is None for each in connections)
        if self.trail_bucket and not (makes_one and _BUCKET.fullmatch(self.trail_bucket)):
            yield "trail_bucket", " is the name of the bucket for the trail that the stack makes"
        if any(not _is_tag(name, value) for name, value in self.own_tags.items()):
            yield "tags", ": each is KEY=VALUE; keys with `rotation:` or `aws:` are taken"

    def _no_principals(self, accounts: Collection[str]) -> Iterator[tuple[str, str]]:
        for key, arn in self._principals():
            if not _PRINCIPAL.fullmatch(arn):
                yield key, " has to be the ARN of a role or user, without a wildcard"
            elif arn.split(":")[4] not in accounts:
                yield key, " is of an account that no connection of the configuration has"

    def missing(self) -> Iterator[tuple[str, str]]:
        """Options without a safe default."""
        for key, why in (
            ("runner", "who may take the runner's roles"),
            ("deployer", "who else may change the tags that permissions hang on"),
        ):
            if not getattr(self, key):
                yield key, f" is missing: {why}"
        if not (self.emergency_users or self.emergency_roles):
            why = (
                "who may take the emergency role, with MFA; or name roles of your sign-in provider"
            )
            yield "emergency_users", f" is missing: {why} as emergency roles"

    def _principals(self) -> Iterator[tuple[str, str]]:
        """Readers may be in other accounts."""
        for key, arns in (
            ("runner", (self.runner,)),
            ("deployer", (self.deployer,)),
            ("operators", self.operators),
            ("emergency_users", self.emergency_users),
            ("emergency_roles", self.emergency_roles),
        ):
            yield from ((key, arn) for arn in arns if arn)


def _is_tag(name: str, value: str) -> bool:
    return bool(name and value) and not name.lower().startswith(("aws:", "rotation:"))


@dataclass(frozen=True, kw_only=True)
class Stack:
    """What is made for one connection, as its parts need it. states: of the secrets. roles: their
    ARNs by permission set. stack: its owner, by which another stack recognises it."""

    scope: Scope
    settings: AwsStackOptions
    states: Mapping[str, str]
    roles: Mapping[str, str]
    stack: str

    @property
    def own_tags(self) -> dict[str, str]:
        """Tags of everything that is made."""
        owner = {OWNER: self.scope.installation, STACK_TAG: self.stack}
        return {**self.settings.own_tags, **owner}

    @property
    def watched(self) -> tuple[str, ...]:
        """Regions with rules: those of the secrets, and that of IAM's events."""
        return tuple(sorted({*regions_of(self.scope), IAM_REGION})) if self.settings.alarms else ()

    @property
    def key_copies(self) -> list[str]:
        """Further regions in which the stack's key is needed."""
        regions, there = regions_of(self.scope), topics_of(self.scope.options)
        topics = {each for each in self.watched if each not in there}
        return sorted({*regions, *topics} - {regions[0]})

    @property
    def kept(self) -> tuple[str, ...]:
        """Regions of secrets that are still alive: in others the copy of the key may go with the
        secret."""
        alive = tuple(part for part in self.scope.parts if self.is_alive(part))
        return regions_of(replace(self.scope, parts=alive))

    @property
    def makes_topics(self) -> bool:
        return any(region not in topics_of(self.scope.options) for region in self.watched)

    @property
    def makes_trail(self) -> bool:
        return self.settings.trail and self.scope.options.alarm_trail is None

    @property
    def logged(self) -> list[str]:
        """Regions whose events a trail has to deliver."""
        return sorted({*regions_of(self.scope), *self.watched})

    def targets(self, region: str) -> Iterator[tuple[str, str]]:
        """Further targets of the rules there: each with its ARN, and that of a role or nothing."""
        for each in self.settings.alarm_targets:
            arn, _, role = each.partition("=")
            if arn.split(":")[3] == region:
                yield arn, role

    def tags(self, part: Part) -> dict[str, str]:
        return {
            **self.own_tags,
            APPLICATION: part.application,
            ENVIRONMENT: part.environment,
            "rotation:id": part.secret,
        }

    def adopts(self, part: Part) -> bool:
        return part.secret in self.settings.adopt

    def readers_of(self, document: PolicyDocument) -> Iterator[str]:
        """The identities that get that document here; readers of other accounts get it in
        theirs."""
        here = f":{self.scope.options.account}:"
        held = {
            f"read-{part.application}-{part.environment}": part.application
            for part in self.scope.parts
        }
        for application, arn in self.settings.reading:
            if held.get(document.holder) == application and here in arn:
                yield arn

    def is_alive(self, part: Part) -> bool:
        return self.states[part.secret] != "retired"


def with_stack_settings(scope: Scope, settings: AwsStackOptions) -> Scope:
    """The scope with what the runner will know of the stack."""
    known = {name: getattr(settings, name) for name in _FOR_THE_RUNNER}
    return replace(scope, options=replace(scope.options, roles=role_arns(scope), **known))


def untagged(stack: Stack, remarks: Iterable[str]) -> Iterator[str]:
    """remarks: of the documents. Adopted resources keep their own tags."""
    adopted = sorted({part.secret for part in stack.scope.parts if stack.adopts(part)})
    if adopted and any(" tag" in remark for remark in remarks):
        shown = ", ".join(adopted[:5]) + (", ..." if len(adopted) > 5 else "")
        yield (
            f"{len(adopted)} adopted ({shown}): documents name resources by tag here, and what is "
            f"taken in is tagged by nobody; until its secrets and users have {APPLICATION} and "
            f"{ENVIRONMENT}, each call on them is denied"
        )


def relied_on(stack: Stack) -> Iterator[str]:
    """Resources of others that the stack relies on but cannot protect."""
    if trail := stack.scope.options.alarm_trail:
        yield (
            f"no trail and no bucket are made: {trail} has to log the read and write management "
            f"events of {', '.join(stack.logged)}, and how long they are kept is its owner's"
        )


def key_to_come(options: ConnectionOptions, what: str = "") -> str:
    """Stands for the ARN of a key that does not exist yet. It has the same length, so that
    documents are split in the same places."""
    filled = "1" if what else "0"
    region = options.region
    return f"arn:{partition(region)}:kms:{region}:{options.account}:key/mrk-{filled * 32}"


def _beyond(scope: Scope) -> Iterator[str]:
    """Resources of another partition cannot be used."""
    options = scope.options
    if trail := options.alarm_trail:
        named = {trail.split(":")[1], partition(region_of(trail))}
        if named != {partition(options.region)}:
            yield (
                f"connection {scope.connection}: alarm_trail is of another partition than its "
                f"region or than {options.region}: no rule there would hear of it"
            )


def _too_long(scope: Scope) -> Iterator[str]:
    """Once for an alarm, whatever its region."""
    long = {each.name for each in alarms(scope) if len(json.dumps(each.pattern)) > PATTERN_MAX}
    for name in sorted(long):
        yield (
            f"connection {scope.connection}: alarm {name} needs a pattern of more than "
            f"{PATTERN_MAX:,} characters, which EventBridge does not take: shorten the names that "
            "it is made of, of alarm_topics, alarm_trail, the prefix or the connection"
        )


def obstacles(scope: Scope, settings: AwsStackOptions) -> Iterator[str]:
    """Why this connection's stack cannot be made, whatever exists already."""
    roles = role_arns(scope)
    for under, arn in scope.options.roles.items():
        if roles.get(under) != arn:
            yield (
                f"connection {scope.connection} names a role of its own for {under}; leave `roles:` "
                "out, `bindings:` tells the runner those that this stack makes"
            )
    if settings.trail and scope.options.alarm_trail == own_trail(scope):
        yield (
            f"connection {scope.connection}: alarm_trail is the trail that this stack makes, which "
            f"it would delete: {HANDED_OVER}"
        )
    yield from _beyond(scope)
    if settings.alarms:
        yield from _too_long(with_stack_settings(scope, settings))
    watched = {*regions_of(scope), IAM_REGION} if settings.alarms else set()
    beyond = sorted(topics_of(scope.options).keys() - watched)
    if beyond:
        yield (
            f"connection {scope.connection}: alarm_topics has a topic in {beyond[0]}, where this "
            "stack makes no alarm"
        )
    region = scope.options.region
    if settings.alarms and partition(region) != partition(IAM_REGION):
        yield (
            f"connection {scope.connection}: in {region} nothing of {IAM_REGION} can be "
            "reached, where the alarms on IAM would be: alarms: false"
        )
