"""The consumer that fetches the secret by itself."""

from providers.consumers.options import StoreReaderOptions
from rotation.interfaces import PluginContext
from rotation.types import Fields


class StoreReader:
    """Nothing is delivered: after its declared refresh time it has the new version."""

    def __init__(self, options: StoreReaderOptions, context: PluginContext) -> None:
        pass

    def deliver(self, version: str, fields: Fields) -> None:
        pass
