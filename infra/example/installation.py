"""All of a configuration, in a program of one's own; other resources may stand beside it."""

from pathlib import Path

from infra.installation import Installation
from infra.settings import Settings

ACCOUNT = "arn:aws:iam::111122223333"

Installation(
    Settings(
        configuration=Path(__file__).with_name("prod.yaml"),
        environment="production",
        runner=f"{ACCOUNT}:role/rotation-runner",
        deployer=f"{ACCOUNT}:role/platform-deploy",
        emergency_roles=(f"{ACCOUNT}:role/on-call",),
        alarm_emails=("platform-on-call@example.com",),
    )
).export()
