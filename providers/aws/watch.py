"""Whether the stack's alarms would reach somebody, as the services report it."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import cached_property
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from providers.aws.alarms import (
    DENIED,
    EVERY_EVENT,
    LOOKS,
    SILENT,
    alarms,
    alive,
    fallback_name,
    rule_name,
    topic_name,
    undelivered_name,
)
from providers.aws.arns import partition, region_of, topics_of
from providers.aws.errors import code_of, translated
from providers.aws.trails import MENDED, UNASKED, Answer, Trail
from rotation.errors import Denied, RotationError
from rotation.interfaces import AlarmFound, Scope
from rotation.types import PermissionSet

if TYPE_CHECKING:
    from providers.aws.clients import AwsConnection

ABSENT = frozenset({"NotFound", "NotFoundException", "ResourceNotFoundException"})

EVENTS, ALARMS = "events.amazonaws.com", "cloudwatch.amazonaws.com"


def check(scope: Scope, connection: "AwsConnection", *, drill: bool) -> Iterator[AlarmFound]:
    roles: Mapping[str, str] = connection.options.roles
    places: dict[str, _Place] = {}
    yield from _trail(scope, connection)
    for alarm in alarms(scope):
        here = places.setdefault(alarm.region, _Place(scope, connection, alarm.region))
        yield AlarmFound(
            name=alarm.name,
            region=alarm.region,
            wrong=(
                *here.wrong_rule(alarm.name, alarm.state, alarm.pattern, tells=True),
                *here.topic.wrong(),
                *here.wrong_metric(
                    undelivered_name(scope, alarm.name), "notBreaching", here.fallback
                ),
                *here.fallback.wrong(),
            ),
            listeners=here.topic.listeners or 0,
            drill=alarm.drill,
            drilled=drill and alarm.name == DENIED and _provoked(scope, connection, alarm.region),
        )
    if PermissionSet.OBSERVE in roles:
        home = places[scope.options.region]
        yield AlarmFound(
            name=SILENT,
            region=home.region,
            wrong=(
                *home.wrong_rule(LOOKS, EVERY_EVENT, alive(roles), tells=False),
                *home.topic.wrong(),
                *home.wrong_metric(rule_name(scope, SILENT), "breaching", home.topic),
            ),
            listeners=home.topic.listeners or 0,
            drill="stop the runner for a day",
        )


def _trail(scope: Scope, connection: "AwsConnection") -> Iterator[AlarmFound]:
    """What is wrong with a trail that the stack did not make, once for all alarms. They are checked
    even where CloudTrail does not answer."""
    arn = scope.options.alarm_trail
    if arn is None:
        return
    services = _Services(connection, region_of(arn))

    def ask(operation: str, **about: Any) -> Answer:
        return services.describe("cloudtrail", operation, of=arn, **about)

    try:
        wrong = tuple(Trail(arn, ask).wrong({each.region for each in alarms(scope)}))
        leads_on = MENDED
    except RotationError as error:
        wrong = (f"trail {arn} could not be asked: {error.message}",)
        leads_on = UNASKED
    if wrong:
        yield AlarmFound(
            name="trail",
            region=region_of(arn),
            wrong=wrong,
            listeners=0,
            drill="",
            leads_on=leads_on,
        )


class _Place:
    """What watches the runner in one region."""

    def __init__(self, scope: Scope, connection: "AwsConnection", region: str) -> None:
        self._scope, self.region = scope, region
        self._services = _Services(connection, region)
        own = topics_of(scope.options).get(region)
        self.topic = (
            _Topic(self._services, own, (EVENTS, ALARMS))
            if own
            else self._topic(topic_name(scope), (EVENTS, ALARMS))
        )
        self.fallback = self._topic(fallback_name(scope), (ALARMS,))

    def _topic(self, name: str, publishers: tuple[str, ...]) -> "_Topic":
        account = self._scope.options.account
        arn = f"arn:{partition(self.region)}:sns:{self.region}:{account}:{name}"
        return _Topic(self._services, arn, publishers)

    def wrong_rule(
        self, name: str, state: str, pattern: Mapping[str, Any], *, tells: bool
    ) -> Iterator[str]:
        full = rule_name(self._scope, name)
        rule = self._rule(full)
        if rule is None:
            yield f"there is no rule {full}"
            return
        if rule["State"] != state:
            yield f"rule {full} is {rule['State']}; {state} hears its events"
        if json.loads(rule.get("EventPattern", "{}")) != pattern:
            yield f"rule {full} listens for something else"
        if tells and self.topic.arn not in self._targets(full):
            yield f"rule {full} does not tell the topic"

    def wrong_metric(self, name: str, missing: str, topic: "_Topic") -> Iterator[str]:
        alarm = self._metrics.get(name)
        if alarm is None:
            yield f"there is no alarm {name}"
            return
        if alarm.get("TreatMissingData", "missing") != missing:
            yield f"alarm {name} takes missing data for something else than {missing}"
        if not alarm["ActionsEnabled"] or topic.arn not in alarm["AlarmActions"]:
            yield f"alarm {name} does not tell the topic"

    @cached_property
    def _metrics(self) -> Mapping[str, Mapping[str, Any]]:
        prefix = rule_name(self._scope, "")
        pages = self._services.asked("cloudwatch", "describe_alarms", AlarmNamePrefix=prefix) or ()
        return {each["AlarmName"]: each for page in pages for each in page["MetricAlarms"]}

    def _rule(self, name: str) -> Mapping[str, Any] | None:
        found: Sequence[Mapping[str, Any]] | None = self._services.asked(
            "events", "describe_rule", Name=name
        )
        return found[0] if found else None

    def _targets(self, rule: str) -> list[str]:
        pages = self._services.asked("events", "list_targets_by_rule", Rule=rule) or ()
        return [each["Arn"] for page in pages for each in page["Targets"]]


class _Topic:
    """A topic's subscribers, and whether its publishers may publish."""

    def __init__(self, services: "_Services", arn: str, publishers: tuple[str, ...]) -> None:
        self._services, self.arn, self._publishers = services, arn, publishers

    def wrong(self) -> Iterator[str]:
        if self.listeners is None:
            yield f"there is no topic {self.arn}"
            return
        if self.listeners == 0:
            yield f"nobody has confirmed a subscription of {self.arn}"
        yield from self._unheard

    @cached_property
    def listeners(self) -> int | None:
        """Confirmed subscriptions; None where there is no topic."""
        pages = self._services.asked("sns", "list_subscriptions_by_topic", TopicArn=self.arn)
        if pages is None:
            return None
        given = [each for page in pages for each in page["Subscriptions"]]
        return len([each for each in given if each["SubscriptionArn"].startswith("arn:")])

    @cached_property
    def _unheard(self) -> tuple[str, ...]:
        """Publishers that the topic's policy, or its key's, shuts out."""
        found = self._services.asked("sns", "get_topic_attributes", TopicArn=self.arn)
        kept: Mapping[str, str] = found[0]["Attributes"] if found else {}
        topic = f"the policy of topic {self.arn}"
        said = self._refused(kept.get("Policy"), topic, "sns:Publish")
        key = kept.get("KmsMasterKeyId")
        if key:
            read = self._services.asked("kms", "get_key_policy", KeyId=key, PolicyName="default")
            document = read[0]["Policy"] if read else None
            for action in ("kms:Decrypt", "kms:GenerateDataKey"):
                said += self._refused(document, f"the policy of key {key}", action)
        return said

    def _refused(self, document: str | None, what: str, action: str) -> tuple[str, ...]:
        statements = json.loads(document or "{}").get("Statement", [])
        return tuple(
            f"{what} does not let {service} call {action}"
            + (" without a condition, and EventBridge meets none" if service == EVENTS else "")
            for service in self._publishers
            if not any(_lets(each, service, action, self.arn) for each in statements)
        )


