"""Only the policies and the runner's token roles, for a Vault whose mounts others look after."""

from pathlib import Path

import pulumi

from infra import vault
from infra.installation import look
from infra.settings import Settings

looked = look(
    Settings(
        configuration=Path(__file__).with_name("dev.yaml"),
        environment="development",
        runner_cidrs=("10.0.0.0/8",),
        adopt=("apps", "rotation-pending", "auth/approle"),
    )
)
ready = vault.ready(looked.scope("vault"), looked.settings, looked.states)
here = pulumi.ResourceOptions(provider=ready.provider)
logins = vault.Logins(ready, here)
policies = vault.Policies(ready, vault.Entities(ready, here), here)
vault.Runner(ready, logins, policies, here)
pulumi.export("roles", dict(ready.roles))
