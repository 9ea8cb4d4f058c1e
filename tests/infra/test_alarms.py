"""`doctor --alarms` on what the program declares. EventBridge, SNS and CloudWatch are moto's: nothing
that a rotation does depends on them, so strict AWS has no rules for them."""

import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import boto3
import pytest
from click.testing import CliRunner
from moto.backends import get_backend
from moto.server import ThreadedMotoServer

from providers.aws.clients import AwsConnection
from providers.aws.resource_policies import policy_of_topic
from providers.aws.testing import ADMIN
from providers.aws.testing.server import StrictAws
from providers.aws.trails import MENDED, UNASKED
from providers.aws.watch import check
from rotation.cli.app import program
from rotation.config import load
from rotation.interfaces import AlarmFound
from rotation.permissions import compile  # noqa: A004
from rotation.runtime.clock import SystemClock
from tests.infra.account import as_file
from tests.infra.keys import KEYS
from tests.infra.settings import ACCOUNT, AWS, secret, written
from tests.infra.stack import KEY_ID, PREFIX, Cloud, Stack, up

HERE = "123456789012"  # moto's account
SETTINGS = {key: value.replace(ACCOUNT, HERE) for key, value in AWS.items()}
HOME, COPY, IAM = "eu-central-1", "eu-west-1", "us-east-1"


@dataclass
class Watched:
    """A stack that was applied, and a person who looks."""

    endpoint: str
    file: Path
    stack: Stack
    clients: dict[tuple[str, str], Any] = field(default_factory=dict)

    def client(self, service: str, region: str) -> Any:
        if (service, region) not in self.clients:
            self.clients[service, region] = boto3.client(
                service, region_name=region, endpoint_url=self.endpoint,
                aws_access_key_id=ADMIN.access_key_id,
                aws_secret_access_key=ADMIN.secret_access_key,
            )  # fmt: skip
        return self.clients[service, region]

    def apply(self) -> None:
        for kind, make in APPLIED.items():
            for each in self.stack.of(kind):
                make(self, each.inputs, each.inputs.get("region", HOME))

    def findings(self, expected: int) -> dict[str, list[str]]:
        """Alarm -> what is said of it."""
        words = ["-c", str(self.file), "doctor", "--alarms", "-o", "json"]
        done = CliRunner().invoke(program, words, catch_exceptions=False)
        assert done.exit_code == expected, done.output
        found: dict[str, list[str]] = {}
        for each in json.loads(done.output)["checks"]:
            found.setdefault(each["subject"], []).append(each["finding"])
        return found

    def wrong(self) -> dict[str, list[str]]:
        return {
            subject.removeprefix("alarm "): said
            for subject, said in self.findings(1).items()
            if not said[0].startswith("would reach")
        }


def _topic(watched: Watched, given: Any, region: str) -> None:
    key = given.get("kmsMasterKeyId")
    attributes = {"KmsMasterKeyId": key} if key else {}
    watched.client("sns", region).create_topic(Name=given["name"], Attributes=attributes)


def _policy(watched: Watched, given: Any, region: str) -> None:
    watched.client("sns", region).set_topic_attributes(
        TopicArn=given["arn"], AttributeName="Policy", AttributeValue=given["policy"]
    )


def _key(_: Watched, given: Any, region: str) -> None:
    """Under the id that the stack was told."""
    keys = get_backend("kms")[HERE][region]
    made = keys.create_key(given["policy"], "ENCRYPT_DECRYPT", "SYMMETRIC_DEFAULT", "", None)
    made.id = KEY_ID
    keys.keys[KEY_ID] = made


def _subscription(watched: Watched, given: Any, region: str) -> None:
    watched.client("sns", region).subscribe(
        TopicArn=given["topic"], Protocol=given["protocol"], Endpoint=given["endpoint"]
    )


def _rule(watched: Watched, given: Any, region: str) -> None:
    watched.client("events", region).put_rule(
        Name=given["name"], EventPattern=given["eventPattern"], State=given["state"]
    )


def _target(watched: Watched, given: Any, region: str) -> None:
    targets = [{"Id": "1", "Arn": given["arn"]}]
    watched.client("events", region).put_targets(Rule=given["rule"], Targets=targets)


