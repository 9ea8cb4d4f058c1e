"""Rules, alarms, topics, and the trail with its bucket."""

import json
from typing import Any

from providers.aws.testing.bus import assert_taken
from tests.infra.provider.kind import Clients, Given, Kind, Made, gone, pairs, put

TARGET = "rotation"


def _put_rule(aws: Clients, given: Given) -> Made:
    assert_taken(json.loads(given["eventPattern"]))
    made = aws("events", given).put_rule(
        Name=given["name"], EventPattern=given["eventPattern"], State=given["state"],
        Description=given["description"], Tags=pairs(given),
    )  # fmt: skip
    return given["name"], {"arn": made["RuleArn"]}


def _look_at_rule(aws: Clients, name: str, state: Given) -> dict[str, Any]:
    rule = aws("events", state).describe_rule(Name=name)
    return {"eventPattern": rule["EventPattern"], "state": rule["State"]}


def _put_target(aws: Clients, given: Given) -> Made:
    aws("events", given).put_targets(
        Rule=given["rule"], Targets=[{"Id": TARGET, "Arn": given["arn"]}]
    )
    return f"{given['rule']}-{TARGET}", {}


def _put_alarm(aws: Clients, given: Given) -> Made:
    aws("cloudwatch", given).put_metric_alarm(
        AlarmName=given["name"], AlarmDescription=given["alarmDescription"],
        Namespace=given["namespace"], MetricName=given["metricName"],
        Dimensions=[{"Name": k, "Value": v} for k, v in given["dimensions"].items()],
        Statistic=given["statistic"], Period=int(given["period"]),
        EvaluationPeriods=int(given["evaluationPeriods"]), Threshold=given["threshold"],
        ComparisonOperator=given["comparisonOperator"],
        TreatMissingData=given["treatMissingData"], AlarmActions=given["alarmActions"],
        OKActions=given.get("okActions", []), Tags=pairs(given),
    )  # fmt: skip
    region = given.get("region", aws.home)
    return given["name"], {"arn": f"arn:aws:cloudwatch:{region}:alarm:{given['name']}"}


def _make_topic(aws: Clients, given: Given) -> Made:
    made = aws("sns", given).create_topic(
        Name=given["name"], Tags=pairs(given), Attributes=_topic_attributes(given)
    )
    return made["TopicArn"], {"arn": made["TopicArn"]}


def _topic_attributes(given: Given) -> dict[str, str]:
    key = given.get("kmsMasterKeyId")
    return {"KmsMasterKeyId": key} if key else {}


def _look_at_topic(aws: Clients, arn: str, state: Given) -> dict[str, Any]:
    aws("sns", state).get_topic_attributes(TopicArn=arn)
    return {}


def _change_topic(aws: Clients, arn: str, old: Given, new: Given) -> None:
    sns = aws("sns", new)
    sns.set_topic_attributes(
        TopicArn=arn, AttributeName="KmsMasterKeyId", AttributeValue=new.get("kmsMasterKeyId", "")
    )
    sns.tag_resource(ResourceArn=arn, Tags=pairs(new))
    if left := gone(old, new):
        sns.untag_resource(ResourceArn=arn, TagKeys=left)


def _put_topic_policy(aws: Clients, given: Given) -> Made:
    aws("sns", given).set_topic_attributes(
        TopicArn=given["arn"], AttributeName="Policy", AttributeValue=given["policy"]
    )
    return given["arn"], {}


def _subscribe(aws: Clients, given: Given) -> Made:
    made = aws("sns", given).subscribe(
        TopicArn=given["topic"], Protocol=given["protocol"], Endpoint=given["endpoint"],
        ReturnSubscriptionArn=True,
    )  # fmt: skip
    return made["SubscriptionArn"], {"arn": made["SubscriptionArn"]}


def _make_bucket(aws: Clients, given: Given) -> Made:
    s3 = aws("s3")
    s3.create_bucket(
        Bucket=given["bucket"], ObjectLockEnabledForBucket=given["objectLockEnabled"],
        CreateBucketConfiguration={"LocationConstraint": aws.home},
    )  # fmt: skip
    s3.put_bucket_tagging(Bucket=given["bucket"], Tagging={"TagSet": pairs(given)})
    return given["bucket"], {"arn": f"arn:aws:s3:::{given['bucket']}"}


def _look_at_bucket(aws: Clients, name: str, _: Given) -> dict[str, Any]:
    aws("s3").head_bucket(Bucket=name)
    return {}


def _put_bucket_policy(aws: Clients, given: Given) -> Made:
    aws("s3").put_bucket_policy(Bucket=given["bucket"], Policy=given["policy"])
    return given["bucket"], {}


def _put_versioning(aws: Clients, given: Given) -> Made:
    aws("s3").put_bucket_versioning(
        Bucket=given["bucket"],
        VersioningConfiguration={"Status": given["versioningConfiguration"]["status"]},
    )
    return given["bucket"], {}


