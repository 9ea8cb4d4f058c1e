"""Files that decide what a runner does: nobody else may have written them."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from rotation.ownership import flaws, read_secret

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives a file away")

WAYS: dict[str, Callable[[Path], None]] = {
    "others may write it": lambda path: path.chmod(0o666),
    "its group may write it": lambda path: path.chmod(0o660),
    "others may replace it": lambda path: path.parent.chmod(0o777),
    "others may replace its directory": lambda path: path.parent.parent.chmod(0o777),
    "it is a directory": lambda path: (path.unlink(), path.mkdir())[0],
    "it is a pipe": lambda path: (path.unlink(), os.mkfifo(path, 0o600))[0],
    "it is too long": lambda path: path.write_bytes(b"x" * 70_000) and None,
    "it is not there": Path.unlink,
}
AS_ROOT: dict[str, Callable[[Path], None]] = {
    "it is somebody else's": lambda path: os.chown(path, 4711, -1),
    "its directory is somebody else's": lambda path: os.chown(path.parent, 4711, -1),
}


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "etc" / "rotation" / "login"
    path.parent.mkdir(parents=True)
    path.write_text("of-the-runner")
    path.chmod(0o600)
    return path


def test_what_the_runner_or_root_wrote_is_read(secret: Path) -> None:
    assert read_secret(secret) == b"of-the-runner"
    secret.chmod(0o440)  # what a pod gets
    assert read_secret(secret) == b"of-the-runner"


def test_a_link_that_the_runner_or_root_made_is_followed(secret: Path, tmp_path: Path) -> None:
    """A pod's token is one."""
    link = tmp_path / "token"
    link.symlink_to(secret)
    assert read_secret(link) == b"of-the-runner"
    secret.chmod(0o666)
    with pytest.raises(OSError, match="others may change"):
        read_secret(link)


@as_root
def test_a_link_of_somebody_else_is_not(secret: Path, tmp_path: Path) -> None:
    """In a directory such as /tmp anybody may make one, to a file of ours."""
    tmp_path.chmod(0o1777)
    link = tmp_path / "token"
    link.symlink_to(secret)
    os.lchown(link, 4711, -1)
    with pytest.raises(OSError, match="somebody else owns"):
        read_secret(link)


@pytest.mark.parametrize("way", WAYS)
def test_any_other_file_is_refused(secret: Path, way: str) -> None:
    WAYS[way](secret)
    with pytest.raises(OSError) as caught:  # noqa: PT011 -- its text is looked at
        read_secret(secret)
    assert caught.value.strerror
    assert str(secret.parent) not in caught.value.strerror


@as_root
@pytest.mark.parametrize("way", AS_ROOT)
def test_so_is_what_somebody_else_owns(secret: Path, way: str) -> None:
    AS_ROOT[way](secret)
    with pytest.raises(OSError, match="somebody else owns"):
        read_secret(secret)


def test_in_a_directory_such_as_tmp_others_cannot_replace_ours(secret: Path) -> None:
    secret.parent.chmod(0o1777)
    assert list(flaws(secret)) == []
