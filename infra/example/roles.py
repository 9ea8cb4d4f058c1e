"""Only the runner's roles, for secrets and a key that another program makes."""

from pathlib import Path

import pulumi

from infra import aws
from infra.aws_roles import Roles, RolesArgs
from infra.installation import look
from infra.settings import Settings

ACCOUNT = "111122223333"

looked = look(
    Settings(
        configuration=Path(__file__).with_name("prod.yaml"),
        environment="production",
        runner=f"arn:aws:iam::{ACCOUNT}:role/rotation-runner",
        deployer=f"arn:aws:iam::{ACCOUNT}:role/platform-deploy",
        emergency_roles=(f"arn:aws:iam::{ACCOUNT}:role/on-call",),
    )
)
context = aws.context(looked.scope("main"), looked.settings, looked.states)
Roles(
    "main",
    RolesArgs(
        context=context,
        key=f"arn:aws:kms:eu-central-1:{ACCOUNT}:key/mrk-{'1' * 32}",
        secrets={},  # where ARNs are unknown, policies name each secret with six characters open
    ),
    pulumi.ResourceOptions(provider=aws.provider_of(context)),
)
pulumi.export("roles", context.roles)
