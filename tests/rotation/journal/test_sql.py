import pytest

from rotation.journal.sql import open_journal
from rotation.testing.journal import JournalConformance, simple_row

ORIGIN = "0123456789ab"


class TestSqliteJournal(JournalConformance):
    @pytest.fixture
    def journal(self, tmp_path):
        with open_journal(tmp_path / "journal.db", ORIGIN, summarise=simple_row) as journal:
            yield journal