def _metric(watched: Watched, given: Any, region: str) -> None:
    watched.client("cloudwatch", region).put_metric_alarm(
        AlarmName=given["name"], Namespace=given["namespace"], MetricName=given["metricName"],
        Statistic=given["statistic"], Period=int(given["period"]),
        EvaluationPeriods=int(given["evaluationPeriods"]), Threshold=given["threshold"],
        ComparisonOperator=given["comparisonOperator"],
        TreatMissingData=given["treatMissingData"], AlarmActions=given["alarmActions"],
    )  # fmt: skip


APPLIED: dict[str, Callable[[Watched, Any, str], None]] = {
    "Key": _key,
    "ReplicaKey": _key,
    "Topic": _topic,
    "TopicPolicy": _policy,
    "TopicSubscription": _subscription,
    "EventRule": _rule,
    "EventTarget": _target,
    "MetricAlarm": _metric,
}


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def options() -> str:
    """More of the connection."""
    return ""


@pytest.fixture
def watched(moto: str, tmp_path: Path, options: str) -> Iterator[Watched]:
    credentials = as_file(tmp_path, "credentials", KEYS)
    more = f", endpoint: {moto}, credentials_file: {credentials}{options}"
    file = written(tmp_path, secret(), account=HERE, more=more)
    stack = up(file, SETTINGS, Cloud(account=HERE))
    as_file(tmp_path, "rotation.infra.json", json.dumps(stack.outputs["bindings"]))
    yield Watched(moto, file, stack)
    for service in ("sns", "events", "cloudwatch", "kms"):
        get_backend(service).reset()


def test_without_a_stack_there_is_nothing_that_watches(watched: Watched, tmp_path: Path) -> None:
    (tmp_path / "rotation.infra.json").unlink()
    said = watched.findings(0)
    assert said == {"alarms of main": ["no stack set roles, so nothing watches them"]}


def test_before_up_each_alarm_is_missing(watched: Watched) -> None:
    wrong = watched.wrong()
    assert len(wrong) == 18
    for said in wrong.values():
        *firsts, last = [each.partition(" rotation-")[0].partition(" arn:")[0] for each in said]
        assert (
            firsts == ["there is no rule", "there is no topic", "there is no alarm"][: len(firsts)]
        )
        assert last in ("there is no topic", "there is no alarm")


def test_after_up_each_would_reach_somebody(watched: Watched) -> None:
    watched.apply()
    said = watched.findings(0)
    names = {subject.removeprefix("alarm ") for subject in said}
    assert names == {
        *(
            f"{name} of main in {IAM}"
            for name in ("key-made-elsewhere", "key-switched-on", "rights-changed")
        ),
        *(
            f"{name} of main in {region}"
            for name in ("runner-denied", "watch-changed")
            for region in (HOME, COPY, IAM)
        ),
        *(
            f"{name} of main in {region}"
            for name in ("pending-read", "version-moved", "mint-promotes", "secret-changed")
            for region in (HOME, COPY)
        ),
        f"runner-silent of main in {HOME}",
    }
    for [each] in said.values():
        assert each.startswith("would reach 1 that confirmed; to try it: ")


THEIRS = f"arn:aws:sns:{IAM}:{HERE}:theirs"


@pytest.mark.timeout(180)
@pytest.mark.parametrize("options", [f", name_prefix: acme, alarm_topics: ['{THEIRS}']"])
def test_a_topic_and_names_of_the_organisations(watched: Watched) -> None:
    watched.apply()
    sns = watched.client("sns", IAM)
    sns.create_topic(Name="theirs")
    sns.subscribe(TopicArn=THEIRS, Protocol="email", Endpoint="them@example.com")
    [unheard, *_] = watched.wrong()[f"rights-changed of main in {IAM}"]
    assert unheard.startswith(f"the policy of topic {THEIRS} does not let events.amazonaws.com")
    document = json.dumps(policy_of_topic(THEIRS, HERE, rules=True))
    sns.set_topic_attributes(TopicArn=THEIRS, AttributeName="Policy", AttributeValue=document)
    assert all(said[0].startswith("would reach") for said in watched.findings(0).values())


COMPANYS = f"arn:aws:cloudtrail:{HOME}:{HERE}:trail/company"


