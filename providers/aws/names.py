"""What the resources of one connection are called in AWS."""

from providers.aws.alarms import rule_name
from providers.aws.arns import account_arn, path
from rotation.interfaces import Scope
from rotation.permissions.naming import place, require_length
from rotation.types import PermissionSet

# The shortest that IAM accepts; the runner asks for 15 minutes.
SESSION_S = 3600

ROLE_MAX, POLICY_MAX, RULE_MAX, BUCKET_MAX, ALIAS_MAX, TOPIC_MAX = 64, 128, 64, 63, 256, 256


def role_name(scope: Scope, under: str) -> str:
    name = scope.called(place(scope), under)
    return require_length(name, ROLE_MAX, f"the role of {under} of connection {scope.connection}")


def policy_name(scope: Scope, name: str) -> str:
    return require_length(scope.called(place(scope), name), POLICY_MAX, "a policy")


def event_rule_name(scope: Scope, name: str) -> str:
    return require_length(rule_name(scope, name), RULE_MAX, "a rule")


def bucket_name(scope: Scope) -> str:
    name = scope.called(place(scope), "trail", scope.options.account)
    return require_length(name.lower(), BUCKET_MAX, "the trail's bucket")


def role_arns(scope: Scope) -> dict[str, str]:
    """The roles of the sets that are needed. Known before they are made, because we choose the
    names."""
    needed = {need.under for need in scope.needs}
    return {
        str(under): account_arn(scope.options, f"role{path(scope)}{role_name(scope, under)}")
        for under in PermissionSet
        if under in needed
    }


def external_id(scope: Scope) -> str:
    external_id: str | None = scope.options.external_id
    return external_id or scope.called()
