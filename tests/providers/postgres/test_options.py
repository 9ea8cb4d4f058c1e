import pytest

from providers.postgres.options import ConnectionOptions, LoginOptions, ProbeOptions
from rotation.plugins.registry import Plugin, installed

CONNECTION = {
    "host": "127.0.0.1",
    "database": "app",
    "system_identifier": "7" * 19,
    "user": "rotation",
    "password_file": "/run/password",
}


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"host": "db.example.com"}, "host"),
        ({"host": "bad host"}, "host"),
        ({"host": "/var/run/postgresql", "ca_file": "/ca"}, "host"),
        ({"port": 0}, "port"),
        ({"system_identifier": "prod"}, "system_identifier"),
        ({"user": "a*"}, "user"),
        ({"password_file": "password"}, "password_file"),
        ({"emergency_user": "panic"}, "emergency_user"),
        ({"settle_s": -1}, "settle_s"),
        ({"database": "orders:\ncreate role evil superuser;\n--"}, "database"),
        ({"database": "orders\r\\! id"}, "database"),
        ({"database": "orders\u2028create role evil;"}, "database"),
        ({"password_file": "/run/\npassword"}, "password_file"),
        ({"owner": "team\n"}, "owner"),
    ],
)
def test_a_connection_says_which_key_is_wrong(changes: dict, key: str):
    with pytest.raises(ValueError, match=f"^{key}: "):
        ConnectionOptions(**{**CONNECTION, **changes})


@pytest.mark.parametrize(
    ("given", "key"),
    [
        ({}, "group"),
        ({"group": "app", "user": "app", "in_place": True}, "group"),
        ({"group": "pg_monitor"}, "group"),
        ({"group": "rotation_owner"}, "group"),
        ({"group": "app'; drop"}, "group"),
        ({"group": "a" * 31}, "group"),
        ({"pair": ("one",)}, "pair"),
        ({"pair": ("one", "one")}, "pair"),
        ({"user": "app"}, "user"),
        ({"group": "app", "in_place": True}, "in_place"),
        ({"pair": ("a", "b"), "settings": {"work_mem": "8MB"}}, "settings"),
        ({"group": "app", "settings": {"role": "postgres"}}, "settings"),
        ({"group": "app", "settings": {"a b": "c"}}, "settings"),
        ({"group": "app", "settings": {"search_path": "x\n\\! id"}}, "settings"),
        ({"group": "app", "connection_limit": -2}, "connection_limit"),
    ],
)
def test_a_login_says_which_key_is_wrong(given: dict, key: str):
    with pytest.raises(ValueError, match=f"^{key}: "):
        LoginOptions(connection="main", **given)


def test_each_mode_has_its_own_traits_fields_and_identity():
    connections = {"main": ConnectionOptions(**CONNECTION)}
    unique = LoginOptions(connection="main", group="app")
    pair = LoginOptions(connection="main", pair=("app_a", "app_b"))
    in_place = LoginOptions(connection="main", user="app", in_place=True)
    assert unique.identity(connections) == f"postgres/{'7' * 19}/app"
    assert pair.identity(connections) == f"postgres/{'7' * 19}/app_a+app_b"
    assert (unique.TRAITS.live_max, pair.TRAITS.live_max) == (None, 2)
    assert in_place.TRAITS.overlap is False
    assert in_place.TRAITS.can_suspend is False
    assert in_place.fields() == ("password",)
    assert unique.fields() == pair.fields() == ("username", "password")
    assert LoginOptions.TRAITS.can_suspend


def test_options_go_through_a_journal_and_come_back():
    for options in (
        LoginOptions(connection="main", group="app", settings={"work_mem": "8MB"}),
        LoginOptions(connection="main", pair=("app_a", "app_b")),
        LoginOptions(connection="main", user="app", in_place=True),
    ):
        stored = Plugin("postgres-login", options).specification().options
        given = {k: tuple(v) if isinstance(v, list) else v for k, v in stored.items()}
        assert LoginOptions(**given) == options


def test_a_probe_needs_a_query():
    with pytest.raises(ValueError, match=r"^query: "):
        ProbeOptions(connection="main", query=" ")


def test_the_plugins_are_known_by_their_names():
    plugins = installed()
    assert plugins.options("issuers", "postgres-login") is LoginOptions
    assert plugins.options("probes", "postgres-login") is ProbeOptions
    assert plugins.options("connections", "postgres") is ConnectionOptions
