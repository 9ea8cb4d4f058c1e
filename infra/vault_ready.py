"""One Vault connection, looked at before anything of any connection is declared."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import pulumi_vault as vault

from infra.settings import Settings, refused
from infra.vault_existing import (
    adopted_entities,
    assert_cluster,
    assert_existing,
    assert_surroundings,
    policy_name,
)
from providers.vault.hcl import HclRenderer
from providers.vault.options import AppRoleOptions, ConnectionOptions
from rotation.errors import Usage
from rotation.interfaces import Part, PolicyDocument, Scope
from rotation.policy.naming import fitting
from rotation.types import PermissionSet

POLICY_MAX = 128


@dataclass(frozen=True, kw_only=True)
class Ready:
    """A connection that was looked at: nothing stands in the way of declaring it. roles: names of
    token roles by permission set. entities: of adopted AppRoles, by what stands for their ids."""

    scope: Scope
    settings: Settings
    states: Mapping[str, str]
    provider: vault.Provider
    roles: Mapping[str, str]
    documents: Sequence[PolicyDocument]
    entities: Mapping[str, str]

    @property
    def login(self) -> str:
        """The runner's AppRole."""
        return self.scope.called()

    @property
    def own_roles(self) -> list[Part]:
        """The AppRoles that are rotated and that the stack makes."""
        return [
            part
            for part in self.scope.parts
            if isinstance(part.options, AppRoleOptions) and part.secret not in self.settings.adopt
        ]

    def is_alive(self, secret: str) -> bool:
        return self.states[secret] != "retired"

    @property
    def is_needed(self) -> bool:
        """The runner still has something to do here."""
        return any(self.is_alive(part.secret) for part in self.scope.parts)


def ready(scope: Scope, settings: Settings, states: Mapping[str, str]) -> Ready:
    """Everything that can be refused is refused here: what is declared meanwhile, `pulumi up` would
    make."""
    options: ConnectionOptions = scope.options
    assert_surroundings(scope)
    roles = _role_names(scope)
    documents = _rendered(scope, roles)
    for each in documents:
        fitting(policy_name(scope, each.name), POLICY_MAX, "a policy")
    provider = vault.Provider(
        f"vault-{scope.connection}",
        address=options.address,
        ca_cert_file=options.ca_bundle,
        namespace=options.namespace,
    )
    assert_cluster(scope, provider)
    assert_existing(scope, settings, provider)
    return Ready(
        scope=scope,
        settings=settings,
        states=states,
        provider=provider,
        roles=roles,
        documents=documents,
        entities=adopted_entities(scope, settings, provider),
    )


def _role_names(scope: Scope) -> dict[str, str]:
    """Of the sets that are needed. A name that the configuration gives is made under that name."""
    needed = {need.under for need in scope.needs}
    return {
        str(under): scope.options.roles.get(under, scope.called(under))
        for under in PermissionSet
        if under in needed
    }


def _rendered(scope: Scope, roles: Mapping[str, str]) -> list[PolicyDocument]:
    options = replace(scope.options, roles=roles)
    try:
        return list(HclRenderer().documents(replace(scope, options=options)))
    except Usage as error:
        raise refused(f"connection {scope.connection}: {error.message}; {error.hint}") from None
