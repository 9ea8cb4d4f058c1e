"""Who watches the runner: a trail that nobody can shorten, and rules that alert people."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.aws_stores import Surroundings
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
from providers.aws.arns import partition, topics_of
from providers.aws.names import TOPIC_MAX, bucket_name, event_rule_name
from providers.aws.resource_policies import policy_of_bucket, policy_of_topic
from rotation.permissions.naming import place, require_length


@dataclass(frozen=True, kw_only=True)
class TrailArgs:
    context: Surroundings


class Trail(pulumi.ComponentResource):
    """Every management event of the account, validated, in a bucket that keeps it; nothing where a
    trail is there that the connection names. arn: of the one or the other."""

    def __init__(self, name: str, args: TrailArgs, opts: pulumi.ResourceOptions) -> None:
        super().__init__("rotation:aws:Trail", name, None, opts)
        there: str | None = args.context.scope.options.alarm_trail
        self.arn: pulumi.Input[str] = there or self._make(args.context).arn
        self.register_outputs({"arn": self.arn})

    def _make(self, context: Surroundings) -> aws.cloudtrail.Trail:
        name = context.scope.called(place(context.scope))
        bucket, ready = self._bucket(context, name)
        return aws.cloudtrail.Trail(
            name,
            name=name,
            s3_bucket_name=bucket,
            is_multi_region_trail=True,
            include_global_service_events=True,
            enable_log_file_validation=True,
            tags=context.own_tags,
            opts=pulumi.ResourceOptions(parent=self, protect=True, depends_on=ready),
        )

    def _bucket(
        self, context: Surroundings, name: str
    ) -> tuple[pulumi.Input[str], list[pulumi.Resource]]:
        """Its name, and what has to be there before something is written."""
        if context.settings.trail_bucket:
            return context.settings.trail_bucket, []
        options = context.scope.options
        called = bucket_name(context.scope)
        part = partition(options.region)
        trail_arn = own_trail(context.scope)
        bucket = aws.s3.Bucket(
            name,
            bucket=called,
            object_lock_enabled=True,
            force_destroy=False,
            tags=context.own_tags,
            opts=pulumi.ResourceOptions(parent=self, protect=True, retain_on_delete=True),
        )
        locks = self._locked(name, bucket, context.settings.trail_retention_days)
        policy = aws.s3.BucketPolicy(
            name,
            bucket=bucket.bucket,
            policy=json.dumps(policy_of_bucket(part, called, options.account, trail_arn)),
            opts=pulumi.ResourceOptions(parent=bucket, depends_on=locks),
        )
        return bucket.bucket, [policy]

    def _locked(self, name: str, bucket: aws.s3.Bucket, days: int) -> list[pulumi.Resource]:
        below = pulumi.ResourceOptions(parent=bucket)
        return [
            aws.s3.BucketVersioning(
                name,
                bucket=bucket.bucket,
                versioning_configuration=aws.s3.BucketVersioningVersioningConfigurationArgs(
                    status="Enabled"
                ),
                opts=below,
            ),
            aws.s3.BucketServerSideEncryptionConfiguration(
                name,
                bucket=bucket.bucket,
                rules=[
                    aws.s3.BucketServerSideEncryptionConfigurationRuleArgs(
                        apply_server_side_encryption_by_default=aws.s3.BucketServerSideEncryptionConfigurationRuleApplyServerSideEncryptionByDefaultArgs(
                            sse_algorithm="AES256"
                        )
                    )
                ],
                opts=below,
            ),
            aws.s3.BucketPublicAccessBlock(
                name,
                bucket=bucket.bucket,
                block_public_acls=True,
                block_public_policy=True,
                ignore_public_acls=True,
                restrict_public_buckets=True,
                opts=below,
            ),
            aws.s3.BucketObjectLockConfiguration(
                name,
                bucket=bucket.bucket,
                rule=aws.s3.BucketObjectLockConfigurationRuleArgs(
                    default_retention=aws.s3.BucketObjectLockConfigurationRuleDefaultRetentionArgs(
                        mode="COMPLIANCE", days=days
                    )
                ),
                opts=below,
            ),
        ]


@dataclass(frozen=True, kw_only=True)
class WatchArgs:
    """keys: by region, of the topics that are made; their policies let alarms through."""

    context: Surroundings
    keys: Mapping[str, pulumi.Input[str]]


class Watch(pulumi.ComponentResource):
    """A topic per region that has a rule, for a rule can only notify its own region."""

    def __init__(self, name: str, args: WatchArgs, opts: pulumi.ResourceOptions) -> None:
        super().__init__("rotation:aws:Watch", name, None, opts)
        context = args.context
        self._context, self._keys = context, args.keys
        self.topics: dict[str, pulumi.Input[str]] = dict(topics_of(context.scope.options))
        self._fallbacks: dict[str, aws.sns.Topic] = {}
        for alarm in alarms(context.scope):
            self._rule(alarm)
        if "observe" in context.roles:
            self._heartbeat()
        self.register_outputs({"topics": self.topics})

    def _rule(self, alarm: Alarm) -> None:
        scope = self._context.scope
        name = f"{place(scope)}-{alarm.name}-{alarm.region}"
        topic = self._topic(alarm.region)
        rule = aws.cloudwatch.EventRule(
            name,
            name=event_rule_name(scope, alarm.name),
            description=alarm.means,
            event_pattern=json.dumps(alarm.pattern),
            state=alarm.state,
            region=alarm.region,
            tags=self._context.own_tags,
            opts=pulumi.ResourceOptions(parent=self),
        )
        aws.cloudwatch.EventTarget(
            name,
            rule=rule.name,
            arn=topic,
            region=alarm.region,
            opts=pulumi.ResourceOptions(parent=rule),
        )
        for number, (arn, role) in enumerate(self._context.targets(alarm.region), 1):
            aws.cloudwatch.EventTarget(
                f"{name}-{number}",
                rule=rule.name,
                arn=arn,
                role_arn=role or None,
                region=alarm.region,
                opts=pulumi.ResourceOptions(parent=rule),
            )
        self._undelivered(name, alarm, rule)

    def _undelivered(self, name: str, alarm: Alarm, rule: aws.cloudwatch.EventRule) -> None:
        """An alarm that cannot be delivered goes another way."""
        aws.cloudwatch.MetricAlarm(
            f"{name}-undelivered",
            name=undelivered_name(self._context.scope, alarm.name),
            alarm_description=f"{alarm.name} fired and the topic did not take it",
            **FAILED,
            dimensions={"RuleName": rule.name},
            alarm_actions=[self._fallback(alarm.region).arn],
            region=alarm.region,
            tags=self._context.own_tags,
            opts=pulumi.ResourceOptions(parent=rule),
        )

    def _heartbeat(self) -> None:
        scope = self._context.scope
        region = scope.options.region
        rule = aws.cloudwatch.EventRule(
            f"{place(scope)}-{LOOKS}",
            name=event_rule_name(scope, LOOKS),
            description="every look of the runner; the alarm is on its silence",
            event_pattern=json.dumps(alive(self._context.roles)),
            state=EVERY_EVENT,
            region=region,
            tags=self._context.own_tags,
            opts=pulumi.ResourceOptions(parent=self),
        )
        aws.cloudwatch.MetricAlarm(
            f"{place(scope)}-{SILENT}",
            name=rule_name(scope, SILENT),
            alarm_description="the runner looked at no secret for a day: nothing is being rotated",
            **SILENCE,
            dimensions={"RuleName": rule.name},
            alarm_actions=[self._topic(region)],
            ok_actions=[self._topic(region)],
            region=region,
            tags=self._context.own_tags,
            opts=pulumi.ResourceOptions(parent=rule),
        )

    def _topic(self, region: str) -> pulumi.Input[str]:
        if region not in self.topics:
            scope = self._context.scope
            self.topics[region] = self._make_topic(
                region,
                f"{place(scope)}-{region}",
                topic_name(scope),
                key=self._keys[region],
            ).arn
        return self.topics[region]

    def _fallback(self, region: str) -> aws.sns.Topic:
        """In clear: a key that is gone must not silence it, and it only says which rule failed."""
        if region not in self._fallbacks:
            scope = self._context.scope
            self._fallbacks[region] = self._make_topic(
                region,
                f"{place(scope)}-{region}-undelivered",
                fallback_name(scope),
                key=None,
            )
        return self._fallbacks[region]

    def _make_topic(
        self, region: str, resource: str, name: str, *, key: pulumi.Input[str] | None
    ) -> aws.sns.Topic:  # fmt: skip
        account = self._context.scope.options.account
        topic = aws.sns.Topic(
            resource,
            name=require_length(name, TOPIC_MAX, "the topic"),
            kms_master_key_id=key,
            region=region,
            tags=self._context.own_tags,
            opts=pulumi.ResourceOptions(parent=self),
        )
        below = pulumi.ResourceOptions(parent=topic)
        aws.sns.TopicPolicy(
            resource,
            arn=topic.arn,
            policy=topic.arn.apply(
                lambda arn: json.dumps(policy_of_topic(arn, account, rules=key is not None))
            ),
            region=region,
            opts=below,
        )
        for email in self._context.settings.alarm_emails:
            aws.sns.TopicSubscription(
                f"{resource}-{email}",
                topic=topic.arn, protocol="email", endpoint=email, region=region, opts=below,
            )  # fmt: skip
        return topic