class _Services:
    """The services in one region."""

    def __init__(self, connection: "AwsConnection", region: str) -> None:
        self._connection, self._region = connection, region

    def asked(self, service: str, operation: str, **about: str) -> Sequence[Any] | None:
        """None where nothing has that name."""
        client = self._connection.own(service, self._region)
        with _translated(client, service, operation, next(iter(about.values()))):
            try:
                if client.can_paginate(operation):
                    return list(client.get_paginator(operation).paginate(**about))
                return [getattr(client, operation)(**about)]
            except ClientError as refusal:
                if code_of(refusal) in ABSENT:
                    return None
                raise

    def describe(self, service: str, operation: str, *, of: str, **about: Any) -> Answer:
        """The description of something that exists."""
        client = self._connection.own(service, self._region)
        with _translated(client, service, operation, of):
            answer: Answer = getattr(client, operation)(**about)
            return answer


def _translated(client: Any, service: str, operation: str, of: str) -> AbstractContextManager[None]:
    call = f"{service}:{client.meta.method_to_api_mapping[operation]}"
    return translated(call, of=of, repeatable=True)


def _lets(statement: Mapping[str, Any], service: str, action: str, topic: str) -> bool:
    """CloudWatch sends its account; any other condition counts as not met."""
    principal = statement["Principal"]
    condition = (
        {} if service == EVENTS else {"StringEquals": {"aws:SourceAccount": _account(topic)}}
    )
    return (
        statement["Effect"] == "Allow"
        and isinstance(principal, dict)
        and service in _listed(principal.get("Service", []))
        and action in _listed(statement.get("Action", []))
        and bool({"*", topic} & {*_listed(statement.get("Resource", []))})
        and statement.get("Condition", {}) in ({}, condition)
    )


def _account(arn: str) -> str:
    return arn.split(":")[4]


def _listed(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


def _provoked(scope: Scope, connection: "AwsConnection", region: str) -> bool:
    """Asks for a value that cannot exist, with the set that reads none."""
    name = f"rotation-drill-{scope.installation}"
    client = connection.secrets_manager(PermissionSet.OBSERVE, region=region)
    try:
        with translated("secretsmanager:GetSecretValue", of=name, repeatable=True):
            client.get_secret_value(SecretId=name)
    except Denied as denied:
        if denied.code != "aws.denied":
            raise
        return True
    except RotationError:
        return False
    return False
