"""The declared calls of one connection, so that an operator can review what a rotation does
there."""

from collections.abc import Iterator, Mapping
from typing import Any

from providers.http.options import ProbeOptions
from providers.http.permissions import GRANTS, Grant
from rotation.interfaces import Call, Need, PolicyDocument, Scope
from rotation.types import PermissionSet


class CallsRenderer:
    """A person gives a vendor's permissions together with the credential, so there is no
    document."""

    def grants(self) -> Mapping[str, Mapping[PermissionSet, tuple[Grant, ...]]]:
        return GRANTS

    def documents(self, scope: Scope) -> list[PolicyDocument]:
        return []

    def calls(self, scope: Scope) -> Iterator[Call]:
        origin = scope.options.origin
        for need in (need for need in scope.needs if need.part.kind == "issuers"):
            if (request := _request(need)) is not None:
                call = f"{request.method} {request.path}"
                yield Call(under=need.under, secret=need.part.secret, call=call, on=origin)
        for part in scope.parts:
            if isinstance(part.options, ProbeOptions):
                call = f"{part.options.declared.method} {part.options.declared.path}"
                for under in (PermissionSet.VERIFY, PermissionSet.PROVE):
                    yield Call(under=under, secret=part.secret, call=call, on=origin)


def _request(need: Need) -> Any:
    """None where the service cannot do it, or does it in another way."""
    declared = need.part.options.declared
    suspends = declared.suspend is not None
    if need.grant.when == ("cannot-suspend" if suspends else "can-suspend"):
        return None
    return getattr(declared, need.grant.call)
