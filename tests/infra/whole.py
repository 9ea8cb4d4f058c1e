"""One account with all of its services: strict AWS for what rotations touch, moto for the rest."""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import boto3
from moto.moto_api._internal import moto_api_backend
from moto.server import ThreadedMotoServer

from providers.aws.testing import ADMIN
from providers.aws.testing.server import StrictAws
from tests.infra.account import ACCOUNT

HOME = "eu-central-1"
REGIONS = (HOME, "eu-north-1", "eu-west-1", "us-east-1")

Things = dict[str, str]
"""What there is: a name that says which, and all that is told of it."""


@dataclass
class WholeAccount:
    """surroundings: a person's shell, whose credentials may do everything."""

    strict: StrictAws
    rest: str
    clients: dict[tuple[str, str], Any] = field(default_factory=dict)

    @property
    def surroundings(self) -> dict[str, str]:
        return {
            "AWS_ACCESS_KEY_ID": ADMIN.access_key_id,
            "AWS_SECRET_ACCESS_KEY": ADMIN.secret_access_key,
            "AWS_ENDPOINT_URL": self.rest,
            "AWS_EC2_METADATA_DISABLED": "true",
            **{
                f"AWS_ENDPOINT_URL_{service}": self.strict.endpoint
                for service in ("CLOUDTRAIL", "IAM", "STS", "SECRETS_MANAGER")
            },
        }

    def client(self, service: str, region: str = HOME) -> Any:
        strict = service in ("cloudtrail", "iam", "sts", "secretsmanager")
        if (service, region) not in self.clients:
            self.clients[service, region] = boto3.client(  # type: ignore[call-overload]
                service,
                region_name=region,
                endpoint_url=self.strict.endpoint if strict else self.rest,
                aws_access_key_id=ADMIN.access_key_id,
                aws_secret_access_key=ADMIN.secret_access_key,
            )
        return self.clients[service, region]

    def people(self, *roles: str) -> None:
        """Who exists beside the stack."""
        nobody = {"Version": "2012-10-17", "Statement": []}
        for name in roles:
            self.client("iam").create_role(
                RoleName=name, AssumeRolePolicyDocument=json.dumps(nobody)
            )

    def things(self) -> Things:
        """Everything that a stack can have made, as the services tell it."""
        found = [*self._iam()]
        for region in REGIONS:
            for look in (self._secrets, self._keys, self._rules, self._alarms, self._topics):
                found += [(f"{region} {name}", reply) for name, reply in look(region)]
        found += [*self._trails()]
        return {name: json.dumps(reply, sort_keys=True, default=str) for name, reply in found}

    def _iam(self) -> Iterator[tuple[str, Any]]:
        iam = self.client("iam")
        for each in _all(iam, "list_users", "Users"):
            name = each["UserName"]
            attached = iam.list_attached_user_policies(UserName=name)["AttachedPolicies"]
            yield each["Arn"], [iam.get_user(UserName=name)["User"], attached]
        for each in _all(iam, "list_roles", "Roles"):
            name = each["RoleName"]
            attached = iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]
            yield each["Arn"], [iam.get_role(RoleName=name)["Role"], attached]
        for each in _all(iam, "list_policies", "Policies", Scope="Local"):
            arn, version = each["Arn"], each["DefaultVersionId"]
            text = iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]
            yield arn, [text["Document"], iam.list_policy_tags(PolicyArn=arn)["Tags"]]

    def _secrets(self, region: str) -> Iterator[tuple[str, Any]]:
        store = self.client("secretsmanager", region)
        for each in _all(store, "list_secrets", "SecretList"):
            reply = store.describe_secret(SecretId=each["ARN"])
            del reply["ResponseMetadata"]
            policy = store.get_resource_policy(SecretId=each["ARN"]).get("ResourcePolicy")
            yield each["ARN"], [reply, policy]

    def _keys(self, region: str) -> Iterator[tuple[str, Any]]:
        kms = self.client("kms", region)
        for each in _all(kms, "list_keys", "Keys"):
            key = each["KeyId"]
            reply = kms.describe_key(KeyId=key)["KeyMetadata"]
            policy = kms.get_key_policy(KeyId=key, PolicyName="default")["Policy"]
            tags = kms.list_resource_tags(KeyId=key)["Tags"]
            yield f"{each['KeyArn']} {reply['Description']}", [reply["KeyState"], policy, tags]
        for each in _all(kms, "list_aliases", "Aliases"):
            if not each["AliasName"].startswith("alias/aws/"):
                yield each["AliasName"], each

    def _rules(self, region: str) -> Iterator[tuple[str, Any]]:
        events = self.client("events", region)
        for each in _all(events, "list_rules", "Rules"):
            targets = events.list_targets_by_rule(Rule=each["Name"])["Targets"]
            tags = events.list_tags_for_resource(ResourceARN=each["Arn"])["Tags"]
            yield each["Arn"], [each, targets, tags]

    def _alarms(self, region: str) -> Iterator[tuple[str, Any]]:
        metrics = self.client("cloudwatch", region)
        for each in _all(metrics, "describe_alarms", "MetricAlarms"):
            yield each["AlarmArn"], each

    def _topics(self, region: str) -> Iterator[tuple[str, Any]]:
        sns = self.client("sns", region)
        for each in _all(sns, "list_topics", "Topics"):
            arn = each["TopicArn"]
            reply = sns.get_topic_attributes(TopicArn=arn)["Attributes"]
            heard = sns.list_subscriptions_by_topic(TopicArn=arn)["Subscriptions"]
            yield arn, [reply, heard]

    def _trails(self) -> Iterator[tuple[str, Any]]:
        for region in REGIONS:
            trails = self.client("cloudtrail", region)
            for each in trails.describe_trails(includeShadowTrails=False)["trailList"]:
                logging_now = trails.get_trail_status(Name=each["TrailARN"])["IsLogging"]
                yield each["TrailARN"], [each, logging_now]
        s3 = self.client("s3")
        for each in s3.list_buckets()["Buckets"]:
            name = each["Name"]
            lock = s3.get_object_lock_configuration(Bucket=name)["ObjectLockConfiguration"]
            block = s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"]
            yield name, [s3.get_bucket_policy(Bucket=name)["Policy"], lock, block]


def _all(client: Any, call: str, what: str, **asked: str) -> list[Any]:
    pages = client.get_paginator(call).paginate(**asked)
    return [each for page in pages for each in page[what]]


@contextmanager
def opened() -> Iterator[WholeAccount]:
    """Empty, whatever was in the services before."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    moto_api_backend.reset()
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        with StrictAws(account=ACCOUNT) as strict:
            yield WholeAccount(strict, f"http://{host}:{port}")
    finally:
        server.stop()
