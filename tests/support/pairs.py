"""The issuers of the pairs, by what they can."""

from typing import Any

from providers.aws.options import AccessKeyOptions
from providers.generated.options import GeneratedOptions
from providers.http.options import HttpApiOptions
from providers.http.testing.acme import DECLARATION, IDEMPOTENT
from providers.postgres.options import LoginOptions
from providers.vault.options import AppRoleOptions
from rotation.types import Traits


def _api(**more: str | int) -> Traits:
    declaration: Any = {**DECLARATION, "create": {**DECLARATION["create"], **more}}
    return HttpApiOptions(
        connection="-", name="app", declaration=declaration, parameters={"team": "a"},
        scopes=("read",), expires_in_s=60,
    ).TRAITS  # fmt: skip


ISSUERS: dict[str, Traits] = {
    "aws-iam-access-key": AccessKeyOptions(connection="-", user="app").TRAITS,
    "postgres-login, unique": LoginOptions(connection="-", group="app").TRAITS,
    "postgres-login, pair": LoginOptions(connection="-", pair=("a", "b")).TRAITS,
    "vault-approle": AppRoleOptions(connection="-", role="app").TRAITS,
    "http-api, H1": _api(**IDEMPOTENT),
    "http-api, H2": _api(),
    "generated": GeneratedOptions(kind="token").TRAITS,
}
