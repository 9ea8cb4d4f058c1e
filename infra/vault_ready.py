"""One Vault connection, looked at before anything of any connection is declared."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi_vault as vault

from infra.settings import Settings, refused
from infra.vault_existing import (
    adopted_entities,
    assert_cluster,
    assert_existing,
    assert_surroundings,
)
from providers.vault.options import ConnectionOptions
from providers.vault.stack import Living, documents, role_names
from rotation.errors import UsageError
from rotation.interfaces import PolicyDocument, Scope
from rotation.permissions.naming import place


@dataclass(frozen=True, kw_only=True)
class Ready(Living):
    """A connection that was looked at: nothing stands in the way of declaring it. roles: names of
    token roles by permission set. entities: of adopted AppRoles, by what stands for their ids."""

    settings: Settings
    provider: vault.Provider
    roles: Mapping[str, str]
    documents: Sequence[PolicyDocument]
    entities: Mapping[str, str]

    @property
    def login(self) -> str:
        """The runner's AppRole."""
        return self.scope.called()


def ready(scope: Scope, settings: Settings, states: Mapping[str, str]) -> Ready:
    """Everything that can be refused is refused here: what is declared meanwhile, `pulumi up` would
    make."""
    options: ConnectionOptions = scope.options
    assert_surroundings(scope)
    written = _written(scope)
    provider = vault.Provider(
        f"vault-{place(scope)}",
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
        roles=role_names(scope),
        documents=written,
        entities=adopted_entities(scope, settings, provider),
    )


def _written(scope: Scope) -> list[PolicyDocument]:
    try:
        return documents(scope)
    except UsageError as error:
        raise refused(f"connection {scope.connection}: {error.message}; {error.hint}") from None
