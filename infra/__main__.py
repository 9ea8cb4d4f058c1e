"""What `pulumi up` runs. Everything is in `infra.program`, so that tests can run it too."""

from infra.program import declare

declare()
