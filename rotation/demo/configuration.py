"""What an operator adds to the file that `rotation init` wrote."""

from __future__ import annotations

from pathlib import Path
from textwrap import indent

from rotation.demo.environment import APPLICATIONS, BILLING, ORDERS, PARTNER

REFRESH_S = 1
"""How often an application reads its credential."""


def configuration(
    commands: Path, handed: Path, *, connection: str, store: str, billing: str
) -> str:
    """handed: the file of an application of its own. store: of an application, with the name in
    braces. billing: how the vendor's credential is made and tried."""
    return f"""
commands: {commands}
file_roots: [{handed.parent}]

connections:
  demo:
{indent(connection.strip(), "    ")}

classes:
  demo: {{max_age: 90d, margin: 7d, quiet: 1s, soak: 2s}}

secrets:
{_secret(BILLING, store, billing)}
      - {{id: billing-api, type: store-reader, refresh: {REFRESH_S}s, accept_elapsed: true}}
{_secret(ORDERS, store, _of_a_service(ORDERS, "password: password", "kind: password"))}
      - {{id: orders-service, type: command, role: verifier, argv: [{ORDERS}]}}
      - {{id: orders-api, type: file, path: {handed}, refresh: {REFRESH_S}s, accept_elapsed: true}}
{_secret(PARTNER, store, _of_a_service(PARTNER, "token: token", "kind: token, prefix: prt_"))}
      - {{id: partner-service, type: command, role: verifier, argv: [{PARTNER}]}}
      - {{id: partner-client, type: store-reader, refresh: {REFRESH_S}s, accept_elapsed: true}}
"""


def _secret(name: str, store: str, made: str) -> str:
    application = APPLICATIONS[name]
    return f"""
  - id: {name}
    class: demo
    application: {application}
    environment: demo
    owner: team-{application}
    store: {{{store.format(application=application)}}}
{indent(made.strip(), "    ")}
    consumers:"""


def _of_a_service(name: str, fields: str, issuer: str) -> str:
    return f"""
issuer: {{type: generated, {issuer}}}
fields: {{{fields}}}
probe: {{type: command, argv: [{name}]}}
destroy: unattended                 # a person's turn by default: it cannot be switched off first
"""