def _put_encryption(aws: Clients, given: Given) -> Made:
    [rule] = given["rules"]
    usual = {"SSEAlgorithm": rule["applyServerSideEncryptionByDefault"]["sseAlgorithm"]}
    aws("s3").put_bucket_encryption(
        Bucket=given["bucket"],
        ServerSideEncryptionConfiguration={
            "Rules": [{"ApplyServerSideEncryptionByDefault": usual}]
        },
    )
    return given["bucket"], {}


def _put_public_block(aws: Clients, given: Given) -> Made:
    names = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
    aws("s3").put_public_access_block(
        Bucket=given["bucket"],
        PublicAccessBlockConfiguration={name[0].upper() + name[1:]: given[name] for name in names},
    )
    return given["bucket"], {}


def _put_lock(aws: Clients, given: Given) -> Made:
    kept = given["rule"]["defaultRetention"]
    rule = {"DefaultRetention": {"Mode": kept["mode"], "Days": int(kept["days"])}}
    aws("s3").put_object_lock_configuration(
        Bucket=given["bucket"],
        ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": rule},
    )
    return given["bucket"], {}


def _make_trail(aws: Clients, given: Given) -> Made:
    cloudtrail = aws("cloudtrail")
    made = cloudtrail.create_trail(**_trail(given), TagsList=pairs(given))
    cloudtrail.start_logging(Name=given["name"])
    return given["name"], {"arn": made["TrailARN"]}


def _trail(given: Given) -> dict[str, Any]:
    return {
        "Name": given["name"],
        "S3BucketName": given["s3BucketName"],
        "IsMultiRegionTrail": given["isMultiRegionTrail"],
        "IncludeGlobalServiceEvents": given["includeGlobalServiceEvents"],
        "EnableLogFileValidation": given["enableLogFileValidation"],
    }


def _look_at_trail(aws: Clients, name: str, _: Given) -> dict[str, Any]:
    aws("cloudtrail").get_trail(Name=name)
    return {}


def _nothing(_aws: Clients, _id: str, _state: Given) -> None:
    """It goes with the bucket."""


KINDS = {
    "aws:cloudwatch/eventRule:EventRule": put(
        _put_rule,
        lambda aws, name, state: aws("events", state).delete_rule(Name=name),
        "name region",
        _look_at_rule,
    ),
    "aws:cloudwatch/eventTarget:EventTarget": put(
        _put_target,
        lambda aws, _, state: aws("events", state).remove_targets(Rule=state["rule"], Ids=[TARGET]),
        "rule region",
    ),
    "aws:cloudwatch/metricAlarm:MetricAlarm": put(
        _put_alarm,
        lambda aws, name, state: aws("cloudwatch", state).delete_alarms(AlarmNames=[name]),
        "name region",
    ),
    "aws:sns/topic:Topic": Kind(
        make=_make_topic,
        look=_look_at_topic,
        change=_change_topic,
        remove=lambda aws, arn, state: aws("sns", state).delete_topic(TopicArn=arn),
        replaced_by="name region",
    ),
    "aws:sns/topicPolicy:TopicPolicy": put(_put_topic_policy, _nothing, "arn region"),
    "aws:sns/topicSubscription:TopicSubscription": Kind(
        make=_subscribe,
        remove=lambda aws, arn, state: aws("sns", state).unsubscribe(SubscriptionArn=arn),
    ),
    "aws:s3/bucket:Bucket": Kind(
        make=_make_bucket,
        look=_look_at_bucket,
        change=lambda aws, name, _, new: aws("s3").put_bucket_tagging(
            Bucket=name, Tagging={"TagSet": pairs(new)}
        ),
        remove=lambda aws, name, _: aws("s3").delete_bucket(Bucket=name),
        replaced_by="bucket objectLockEnabled",
    ),
    "aws:s3/bucketPolicy:BucketPolicy": put(
        _put_bucket_policy,
        lambda aws, name, _: aws("s3").delete_bucket_policy(Bucket=name),
        "bucket",
    ),
    "aws:s3/bucketVersioning:BucketVersioning": put(_put_versioning, _nothing, "bucket"),
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": put(
        _put_encryption, _nothing, "bucket"
    ),
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": put(
        _put_public_block, _nothing, "bucket"
    ),
    "aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration": put(
        _put_lock, _nothing, "bucket"
    ),
    "aws:cloudtrail/trail:Trail": Kind(
        make=_make_trail,
        look=_look_at_trail,
        change=lambda aws, _id, _, new: aws("cloudtrail").update_trail(**_trail(new)),
        remove=lambda aws, name, _: aws("cloudtrail").delete_trail(Name=name),
        replaced_by="name",
    ),
}
