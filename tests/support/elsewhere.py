"""What another distribution brings, and that nothing of it is remembered."""

from pathlib import Path
from typing import Any

from rotation.config import plugins
from rotation.interfaces import PluginContext
from rotation.plugins import registry
from rotation.runtime.clock import SystemClock

PATH = "billing/mail"
CONFIGURATION = """
installation: "0123456789ab"
plugins:
  - {distribution: acme-rotation, version: "1.0"}
  - {distribution: Acme_Broken, version: "1.0"}
connections:
  main: {type: aws, account: "123456789012", region: eu-west-1MORE}
  cluster: {type: acme-cluster, directory: DIRECTORY, owner: platform}
secrets:
  - id: mail
    application: mail
    environment: production
    owner: team-mail
    store: {type: aws-secrets-manager, connection: main, name: mail}
    issuer: {type: acme-smtp, connection: main, user: mail, unverified: no-relay}
    consumers:
      - {id: api, type: acme-cluster, connection: cluster, path: billing/mail, argv: "-v"}
"""


def forget_plugins() -> None:
    for remembered in (registry.installed, plugins._options_shape, plugins._breaches):
        remembered.cache_clear()


def written(text: str, directory: Path) -> Path:
    path = directory / "rotation.yaml"
    path.write_text(text)
    path.chmod(0o600)
    return path


def built(directory: str) -> Any:
    from acme_rotation.cluster import Cluster, ClusterConsumer  # noqa: PLC0415 -- as installed
    from acme_rotation.options import ClusterConnection, ClusterOptions  # noqa: PLC0415

    there = ClusterConnection(directory=directory)
    cluster = Cluster(there, installation="0123456789ab", clock=SystemClock())
    context = PluginContext(
        installation="0123456789ab", clock=SystemClock(), connections={"cluster": cluster}
    )
    return ClusterConsumer(ClusterOptions(connection="cluster", path=PATH), context)
