"""The tool's own login is changed without trusting the new one before it is proven."""

import json

from tests.e2e.installation import Installation

NEXT = """
  aws-next:
    type: aws
    account: "123456789012"
    region: {region}
    endpoint: {endpoint}
    credentials_file: {root}/credentials-next
    owner: platform
    settle: 0s
    report_lag: 0s
classes:
"""


def with_successor(installation: Installation, *, region: str = "eu-central-1") -> str:
    """A second connection to the same place; returns the key id of its login."""
    iam = installation.aws.client("iam")
    user = f"runner-{installation.user}"
    iam.create_user(UserName=user)
    key = iam.create_access_key(UserName=user)["AccessKey"]
    (installation.root / "credentials-next").write_text(
        f"[default]\naws_access_key_id={key['AccessKeyId']}\n"
        f"aws_secret_access_key={key['SecretAccessKey']}\n"
    )
    text = installation.configuration.read_text()
    more = NEXT.format(region=region, endpoint=installation.aws.endpoint, root=installation.root)
    installation.configuration.write_text(text.replace("\nclasses:\n", more, 1))
    return str(key["AccessKeyId"])


def test_a_new_login_is_proven_by_a_whole_rotation_and_the_old_one_dies(
    installation: Installation,
) -> None:
    key = with_successor(installation)
    began = installation.aws.oracle.called()
    out = installation.succeeds(
        "handover", "aws", "--to", "aws-next", "--canary", "app", "-o", "json"
    )
    reply = [json.loads(part) for part in out.replace("}\n{", "}\0{").split("\0")][-1]
    assert reply["proven"] == key
    assert installation.is_whole()
    calls = installation.aws.oracle.calls(since=began)
    changing = [c for c in calls if c["operation"] in {"CreateAccessKey", "DeleteAccessKey"}]
    assert {call["access_key_id"] for call in changing} == {key}

    alive = installation.rotation("handover", "aws-next", "--dead")
    assert alive.returncode == 1
    assert "handover.still-alive" in alive.stderr
    user = f"runner-{installation.user}"
    installation.aws.client("iam").delete_access_key(UserName=user, AccessKeyId=key)
    assert "dead (proved)" in installation.succeeds("handover", "aws-next", "--dead")


def test_a_successor_leads_to_the_same_place_with_another_login(installation: Installation) -> None:
    with_successor(installation, region="us-east-1")
    refused = installation.rotation("handover", "aws", "--to", "aws-next", "--canary", "app")
    assert refused.returncode == 2
    assert "handover.other-place" in refused.stderr
    assert len(installation.keys()) == 1


def test_status_shows_what_each_connection_logs_in_with(installation: Installation) -> None:
    key = with_successor(installation)
    out = installation.succeeds("status", "--connections", "-o", "json")
    shown = {login["connection"]: login for login in json.loads(out)["connections"]}
    assert shown["aws-next"]["id"] == key
    assert shown["aws-next"]["owner"] == "platform"
    assert shown["aws-next"]["age_s"] >= 0
    assert "aws-next" in installation.succeeds("status", "--connections")


def test_a_login_that_cannot_be_tried_is_not_called_dead(installation: Installation) -> None:
    with_successor(installation)
    (installation.root / "credentials-next").unlink()
    reply = installation.rotation("handover", "aws-next", "--dead")
    assert reply.returncode != 0
    assert "dead" not in reply.stdout
