"""Whether the alarms of the stack would reach somebody: asked of the services, not of the stack."""

import json
from collections.abc import Iterator, Mapping, Sequence
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
    rule_name,
    topic_name,
    undelivered_name,
)
from providers.aws.arns import partition
from providers.aws.errors import code_of, translated
from providers.aws.iam import regions_of
from rotation.errors import Denied, RotationError
from rotation.interfaces import AlarmFound, Scope
from rotation.types import PermissionSet

if TYPE_CHECKING:
    from providers.aws.clients import AwsConnection

ABSENT = frozenset({"NotFound", "ResourceNotFoundException"})


def check(scope: Scope, connection: "AwsConnection", *, drill: bool) -> Iterator[AlarmFound]:
    roles: Mapping[str, str] = connection.options.roles
    places: dict[str, _Place] = {}
    for alarm in alarms(roles, regions_of(scope)) if roles else ():
        here = places.setdefault(alarm.region, _Place(scope, connection, alarm.region))
        yield AlarmFound(
            name=alarm.name,
            region=alarm.region,
            wrong=(
                *here.wrong_rule(alarm.name, alarm.state, alarm.pattern, tells=True),
                *here.wrong_topic(),
                *here.wrong_metric(undelivered_name(scope.connection, alarm.name), "notBreaching"),
            ),
            listeners=here.listeners or 0,
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
                *home.wrong_topic(),
                *home.wrong_metric(rule_name(scope.connection, SILENT), "breaching"),
            ),
            listeners=home.listeners or 0,
            drill="stop the runner for a day",
        )


class _Place:
    """What watches the runner in one region."""

    def __init__(self, scope: Scope, connection: "AwsConnection", region: str) -> None:
        self._scope, self._connection, self.region = scope, connection, region
        self._topic = (
            f"arn:{partition(region)}:sns:{region}:{scope.options.account}"
            f":{topic_name(scope.installation, scope.connection)}"
        )

    def wrong_rule(
        self, name: str, state: str, pattern: Mapping[str, Any], *, tells: bool
    ) -> Iterator[str]:
        full = rule_name(self._scope.connection, name)
        rule = self._rule(full)
        if rule is None:
            yield f"there is no rule {full}"
            return
        if rule["State"] != state:
            yield f"rule {full} is {rule['State']}; {state} hears its events"
        if json.loads(rule.get("EventPattern", "{}")) != pattern:
            yield f"rule {full} listens for something else"
        if tells and self._topic not in self._targets(full):
            yield f"rule {full} does not tell the topic"

    def wrong_topic(self) -> Iterator[str]:
        if self.listeners is None:
            yield f"there is no topic {self._topic}"
        elif self.listeners == 0:
            yield f"nobody has confirmed a subscription of {self._topic}"

    def wrong_metric(self, name: str, missing: str) -> Iterator[str]:
        alarm = self._metrics.get(name)
        if alarm is None:
            yield f"there is no alarm {name}"
            return
        if alarm.get("TreatMissingData", "missing") != missing:
            yield f"alarm {name} takes missing data for something else than {missing}"
        if not alarm["ActionsEnabled"] or self._topic not in alarm["AlarmActions"]:
            yield f"alarm {name} does not tell the topic"

    @cached_property
    def listeners(self) -> int | None:
        """Those that confirmed; None where there is no topic."""
        pages = self._asked("sns", "list_subscriptions_by_topic", TopicArn=self._topic)
        if pages is None:
            return None
        given = [each for page in pages for each in page["Subscriptions"]]
        return len([each for each in given if each["SubscriptionArn"].startswith("arn:")])

    @cached_property
    def _metrics(self) -> Mapping[str, Mapping[str, Any]]:
        prefix = rule_name(self._scope.connection, "")
        pages = self._asked("cloudwatch", "describe_alarms", AlarmNamePrefix=prefix) or ()
        return {each["AlarmName"]: each for page in pages for each in page["MetricAlarms"]}

    def _rule(self, name: str) -> Mapping[str, Any] | None:
        found: Sequence[Mapping[str, Any]] | None = self._asked(
            "events", "describe_rule", Name=name
        )
        return found[0] if found else None

    def _targets(self, rule: str) -> list[str]:
        pages = self._asked("events", "list_targets_by_rule", Rule=rule) or ()
        return [each["Arn"] for page in pages for each in page["Targets"]]

    def _asked(self, service: str, operation: str, **about: str) -> Sequence[Any] | None:
        """None where there is nothing of that name."""
        client = self._connection.own(service, self.region)
        call = f"{service}:{client.meta.method_to_api_mapping[operation]}"
        with translated(call, of=next(iter(about.values())), repeatable=True):
            try:
                if client.can_paginate(operation):
                    return list(client.get_paginator(operation).paginate(**about))
                return [getattr(client, operation)(**about)]
            except ClientError as refusal:
                if code_of(refusal) in ABSENT:
                    return None
                raise


def _provoked(scope: Scope, connection: "AwsConnection", region: str) -> bool:
    """A value that cannot exist, asked for by the set that reads none."""
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
