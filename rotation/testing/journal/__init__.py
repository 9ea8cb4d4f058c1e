"""What every journal must do. Subclass `JournalConformance` and give it a fixture `journal` that is
empty and was made with `summarise=simple_row`."""

from rotation.testing.journal.drafts import Crash, simple_row
from rotation.testing.journal.entries import EntriesConformance
from rotation.testing.journal.leases import LeasesConformance
from rotation.testing.journal.rows import RowsConformance

__all__ = ["Crash", "JournalConformance", "simple_row"]


class JournalConformance(EntriesConformance, LeasesConformance, RowsConformance):
    pass
