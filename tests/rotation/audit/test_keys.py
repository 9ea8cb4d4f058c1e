"""Keys of checkpoints."""

from pathlib import Path

import pytest

from rotation.audit.keys import new_key, read_private, read_public
from rotation.errors import UsageError


def test_a_new_key_signs_and_its_public_part_verifies(tmp_path: Path) -> None:
    path = tmp_path / "audit.pem"
    key = new_key(path)
    assert path.stat().st_mode & 0o777 == 0o600
    beside = tmp_path / "audit.pub"
    beside.write_text(key.public.pem)
    signature = read_private(path).sign(b"content")
    public = read_public(beside)
    assert public.id == key.id
    assert public.verifies(b"content", signature)
    assert not public.verifies(b"other", signature)
    assert not public.verifies(b"content", signature[:-1])


def test_a_key_is_never_overwritten(tmp_path: Path) -> None:
    new_key(tmp_path / "audit.pem")
    with pytest.raises(UsageError):
        new_key(tmp_path / "audit.pem")


@pytest.mark.parametrize("mode", [0o644, 0o622])
def test_a_key_that_others_may_read_or_change_is_refused(tmp_path: Path, mode: int) -> None:
    new_key(tmp_path / "audit.pem")
    (tmp_path / "audit.pem").chmod(mode)
    with pytest.raises(UsageError) as refused:
        read_private(tmp_path / "audit.pem")
    assert refused.value.code == "audit.key"


def test_what_is_no_key_is_refused_and_never_shown(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_text("hunter2-Canary")
    path.chmod(0o600)
    for read in (read_private, read_public):
        with pytest.raises(UsageError) as refused:
            read(path)
        assert "Canary" not in str(refused.value)
    private = tmp_path / "audit.pem"
    new_key(private)
    with pytest.raises(UsageError):
        read_public(private)
