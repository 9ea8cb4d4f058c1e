"""A live `serve` notices by itself what somebody changed by hand."""

import json

import pytest

from tests.e2e.installation import Installation, wait_for


@pytest.mark.timeout(240)
def test_a_claim_that_somebody_removes_is_noticed_and_shown(installation: Installation) -> None:
    installation.write(extra="limits: {look_every: 1m}\n")
    served = installation.serve()
    served.await_event("rotation.closed")
    calls = installation.aws.oracle.called()
    tags = ["rotation:owner"]
    secrets = installation.aws.client("secretsmanager")
    secrets.untag_resource(SecretId=installation.secret, TagKeys=tags)
    found = wait_for(lambda: served.named("drift.found"), "drift", seconds=180)[0]
    assert (found["code"], found["secret"]) == ("held.claim-missing", "app")
    changes = ("Put", "Update", "Create", "Delete", "Tag")
    made = {call["operation"] for call in installation.aws.oracle.calls(since=calls)}
    assert not [operation for operation in made if operation.startswith(changes)]
    (secret,) = json.loads(installation.succeeds("status", "-o", "json"))["secrets"]
    assert secret["state"] == "drift"
    assert served.end()[0] == 0