@pytest.fixture
def trails(moto: str) -> Iterator[Any]:
    """Of an account with a trail that is there before any stack, as its owner sees them."""
    made = Watched(moto, Path(), Stack([], [], {}))
    made.client("s3", IAM).create_bucket(Bucket="theirs")
    trails = made.client("cloudtrail", HOME)
    trails.create_trail(Name="company", S3BucketName="theirs", IsMultiRegionTrail=True)
    trails.start_logging(Name="company")
    trails.put_event_selectors(TrailName="company", EventSelectors=[{"ReadWriteType": "All"}])
    yield trails
    for service in ("cloudtrail", "s3"):
        get_backend(service).reset()


@pytest.mark.timeout(180)
@pytest.mark.parametrize("options", [f", alarm_trail: '{COMPANYS}'"])
def test_a_trail_of_the_organisations(trails: Any, watched: Watched) -> None:
    watched.apply()
    assert all(said[0].startswith("would reach") for said in watched.findings(0).values())
    trails.stop_logging(Name="company")
    assert watched.wrong() == {
        f"trail of main in {HOME}": [f"trail {COMPANYS} is stopped and logs nothing"]
    }
    trails.start_logging(Name="company")
    trails.update_trail(Name="company", IsMultiRegionTrail=False)
    assert watched.wrong() == {
        f"trail of main in {HOME}": [f"trail {COMPANYS} logs {HOME} alone, and not {COPY}, {IAM}"]
    }


@pytest.mark.timeout(180)
@pytest.mark.parametrize("options", [f", alarm_trail: '{COMPANYS}'"])
def test_what_leads_on_from_the_trail_is_its_owner(trails: Any, watched: Watched) -> None:
    watched.apply()
    trails.stop_logging(Name="company")
    [found] = [each for each in looked(watched) if each.wrong]
    assert (found.name, found.leads_on) == ("trail", MENDED)


