"""What an emergency writes where there is no journal."""

import errno
import os
from pathlib import Path

import pytest

from rotation.journal import spill


def test_a_line_that_the_disk_took_half_of_makes_no_nonsense_of_the_others(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    header = {
        "installation": "0123456789ab", "stream": "simulated-app", "secret": "app", "spec": {},
        "who": "ann", "at": "2026-01-01T00:00:00Z", "reason": "leaked", "scope": ["KEY1", "KEY2"],
        "active": ["KEY1"], "destroy_foreign": False,
    }  # fmt: skip
    open_ = spill.begin(iter([tmp_path]), "a" * 12, header)
    assert open_ is not None
    write = os.write

    def full(descriptor: int, raw: bytes) -> int:
        if len(raw) < 10:
            raise OSError(errno.ENOSPC, "no space left")
        return write(descriptor, raw[:-9])

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", full)
        with pytest.raises(OSError, match="no space"):
            open_.add({"contained": "KEY1"})
    open_.add({"contained": "KEY2"})
    open_.close()
    record = spill.read(open_.path, "0123456789ab")
    assert (record.scope, record.contained) == (("KEY1", "KEY2"), ("KEY2",))
