"""Two entries that replace the same login, each by another name of it, end each other's."""

import itertools

import pytest

from tests.rotation.config.files import Find

HEAD = """\
installation: 0123456789ab
journal: journal.db
connections:
  aws: {type: aws, account: "111122223333", region: eu-central-1}
  pg: {type: postgres, host: localhost, database: app, system_identifier: "7300000000000000007", user: runner,
    password_file: /run/pg}
  replica: {type: postgres, host: 127.0.0.1, database: app, system_identifier: "7300000000000000007", user: runner,
    password_file: /run/pg}
  other: {type: postgres, host: localhost, port: 5433, database: app, system_identifier: "7300000000000000008",
    user: runner, password_file: /run/pg}
  grafana: {type: http, origin: "https://grafana.example.com", credentials: {token: /run/a}}
  grafana-again: {type: http, origin: "https://grafana.example.com", credentials: {token: /run/a}}
  grafana-tenant: {type: http, origin: "https://grafana.example.com", credentials: {token: /run/b}}
secrets:
"""


PROBE = 'type: postgres-login, connection: pg, query: "select 1"'


def entry(name: str, issuer: str, probe: str = PROBE) -> str:
    return f"""\
  - id: {name}
    application: {name}
    environment: production
    owner: team
    class: production
    store: {{type: aws-secrets-manager, connection: aws, name: {name}}}
    issuer: {{{issuer}}}
    probe: {{{probe}}}
    destroy: by-hand
    consumers: [{{id: {name}-api, type: store-reader, refresh: 5m, accept_elapsed: true}}]
"""


def postgres(connection: str, roles: str) -> str:
    return f"type: postgres-login, connection: {connection}, {roles}"


A_AND_B = "pair: [app_a, app_b]"
SHARED = [
    A_AND_B,
    "pair: [app_b, app_a]",
    "pair: [app_b, app_c]",
    "user: app_b, in_place: true",
    "group: app_b",
]


def codes(found: Find, *issuers: str) -> set[str]:
    entries = [entry(f"s{n}", issuer) for n, issuer in enumerate(issuers)]
    findings = found(HEAD + "".join(entries))
    return {f.code for f in findings if f.path == "secrets[1].issuer"}


@pytest.mark.parametrize(("one", "two"), list(itertools.permutations(SHARED, 2)))
def test_a_role_in_two_entries_is_refused_whatever_it_is_there(
    found: Find, one: str, two: str
) -> None:
    assert codes(found, postgres("pg", one), postgres("replica", two)) == {
        "config.shared-credential"
    }


def test_other_roles_and_other_servers_are_others(found: Find) -> None:
    assert codes(found, postgres("pg", A_AND_B), postgres("pg", "pair: [app_c, app_d]")) == set()
    assert codes(found, postgres("pg", A_AND_B), postgres("other", A_AND_B)) == set()


def test_one_login_at_an_origin_is_one_whatever_its_connection_is_called(found: Find) -> None:
    def tokens(connection: str) -> str:
        return (
            f"type: http-api, connection: {connection}, service: grafana-service-account-token, "
            "name: billing, parameters: {service_account: '7'}, expires_in: 180d"
        )

    shared = {"config.shared-credential"}
    assert codes(found, tokens("grafana"), tokens("grafana-again")) == shared
    assert codes(found, tokens("grafana"), tokens("grafana-tenant")) == set()
