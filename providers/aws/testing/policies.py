"""The policy documents that bear on a principal or a resource, for a hook that evaluates them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from moto.iam.models import ManagedPolicy, Role, User

if TYPE_CHECKING:
    from providers.aws.testing.state import State


def identity_policies(state: State, principal: str) -> list[str]:
    """The inline and attached documents of a user (with its groups), a role or a role session."""
    role = _role(state, principal)
    if role is not None:
        return _documents(role)
    user = _user(state, principal)
    if user is None:
        return []
    groups = [group for group in state.iam.groups.values() if user in group.users]
    return _documents(user) + [
        document
        for group in groups
        for document in (*group.policies.values(), *map(_document, group.managed_policies.values()))
    ]


def boundary(state: State, principal: str) -> str | None:
    """The document of the permissions boundary, if there is one."""
    role, user = _role(state, principal), _user(state, principal)
    arn = role.permissions_boundary_arn if role else state.boundaries.get(user.name if user else "")
    return _document(state.iam.managed_policies[arn]) if arn else None


def trust_policy(state: State, role: str) -> str | None:
    """Who may assume this role."""
    found = _role(state, role)
    return found.assume_role_policy_document if found else None


def _documents(holder: User | Role) -> list[str]:
    return [*holder.policies.values(), *map(_document, holder.managed_policies.values())]


def _document(policy: ManagedPolicy) -> str:
    versions = {version.version_id: version.document for version in policy.versions}
    return str(versions[policy.default_version_id])


def _role(state: State, principal: str) -> Role | None:
    """By its ARN, or by that of one of its sessions, which has no path."""
    name = principal.split("/")[-2] if ":assumed-role/" in principal else None
    return next(
        (role for role in state.iam.roles.values() if name == role.name or principal == role.arn),
        None,
    )


def _user(state: State, principal: str) -> User | None:
    return next((user for user in state.iam.users.values() if user.arn == principal), None)
