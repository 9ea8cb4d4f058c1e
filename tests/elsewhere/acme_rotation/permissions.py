"""What they need: the one in the words of IAM, the other in the cluster's."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from providers.aws.permissions import Grant
from rotation.interfaces import Call, PolicyDocument, Scope
from rotation.types import PermissionSet

SMTP = {
    PermissionSet.OBSERVE: (Grant(action="iam:ListAccessKeys", resource="user"),),
    PermissionSet.MINT: (Grant(action="iam:CreateAccessKey", resource="user"),),
    PermissionSet.REVOKE: (
        Grant(action="iam:UpdateAccessKey", resource="user"),
        Grant(action="iam:DeleteAccessKey", resource="user"),
    ),
    PermissionSet.CONTAIN: (Grant(action="iam:UpdateAccessKey", resource="user"),),
}


@dataclass(frozen=True, kw_only=True)
class Rule:
    verb: str
    path: str
    when: str = "always"


class ClusterRules:
    def grants(self) -> Mapping[str, Mapping[PermissionSet, Sequence[Any]]]:
        return {}

    def documents(self, scope: Scope) -> list[PolicyDocument]:
        return [
            PolicyDocument(
                name=f"{need.under}-{need.grant.path}",
                holder=str(need.under),
                text=json.dumps({"verb": need.grant.verb, "path": need.grant.path}),
            )
            for need in scope.needs
        ]

    def calls(self, scope: Scope) -> Iterator[Call]:
        for need in scope.needs:
            yield Call(
                under=need.under, secret=need.part.secret, call=need.grant.verb, on=need.grant.path
            )
