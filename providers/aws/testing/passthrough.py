"""What moto answers itself: operations without a rule here, on the same storage.

They are named one by one. An operation that is neither here nor modelled is refused, because a
double that guesses is no oracle.
"""

from __future__ import annotations

from moto.core.request import Request as MotoRequest
from moto.core.responses import BaseResponse
from moto.iam.models import IAMBackend
from moto.iam.responses import IamResponse
from moto.secretsmanager.models import SecretsManagerBackend
from moto.secretsmanager.responses import SecretsManagerResponse

from providers.aws.testing.secret_store import SecretShelf
from providers.aws.testing.wire import Request, Response

_IAM_NOUNS = {
    "Role": "Create Get Delete Update Tag Untag",
    "Policy": "Create Get Delete Tag Untag",
    "Group": "Create Get Delete",
    "RolePolicy": "Put Get Delete Attach Detach",
    "UserPolicy": "Put Get Delete Attach Detach",
    "GroupPolicy": "Put Get Delete Attach Detach",
    "PolicyVersion": "Create Get Delete",
    "RolePermissionsBoundary": "Put Delete",
}

OPERATIONS = {
    "iam": frozenset(
        {f"{verb}{noun}" for noun, verbs in _IAM_NOUNS.items() for verb in verbs.split()}
        | {
            "AddUserToGroup",
            "ListAttachedGroupPolicies",
            "ListAttachedRolePolicies",
            "ListAttachedUserPolicies",
            "ListGroupPolicies",
            "ListGroups",
            "ListGroupsForUser",
            "ListPolicies",
            "ListPolicyTags",
            "ListPolicyVersions",
            "ListRolePolicies",
            "ListRoleTags",
            "ListRoles",
            "ListUserPolicies",
            "ListUsers",
            "RemoveUserFromGroup",
            "SetDefaultPolicyVersion",
            "UpdateAssumeRolePolicy",
        }
    ),
    "secretsmanager": frozenset(
        {
            "DeleteResourcePolicy",
            "GetRandomPassword",
            "GetResourcePolicy",
            "ListSecrets",
            "PutResourcePolicy",
        }
    ),
    "sts": frozenset[str](),
    "cloudtrail": frozenset[str](),
}


class _Iam(IamResponse):
    def __init__(self, backend: IAMBackend) -> None:
        super().__init__()
        self._own = backend

    @property
    def backend(self) -> IAMBackend:
        return self._own


class _SecretsManager(SecretsManagerResponse):
    def __init__(self, backend: SecretsManagerBackend) -> None:
        super().__init__()
        self._own = backend

    @property
    def backend(self) -> SecretsManagerBackend:
        return self._own


def ask_moto(
    iam: IAMBackend, shelf: SecretShelf, service: str, region: str, request: Request
) -> Response:
    """Let moto answer, over this server's storage."""
    responder: BaseResponse = (
        _Iam(iam) if service == "iam" else _SecretsManager(shelf.region(region))
    )
    host = request.headers.get("host", "localhost")
    asked = MotoRequest.from_primitives(
        request.method, f"http://{host}{request.path}", request.headers, request.body
    )
    status, headers, body = responder._dispatch(asked)  # noqa: SLF001 -- its public door makes a responder of its own
    content = body.encode() if isinstance(body, str) else body
    kept = {
        "content-type": str(headers.get("content-type", headers.get("Content-Type", "text/xml")))
    }
    return Response(status=int(status), body=content, headers=kept)
