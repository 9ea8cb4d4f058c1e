import pytest

from providers.vault.options import (
    AppRoleOptions,
    ConnectionOptions,
    DatabaseStaticOptions,
    LoginOptions,
)

CLUSTER = "5d3647a5-80e4-8342-a5aa-de992eeeb2fc"


def approle(**options) -> AppRoleOptions:
    return AppRoleOptions(**{"connection": "main", "role": "billing", **options})


def connections(**options) -> dict[str, ConnectionOptions]:
    named = {"address": "https://vault.example.com:8200", "cluster": CLUSTER, "auth": "token"}
    return {"main": ConnectionOptions(**named, login_file="/run/token", **options)}


@pytest.mark.parametrize(
    ("options", "key"),
    [
        ({"role": "bill*"}, "role"),
        ({"role": "../admin"}, "role"),
        ({"role": "a/role-id"}, "role"),
        ({"mount": "+"}, "mount"),
        ({"mount": "approle/"}, "mount"),
        ({"ttl_s": 0}, "ttl_s"),
        ({"uses": 0}, "uses"),
        ({"uses": 999}, "uses"),
    ],
)
def test_what_vault_or_a_policy_would_read_otherwise_is_refused(options, key):
    with pytest.raises(ValueError, match=rf"^{key}: "):
        approle(**options)


def test_traits_follow_from_what_is_asked_for():
    plain, counted = approle(), approle(origin="chosen", uses=1000)
    assert (plain.TRAITS.origin, plain.TRAITS.reports_usage) == ("assigned", False)
    assert (counted.TRAITS.origin, counted.TRAITS.reports_usage) == ("chosen", True)
    assert AppRoleOptions.TRAITS == plain.TRAITS
    assert not counted.TRAITS.can_suspend
    assert counted.TRAITS.failed_logins_safe == 1


def test_an_identity_is_the_role_however_its_name_is_written():
    """Vault tells an AppRole's names apart without regard to case."""
    for role in ("billing", "Billing"):
        assert approle(role=role).identity(connections()) == (
            f"vault-approle/{CLUSTER}/-/approle/billing"
        )
    elsewhere = approle(mount="machines").identity(connections(namespace="team/a"))
    assert elsewhere == f"vault-approle/{CLUSTER}/team/a/machines/billing"


def test_a_static_role_without_consent_is_refused():
    with pytest.raises(ValueError, match=r"^in_place: "):
        DatabaseStaticOptions(connection="main", role="billing")
    agreed = DatabaseStaticOptions(connection="main", role="billing", in_place=True)
    assert agreed.TRAITS.delegated
    assert agreed.identity(connections()) == f"vault-database-static/{CLUSTER}/-/database/billing"


def test_the_probe_takes_a_mounts_path_and_nothing_else():
    with pytest.raises(ValueError, match=r"^mount: "):
        LoginOptions(connection="main", mount="approle/login?x=")
