import pytest

from rotation.journal.memory import MemoryJournal
from rotation.testing.journal import JournalConformance, simple_row


class TestMemoryJournal(JournalConformance):
    @pytest.fixture
    def journal(self):
        return MemoryJournal("0123456789ab", summarise=simple_row)
