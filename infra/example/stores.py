"""Only the key, the secrets without values, and the users without keys."""

from pathlib import Path

import pulumi

from infra import aws
from infra.aws_keys import Keys, KeysArgs
from infra.aws_stores import Stores, StoresArgs, Users, UsersArgs
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
        readers=(f"billing={ACCOUNT}:role/billing",),
        alarms=False,  # so that no copy of the key is made for them
    )
)
context = aws.context(looked.scope("main"), looked.settings, looked.states)
here = pulumi.ResourceOptions(provider=aws.provider_of(context))
keys = Keys("main", KeysArgs(stack=context), here)
stores = Stores("main", StoresArgs(context=context, keys=keys.arns), here)
Users("main", UsersArgs(context=context), here)
pulumi.export("secrets", stores.arns)
