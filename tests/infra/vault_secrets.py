"""The runner's file: a secret of every pair that ends in Vault, and who logs in."""

CONFIGURATION = """
{head}
bindings: rotation.infra.json
commands: commands
connections:
  vault:
    type: vault
    address: {address}
    cluster: {cluster}
{login}
  db:
    type: postgres
    host: {database.host}
    port: {database.port}
    database: {database.database}
    system_identifier: "{database.system_identifier}"
    user: {database.user}
    password_file: {database.password_file}
    emergency_user: {database.emergency_user}
    emergency_password_file: {database.emergency_password_file}
classes:
  quick: {{max_age: 90d, margin: 7d, quiet: 0s, soak: 0s}}
secrets:
"""

SECRET = """
  - id: {id}
    application: {application}
    environment: production
    owner: team
    class: quick
    store: {{type: vault-kv2, connection: vault, mount: apps, path: prod/{path}}}
    issuer: {issuer}
    {probe}
    consumers: [{{id: api, type: command, argv: [give], {seen}}}]
    destroy: {destroy}
"""

LOGINS = {
    "runner": "    role: runner\n    login_file: {directory}/secret-id",
    "operator": "    auth: token\n    login_file: {directory}/operator",
    "emergency": "    auth: token\n    login_file: {directory}/emergency",
}
"""The runner's, and those of people whom the stack's policies for them were given to."""

ISSUERS = {
    "billing-token": "{type: generated, kind: token, prefix: bil_, unverified: true}",
    "billing-login": "{type: vault-approle, connection: vault, role: billing}",
    "orders-login": (
        "{type: vault-approle, connection: vault, role: orders, origin: chosen, uses: 100000}"
    ),
    "billing-database": "{type: postgres-login, connection: db, group: billing}",
    "orders-database": (
        "{type: vault-database-static, connection: vault, role: orders, in_place: true}"
    ),
}
"""A secret of each issuer of Vault in each way that it may be used, and of two that are none: one of
them can suspend."""

IN_PLACE, SUSPENDS = {"orders-database"}, {"billing-database"}

PROBES = {
    "login": "probe: {type: vault-login, connection: vault}",
    "database": "probe: {type: postgres-login, connection: db, query: select 1}",
    "token": "",
}
