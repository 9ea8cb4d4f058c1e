from pathlib import Path

from providers.consumers.options import StoreReaderOptions
from providers.consumers.store_reader import StoreReader
from rotation.interfaces import PluginContext
from rotation.runtime.clock import SystemClock
from rotation.types import Fields, SecretValue


class Untouchable(SecretValue):
    """A secret that nobody looks at."""

    def reveal(self):
        raise AssertionError("a reader of the store is given nothing")


def test_a_reader_of_the_store_is_given_nothing(tmp_path):
    context = PluginContext(
        installation="0f3a9c2b71de", clock=SystemClock(), file_roots=(tmp_path,)
    )
    reader = StoreReader(StoreReaderOptions(refresh_s=60), context)
    reader.deliver("v", Fields(secret={"password": Untouchable("correct horse")}))
    assert list(Path(tmp_path).iterdir()) == []
