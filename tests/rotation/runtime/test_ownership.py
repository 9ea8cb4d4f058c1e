"""Files that decide what a runner does: nobody else may have written them."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from rotation.runtime.ownership import flaws, read_secret

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


@as_root
@pytest.mark.parametrize("broken", ["its directory", "the link", "the directory's way"])
def test_a_link_in_the_middle_is_looked_at_like_the_first(
    secret: Path, tmp_path: Path, broken: str
) -> None:
    """Both ends are ours, and who may change the middle decides which file it is."""
    shared = tmp_path / "srv" / "shared"
    shared.mkdir(parents=True)
    (shared / "hop").symlink_to(secret)
    link = tmp_path / "token"
    link.symlink_to(shared / "hop")
    assert read_secret(link) == b"of-the-runner"
    match broken:
        case "its directory":
            shared.chmod(0o777)
        case "the link":
            os.lchown(shared / "hop", 4711, -1)
        case _:
            os.chown(shared.parent, 4711, -1)
    with pytest.raises(PermissionError):
        read_secret(link)


def test_the_files_of_a_pod_are_read(tmp_path: Path) -> None:
    """name -> ..data/name, ..data -> ..2026_11_30, in a directory such as /tmp."""
    (tmp_path / "..2026_11_30").mkdir(mode=0o755)
    (tmp_path / "..2026_11_30" / "token").write_text("of-the-pod")
    (tmp_path / "..data").symlink_to("..2026_11_30")
    (tmp_path / "token").symlink_to("..data/token")
    tmp_path.chmod(0o1777)
    assert read_secret(tmp_path / "token") == b"of-the-pod"


def test_a_directory_on_the_way_may_be_a_link_and_lead_back_up(secret: Path) -> None:
    (secret.parent / "there").symlink_to("../rotation/../rotation")
    assert read_secret(secret.parent / "there" / "login") == b"of-the-runner"


def test_links_in_a_circle_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(OSError, match="symbolic links"):
        read_secret(tmp_path / "a")


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
