"""What watches the runner, as resources: a topic, rules and alarms per region, and the trail."""

from collections.abc import Iterator, Mapping
from typing import Any

from providers.aws import resource_policies
from providers.aws.alarms import (
    EVERY_EVENT,
    FAILED,
    LOOKS,
    SILENCE,
    SILENT,
    Alarm,
    alarms,
    alive,
    fallback_name,
    own_trail,
    rule_name,
    topic_name,
    undelivered_name,
)
from providers.aws.arns import moved, partition, topics_of
from providers.aws.names import TOPIC_MAX, bucket_name, event_rule_name
from providers.aws.stack import Stack
from rotation.permissions.naming import place, require_length
from rotation.permissions.resources import Document, Ref, Resource


class Watching:
    """key: the ARN of the key that encrypts the topics' messages. copies: of that key, by
    region."""

    def __init__(self, stack: Stack, key: str, copies: Mapping[str, tuple[str, str]]) -> None:
        self._stack, self._key, self._copies = stack, key, copies
        self._name = place(stack.scope)
        self._topics: dict[str, Resource] = {}
        self._there = topics_of(stack.scope.options)

    def resources(self) -> Iterator[Resource]:
        scope = self._stack.scope
        for alarm in alarms(scope):
            yield from self._topic(alarm.region, "", topic_name(scope))
            yield from self._topic(alarm.region, "-undelivered", fallback_name(scope))
            yield from self._rule(alarm)
        if "observe" in self._stack.roles:
            yield from self._topic(scope.options.region, "", topic_name(scope))
            yield from self._heartbeat()

    def _rule(self, alarm: Alarm) -> Iterator[Resource]:
        name = f"{self._name}-{alarm.name}-{alarm.region}"
        rule = self._event_rule(
            name, alarm.name, alarm.means, alarm.pattern, alarm.state, alarm.region
        )
        yield rule
        yield Resource(
            type="aws_cloudwatch_event_target",
            name=name,
            inputs={
                "rule": rule.ref("name"),
                "arn": self._destination(alarm.region),
                "region": alarm.region,
            },
        )
        for number, (arn, role) in enumerate(self._stack.targets(alarm.region), 1):
            yield Resource(
                type="aws_cloudwatch_event_target",
                name=f"{name}-{number}",
                inputs={
                    "rule": rule.ref("name"),
                    "arn": arn,
                    "role_arn": role or None,
                    "region": alarm.region,
                },
            )
        yield self._alarm(
            f"{name}-undelivered",
            undelivered_name(self._stack.scope, alarm.name),
            f"{alarm.name} fired and the topic did not take it",
            rule,
            {**FAILED, "alarm_actions": [self._topics[f"{alarm.region}-undelivered"].ref("arn")]},
        )

    def _destination(self, region: str) -> Ref | str:
        return self._there.get(region) or self._topics[region].ref("arn")

    def _heartbeat(self) -> Iterator[Resource]:
        region = self._stack.scope.options.region
        means = "every look of the runner; the alarm is on its silence"
        rule = self._event_rule(
            f"{self._name}-{LOOKS}", LOOKS, means, alive(self._stack.roles), EVERY_EVENT, region
        )
        yield rule
        destinations = [self._destination(region)]
        yield self._alarm(
            f"{self._name}-{SILENT}",
            rule_name(self._stack.scope, SILENT),
            "the runner looked at no secret for a day: nothing is being rotated",
            rule,
            {**SILENCE, "alarm_actions": destinations, "ok_actions": destinations},
        )

    def _event_rule(
        self, name: str, called: str, means: str, pattern: Any, state: str, region: str
    ) -> Resource:
        return Resource(
            type="aws_cloudwatch_event_rule",
            name=name,
            inputs={
                "name": event_rule_name(self._stack.scope, called),
                "description": means,
                "event_pattern": Document(
                    name=f"rule-{called}-{region}", kind="rule", holder="rule", content=pattern
                ),
                "state": state,
                "region": region,
                "tags": self._stack.own_tags,
            },
        )

    def _alarm(
        self, name: str, called: str, means: str, rule: Resource, inputs: dict[str, Any]
    ) -> Resource:
        return Resource(
            type="aws_cloudwatch_metric_alarm",
            name=name,
            inputs={
                "alarm_name": called,
                "alarm_description": means,
                **inputs,
                "dimensions": {"RuleName": rule.ref("name")},
                "region": rule.inputs["region"],
                "tags": self._stack.own_tags,
            },
        )

    def _topic(self, region: str, kind: str, called: str) -> Iterator[Resource]:
        """One in each region. The topic for what the other one did not accept is not encrypted."""
        place = f"{region}{kind}"
        if place in self._topics or (not kind and region in self._there):
            return
        options = self._stack.scope.options
        inputs: dict[str, Any] = {
            "name": require_length(called, TOPIC_MAX, "the topic"),
            "region": region,
            "tags": self._stack.own_tags,
        }
        if not kind:
            inputs["kms_master_key_id"] = moved(self._key, region)
        topic = Resource(
            type="aws_sns_topic",
            name=f"{self._name}-{place}",
            after=(self._copies[region],) if not kind and region in self._copies else (),
            inputs=inputs,
        )
        self._topics[place] = topic
        yield topic
        arn = f"arn:{partition(region)}:sns:{region}:{options.account}:{called}"
        yield Resource(
            type="aws_sns_topic_policy",
            name=topic.name,
            inputs={
                "arn": topic.ref("arn"),
                "policy": Document(
                    name=f"topic-{place}",
                    kind="topic policy",
                    holder="topic",
                    content=resource_policies.policy_of_topic(arn, options.account, rules=not kind),
                ),
                "region": region,
            },
        )
        yield from self._subscriptions(topic, region)

    def _subscriptions(self, topic: Resource, region: str) -> Iterator[Resource]:
        for email in self._stack.settings.alarm_emails:
            yield Resource(
                type="aws_sns_topic_subscription",
                name=f"{topic.name}-{email}",
                inputs={
                    "topic_arn": topic.ref("arn"),
                    "protocol": "email",
                    "endpoint": email,
                    "region": region,
                },
            )


