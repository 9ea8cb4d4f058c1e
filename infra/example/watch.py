"""Only what watches the runner, beside roles that another program makes under our names."""

from pathlib import Path

import pulumi

from infra import aws
from infra.aws_keys import Keys, KeysArgs
from infra.aws_watch import Trail, TrailArgs, Watch, WatchArgs
from infra.installation import look
from infra.settings import Settings

ACCOUNT = "arn:aws:iam::111122223333"

looked = look(
    Settings(
        configuration=Path(__file__).with_name("prod.yaml"),
        environment="production",
        runner=f"{ACCOUNT}:role/rotation-runner",
        deployer=f"{ACCOUNT}:role/platform-deploy",
        emergency_roles=(f"{ACCOUNT}:role/on-call",),
        alarm_emails=("platform-on-call@example.com",),
    )
)
context = aws.context(looked.scope("main"), looked.settings, looked.states)
here = pulumi.ResourceOptions(provider=aws.provider_of(context))
keys = Keys("main-alarms", KeysArgs(stack=context, what=("alarms",)), here)
watch = Watch("main", WatchArgs(context=context, keys=keys.arns), here)
Trail("main", TrailArgs(context=context), here)
pulumi.export("topics", watch.topics)
