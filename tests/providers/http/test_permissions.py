"""Each permission set logs in with a credential of its own: what came with which is the truth."""

from collections import defaultdict
from pathlib import Path

from providers.http.issuer import HttpApiIssuer
from providers.http.permissions import GRANTS
from providers.http.testing.acme import Acme
from providers.http.testing.service import Got, Reply
from rotation.types import PermissionSet
from tests.support.http import ATTEMPT, connected, context, declared


class Watched(Acme):
    """Lets everybody in and records who called what."""

    def __init__(self) -> None:
        super().__init__()
        self.made: dict[str, set[str]] = defaultdict(set)

    def answer(self, operation: str, got: Got) -> Reply:
        token = got.headers["authorization"].removeprefix("Bearer token-of-")
        self.made[token].add(operation)
        headers = {**got.headers, "authorization": f"Bearer {self.admin['token']}"}
        return super().answer(operation, Got(got.method, got.path, got.segments, got.query,
                                             headers, got.document))  # fmt: skip


def issuer_on(service: Watched, directory: Path) -> HttpApiIssuer:
    roles = {}
    for permission_set in PermissionSet:
        path = directory / f"of-{permission_set}"
        path.write_text(f"token-of-{permission_set}")
        path.chmod(0o600)
        roles[str(permission_set)] = {"token": str(path)}
    return HttpApiIssuer(declared(), context(connected(service, directory, roles=roles)))


def test_the_grants_are_the_calls_and_none_more(tmp_path: Path) -> None:
    with Watched() as service:
        issuer = issuer_on(service, tmp_path)
        new = issuer.issue(ATTEMPT)
        issuer.listing()
        issuer.usage(new.handle.id)
        issuer.suspend(new.handle.id)
        issuer.resume(new.handle.id)
        issuer.suspend(new.handle.id, under=PermissionSet.CONTAIN)
        issuer.destroy(new.handle.id)
        issuer.destroy(new.handle.id)
        without = issuer.issue("2" * 32)
        issuer.destroy(without.handle.id, under=PermissionSet.CONTAIN)
    granted = {
        str(permission_set): {grant.call for grant in grants}
        for permission_set, grants in GRANTS["http-api"].items()
    }
    assert service.made == granted
