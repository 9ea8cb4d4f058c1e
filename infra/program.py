"""From `rotation.yaml` and the keys of `Pulumi.STACK.yaml` to resources."""

from infra import settings
from infra.installation import Installation


def declare() -> None:
    Installation(settings.read()).export()
