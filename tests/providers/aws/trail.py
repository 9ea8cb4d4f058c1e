"""Events as CloudTrail tells them to EventBridge, in the shapes that AWS documents."""

from typing import Any

ACCOUNT, OTHER_ACCOUNT = "111122223333", "444455556666"
HOME, COPY, IAM = "eu-central-1", "eu-west-1", "us-east-1"

Event = dict[str, Any]


def role(name: str) -> str:
    return f"arn:aws:iam::{ACCOUNT}:role/{name}"


def by_role(arn: str) -> dict[str, Any]:
    name = arn.rpartition("/")[2]
    issuer = {
        "type": "Role", "principalId": "AROAEXAMPLE", "arn": arn, "accountId": ACCOUNT,
        "userName": name,
    }  # fmt: skip
    return {
        "type": "AssumedRole",
        "principalId": "AROAEXAMPLE:session",
        "arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/{name}/session",
        "accountId": ACCOUNT,
        "accessKeyId": "ASIAEXAMPLE",
        "sessionContext": {
            "sessionIssuer": issuer,
            "attributes": {"creationDate": "2026-11-30T09:00:00Z", "mfaAuthenticated": "false"},
        },
    }


def by_user(name: str, account: str = ACCOUNT) -> dict[str, Any]:
    return {
        "type": "IAMUser", "principalId": "AIDAEXAMPLE", "arn": f"arn:aws:iam::{account}:user/{name}",
        "accountId": account, "accessKeyId": "EXAMPLE", "userName": name.rpartition("/")[2],
    }  # fmt: skip


ROOT = {
    "type": "Root", "principalId": ACCOUNT, "arn": f"arn:aws:iam::{ACCOUNT}:root",
    "accountId": ACCOUNT,
}  # fmt: skip
STRANGER = {"type": "AWSAccount", "principalId": "AIDAEXAMPLE", "accountId": OTHER_ACCOUNT}
SERVICE = {"type": "AWSService", "invokedBy": "secretsmanager.amazonaws.com"}


def call(
    action: str, by: dict[str, Any], region: str = HOME, *, error: str = "",
    response: dict[str, Any] | None = None, **given: Any,
) -> Event:  # fmt: skip
    service, _, name = action.partition(":")
    detail = {
        "eventVersion": "1.11",
        "userIdentity": by,
        "eventTime": "2026-11-30T09:30:00Z",
        "eventSource": f"{service}.amazonaws.com",
        "eventName": name,
        "awsRegion": region,
        "sourceIPAddress": "192.0.2.1",
        "requestParameters": given or None,
        "responseElements": response,
        "readOnly": name.startswith(("Get", "List", "Describe", "Simulate")),
        "eventType": "AwsApiCall",
        "managementEvent": True,
        "recipientAccountId": ACCOUNT,
        "eventCategory": "Management",
        **({"errorCode": error, "errorMessage": "not authorized"} if error else {}),
    }
    return {
        "version": "0", "detail-type": "AWS API Call via CloudTrail", "source": f"aws.{service}",
        "account": ACCOUNT, "region": region, "resources": [], "detail": detail,
    }  # fmt: skip


def key_made(by: dict[str, Any], user: str, **given: Any) -> Event:
    made = {"accessKey": {"userName": user, "accessKeyId": "EXAMPLE", "status": "Active"}}
    return call("iam:CreateAccessKey", by, IAM, response=made, **given)
