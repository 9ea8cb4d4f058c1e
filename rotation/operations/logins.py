"""What each connection logs in with: the tool's own credentials belong to the inventory too."""

from dataclasses import dataclass

from rotation.errors import RotationError
from rotation.interfaces import OwnCredential
from rotation.operations.installation import Installation


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """What one connection logs in with, or why that is not known."""

    name: str
    type: str
    owner: str | None
    own: OwnCredential | None = None
    error: RotationError | None = None


def ask(here: Installation, name: str) -> Login:
    """Logs in there; changes nothing."""
    declared = here.configuration.connections[name]
    login = Login(name=name, type=declared.type, owner=declared.options.owner)
    try:
        own = here.registry.connection(name).own_credential()
    except RotationError as error:
        return Login(name=name, type=login.type, owner=login.owner, error=error)
    return Login(name=name, type=login.type, owner=login.owner, own=own)