@pytest.mark.timeout(180)
@pytest.mark.parametrize("options", [f", alarm_trail: '{COMPANYS}'"])
def test_a_trail_that_cannot_be_asked_hides_no_alarm(
    trails: Any, watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched.apply()
    with StrictAws(account=HERE) as aws:
        aws.control.gate.deny("cloudtrail:DescribeTrails")
        denying = aws.control.client("cloudtrail", region=HOME)
        ordinary = AwsConnection.own

        def own(self: AwsConnection, service: str, region: str) -> Any:
            return denying if service == "cloudtrail" else ordinary(self, service, region)

        monkeypatch.setattr(AwsConnection, "own", own)
        [wrong, *alarms] = looked(watched)
    assert wrong.wrong[0].startswith(f"trail {COMPANYS} could not be asked: ")
    assert wrong.leads_on == UNASKED
    assert len(alarms) == 18
    assert not [each for each in alarms if each.wrong]


def looked(watched: Watched) -> list[AlarmFound]:
    [scope] = compile(load(watched.file))
    looking = AwsConnection(scope.options, installation=scope.installation, clock=SystemClock())
    return list(check(scope, looking, drill=False))


RULE, TOPIC = f"{PREFIX}-pending-read", PREFIX
SUBJECT = f"pending-read of main in {COPY}"


def test_a_rule_that_somebody_changed(watched: Watched) -> None:
    watched.apply()
    events = watched.client("events", COPY)
    events.put_rule(Name=RULE, EventPattern='{"source": ["aws.iam"]}', State="ENABLED")
    assert watched.wrong()[SUBJECT] == [
        f"rule {RULE} is ENABLED; ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS hears its events",
        f"rule {RULE} listens for something else",
    ]
    events.disable_rule(Name=RULE)
    assert watched.wrong()[SUBJECT][0].startswith(f"rule {RULE} is DISABLED")
    events.remove_targets(Rule=RULE, Ids=["1"])
    assert f"rule {RULE} does not tell the topic" in watched.wrong()[SUBJECT]


def test_a_subscription_that_nobody_confirmed(watched: Watched) -> None:
    watched.apply()
    # moto confirms at once; AWS says this of one that waits for its click.
    for each in get_backend("sns")[HERE][COPY].subscriptions.values():
        each.arn = "PendingConfirmation"
    wrong = watched.wrong()
    assert all(subject.endswith(COPY) for subject in wrong)
    assert wrong[SUBJECT] == [
        f"nobody has confirmed a subscription of arn:aws:sns:{COPY}:{HERE}:{TOPIC}",
        f"nobody has confirmed a subscription of arn:aws:sns:{COPY}:{HERE}:{TOPIC}-undelivered",
    ]


UNMET = "without a condition, and EventBridge meets none"


def conditioned(policy: str) -> str:
    """As one writes it for every other service of AWS."""
    document = json.loads(policy)
    for each in document["Statement"]:
        each["Condition"] = {"StringEquals": {"aws:SourceAccount": HERE}}
    return json.dumps(document)


def test_a_topic_whose_policy_eventbridge_does_not_meet(watched: Watched) -> None:
    watched.apply()
    arn = f"arn:aws:sns:{COPY}:{HERE}:{TOPIC}"
    sns = watched.client("sns", COPY)
    policy = sns.get_topic_attributes(TopicArn=arn)["Attributes"]["Policy"]
    sns.set_topic_attributes(
        TopicArn=arn, AttributeName="Policy", AttributeValue=conditioned(policy)
    )
    assert watched.wrong()[SUBJECT] == [
        f"the policy of topic {arn} does not let events.amazonaws.com call sns:Publish {UNMET}"
    ]


def test_a_key_whose_policy_eventbridge_does_not_meet(watched: Watched) -> None:
    watched.apply()
    key = get_backend("kms")[HERE][COPY].keys[KEY_ID]
    key.policy = conditioned(key.policy)
    arn = f"arn:aws:kms:{COPY}:{HERE}:key/{KEY_ID}"
    assert watched.wrong()[SUBJECT] == [
        f"the policy of key {arn} does not let events.amazonaws.com call {action} {UNMET}"
        for action in ("kms:Decrypt", "kms:GenerateDataKey")
    ]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"TreatMissingData": "ignore"}, "takes missing data for something else than breaching"),
        ({"AlarmActions": []}, "does not tell the topic"),
        ({"ActionsEnabled": False}, "does not tell the topic"),
    ],
)
def test_an_alarm_on_silence_that_would_stay_silent(
    watched: Watched, change: dict[str, Any], said: str
) -> None:
    watched.apply()
    given = watched.stack.named("MetricAlarm", "main-runner-silent").inputs
    client = watched.client("cloudwatch", HOME)
    kept = {
        "AlarmName": given["name"], "Namespace": "AWS/Events", "MetricName": "MatchedEvents",
        "Statistic": "Sum", "Period": 86_400, "EvaluationPeriods": 1, "Threshold": 1,
        "ComparisonOperator": "LessThanThreshold", "TreatMissingData": "breaching",
        "AlarmActions": given["alarmActions"],
    }  # fmt: skip
    client.put_metric_alarm(**{**kept, **change})
    assert watched.wrong() == {
        f"runner-silent of main in {HOME}": [f"alarm {PREFIX}-runner-silent {said}"]
    }


def test_what_gives_no_answer_is_no_alarm_that_works(watched: Watched) -> None:
    with StrictAws(account=HERE) as aws:  # it has no EventBridge at all
        watched.file.write_text(watched.file.read_text().replace(watched.endpoint, aws.endpoint))
        [said] = watched.findings(9).values()
    assert said[0].startswith(f"events:DescribeRule on {PREFIX}-key-made-elsewhere was not")


def test_the_harmless_drill_is_a_denied_look_in_each_region(
    watched: Watched, tmp_path: Path
) -> None:
    """Everything but the drill is moto's."""
    watched.apply()
    [scope] = compile(load(watched.file))
    looking = AwsConnection(scope.options, installation=scope.installation, clock=SystemClock())
    with StrictAws(account=HERE) as aws:
        aws.control.gate.deny("secretsmanager:GetSecretValue")
        options = replace(scope.options, endpoint=aws.endpoint, roles={}, external_id=None)
        runner = AwsConnection(options, installation=scope.installation, clock=SystemClock())
        looking.secrets_manager = runner.secrets_manager  # type: ignore[method-assign]
        found = list(check(scope, looking, drill=True))
        calls = aws.control.oracle.calls("secretsmanager:*")
    assert {each.name for each in found if each.drilled} == {"runner-denied"}
    assert sorted(call["region"] for call in calls) == [HOME, COPY, IAM]
    assert {call["outcome"] for call in calls} == {"AccessDeniedException"}
