"""What another distribution brings, and that nothing of it is remembered."""

from typing import Any

from rotation.config import plugins
from rotation.interfaces import PluginContext
from rotation.plugins import registry
from rotation.runtime.clock import SystemClock

PATH = "billing/mail"


def forget_plugins() -> None:
    for remembered in (registry.installed, plugins.options_shape, plugins._breaches):
        remembered.cache_clear()


def built(directory: str) -> Any:
    from acme_rotation.cluster import Cluster, ClusterConsumer  # noqa: PLC0415 -- as installed
    from acme_rotation.options import ClusterConnection, ClusterOptions  # noqa: PLC0415

    there = ClusterConnection(directory=directory)
    cluster = Cluster(there, installation="0123456789ab", clock=SystemClock())
    context = PluginContext(
        installation="0123456789ab", clock=SystemClock(), connections={"cluster": cluster}
    )
    return ClusterConsumer(ClusterOptions(connection="cluster", path=PATH), context)