def trail(stack: Stack) -> Iterator[Resource]:
    """Every management event of the account, validated, in a bucket that keeps it."""
    options, name = stack.scope.options, stack.scope.called(place(stack.scope))
    if stack.settings.trail_bucket:
        yield _trail(stack, name, stack.settings.trail_bucket, ())
        return
    bucket = Resource(
        type="aws_s3_bucket",
        name=name,
        kept=True,
        inputs={
            "bucket": bucket_name(stack.scope),
            "object_lock_enabled": True,
            "force_destroy": False,
            "tags": stack.own_tags,
        },
    )
    yield bucket
    locks = list(_locks(bucket, stack.settings.trail_retention_days))
    yield from locks
    part = partition(options.region)
    arn = own_trail(stack.scope)
    policy = Resource(
        type="aws_s3_bucket_policy",
        name=name,
        after=tuple((each.type, each.name) for each in locks),
        inputs={
            "bucket": bucket.ref("bucket"),
            "policy": Document(
                name="bucket",
                kind="bucket policy",
                holder="bucket",
                content=resource_policies.policy_of_bucket(
                    part, bucket.inputs["bucket"], options.account, arn
                ),
            ),
        },
    )
    yield policy
    yield _trail(stack, name, bucket.ref("bucket"), ((policy.type, policy.name),))


def _trail(
    stack: Stack, name: str, bucket: Ref | str, after: tuple[tuple[str, str], ...]
) -> Resource:
    return Resource(
        type="aws_cloudtrail",
        name=name,
        kept=True,
        after=after,
        inputs={
            "name": name,
            "s3_bucket_name": bucket,
            "is_multi_region_trail": True,
            "include_global_service_events": True,
            "enable_log_file_validation": True,
            "tags": stack.own_tags,
        },
    )


def _locks(bucket: Resource, days: int) -> Iterator[Resource]:
    kinds: dict[str, dict[str, Any]] = {
        "versioning": {"versioning_configuration": {"status": "Enabled"}},
        "server_side_encryption_configuration": {
            "rule": [{"apply_server_side_encryption_by_default": {"sse_algorithm": "AES256"}}]
        },
        "public_access_block": dict.fromkeys(
            (
                "block_public_acls",
                "block_public_policy",
                "ignore_public_acls",
                "restrict_public_buckets",
            ),
            True,
        ),
        "object_lock_configuration": {
            "rule": {"default_retention": {"mode": "COMPLIANCE", "days": days}}
        },
    }
    for kind, inputs in kinds.items():
        yield Resource(
            type=f"aws_s3_bucket_{kind}",
            name=bucket.name,
            inputs={"bucket": bucket.ref("bucket"), **inputs},
        )
