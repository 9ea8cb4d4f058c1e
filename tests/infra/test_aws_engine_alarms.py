"""The rules, topics and keys that a real `up` left in an account: what rings, and whether anybody
hears it."""

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from providers.aws.testing.bus import hears
from providers.aws.testing.topics import ALARMS, EVENTS, publishes
from tests.infra.account import ACCOUNT
from tests.infra.aws_engine import MISSING
from tests.infra.engine import Engine
from tests.infra.settings import ACCOUNT as USUAL
from tests.infra.settings import AWS, listed, secret, written
from tests.infra.whole import REGIONS, WholeAccount, opened
from tests.providers.aws.trail import Event
from tests.support.aws_alarms import ATTACKS, DAYS
from tests.support.aws_policies import INSTALLATION

pytestmark = [
    pytest.mark.skipif(bool(MISSING), reason=MISSING),
    pytest.mark.timeout(900),
]

PREFIX = f"rotation-{INSTALLATION}-main-"


@dataclass(frozen=True)
class Rule:
    name: str
    region: str
    state: str
    pattern: dict[str, object]


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WholeAccount]:
    directory = tmp_path_factory.mktemp("alarms")
    (directory / "stack").mkdir(mode=0o700)
    with opened() as made:
        made.people("runner", "deployer", "billing", "on-call")
        file = written(directory, secret(name="billing"), account=ACCOUNT)
        file.write_text(file.read_text().replace("4b1d0c77e2a9", INSTALLATION))
        engine = Engine(directory / "stack", made.surroundings)
        given = json.loads(json.dumps(AWS).replace(USUAL, ACCOUNT))
        engine.begin(configuration=str(file), **listed(given))
        engine.up()
        yield made


@pytest.fixture(scope="module")
def rules(account: WholeAccount) -> list[Rule]:
    return [
        Rule(
            each["Name"].removeprefix(PREFIX),
            region,
            each["State"],
            json.loads(each["EventPattern"]),
        )
        for region in REGIONS
        for each in account.client("events", region).list_rules()["Rules"]
    ]


def rung(event: Event, rules: list[Rule]) -> set[str]:
    here = json.loads(json.dumps(event).replace(USUAL, ACCOUNT))
    return {
        each.name
        for each in rules
        if each.region == here["region"] and hears(each.pattern, each.state, here)
    } - {"runner-looks"}


def test_each_attack_rings(rules: list[Rule]) -> None:
    assert len(ATTACKS) > 25
    assert {name: rung(event, rules) for name, (_, event) in ATTACKS.items()} == {
        name: {alarm} for name, (alarm, _) in ATTACKS.items()
    }


def test_thirty_ordinary_days_do_not(rules: list[Rule]) -> None:
    chance = random.Random(1)  # noqa: S311 -- an ordinary month, again and again
    month = [event for _ in range(30) for day in DAYS for event in day(chance)]
    assert len(month) > 3_000
    assert [event for event in month if rung(event, rules)] == []


def test_what_rings_is_heard(account: WholeAccount) -> None:
    """By the policies that the topics and their keys have, as SNS and KMS decide."""
    reply = [*_of_rules(account), *_of_alarms(account)]
    assert len(reply) > 30
    for region, service, topic in reply:
        sns, kms = account.client("sns", region), account.client("kms", region)
        has = sns.get_topic_attributes(TopicArn=topic)["Attributes"]
        key = has.get("KmsMasterKeyId")
        text = key and kms.get_key_policy(KeyId=key, PolicyName="default")["Policy"]
        policy = json.loads(has["Policy"])
        assert publishes(service, topic, policy, json.loads(text) if text else None), topic
        heard = sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
        assert [each["Endpoint"] for each in heard] == ["on-call@example.com"]


def _of_rules(account: WholeAccount) -> Iterator[tuple[str, str, str]]:
    for region in REGIONS:
        events = account.client("events", region)
        for rule in events.list_rules()["Rules"]:
            for target in events.list_targets_by_rule(Rule=rule["Name"])["Targets"]:
                yield region, EVENTS, target["Arn"]


def _of_alarms(account: WholeAccount) -> Iterator[tuple[str, str, str]]:
    for region in REGIONS:
        for alarm in account.client("cloudwatch", region).describe_alarms()["MetricAlarms"]:
            for topic in {*alarm["AlarmActions"], *alarm["OKActions"]}:
                yield region, ALARMS, topic
