import fcntl
import json
import os
import stat
import struct
import subprocess
import sys
import tempfile
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from providers.consumers.file import FileConsumer
from providers.consumers.options import FileOptions
from rotation.errors import Ambiguous, Refused, RotationError, Transient
from rotation.interfaces import PluginContext
from rotation.runtime.clock import SystemClock
from rotation.testing.consumer import ConsumerConformance
from rotation.types import Fields, SecretValue

NAMES = {"user": "user", "password": "password"}
FIELDS = Fields(public={"user": "app"}, secret={"password": SecretValue("correct horse battery")})
TEMPORARY = ".db.json.rotation-tmp"


def consumer(root, name="db.json", *, names=NAMES, roots=None, **options):
    context = PluginContext(
        installation="0f3a9c2b71de",
        clock=SystemClock(),
        file_roots=(root,) if roots is None else roots,
        fields=names,
    )
    return FileConsumer(FileOptions(path=f"{root}/{name}", refresh_s=60, **options), context)


class FileBench:
    package = "providers.consumers"

    def __init__(self, root):
        self.root = root
        self.path = root / "db.json"

    def consumer(self):
        return consumer(self.root)

    def held(self):
        return json.loads(self.path.read_bytes()) if self.path.exists() else None

    def program(self, version, password):
        return f"""
from pathlib import Path
from providers.consumers.file import FileConsumer
from providers.consumers.options import FileOptions
from rotation.runtime.clock import SystemClock
from rotation.interfaces import PluginContext
from rotation.types import Fields, SecretValue

def deliver():
    root = Path({str(self.root)!r})
    context = PluginContext(
        installation="0f3a9c2b71de", clock=SystemClock(), file_roots=(root,), fields={NAMES!r}
    )
    fields = Fields(
        public={{"user": "app"}}, secret={{"password": SecretValue({password!r})}}
    )
    options = FileOptions(path=str(root / "db.json"), refresh_s=60)
    FileConsumer(options, context).deliver({version!r}, fields)
"""

    def traces(self):
        others = (path for path in self.root.rglob("*") if path != self.path and path.is_file())
        return b"".join(str(path).encode() + path.read_bytes() for path in others)

    def refuse(self):
        self.root.chmod(0o777)


class TestFileConformance(ConsumerConformance):
    @pytest.fixture
    def bench(self, tmp_path):
        return FileBench(tmp_path)


def test_only_its_owner_may_read_it(tmp_path):
    before = os.umask(0)
    try:
        consumer(tmp_path).deliver("v", FIELDS)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "db.json").stat().st_mode) == 0o600


def test_the_declared_mode_is_independent_of_the_umask(tmp_path):
    before = os.umask(0o777)
    try:
        consumer(tmp_path, mode="0640").deliver("v", FIELDS)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "db.json").stat().st_mode) == 0o640


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
@pytest.mark.parametrize(
    ("owner", "expected"),
    [("65534", (65534, 0)), ("65534:65533", (65534, 65533)), (":65533", (0, 65533))],
)
def test_the_file_belongs_to_the_declared_owner(tmp_path, owner, expected):
    consumer(tmp_path, owner=owner).deliver("v", FIELDS)
    status = (tmp_path / "db.json").stat()
    assert (status.st_uid, status.st_gid) == expected


ACL = struct.pack(
    "<I" + "HHI" * 5, 2,
    1, 6, 2**32 - 1,  # the owner: read, write
    2, 4, 65533,  # the user 65533: read
    4, 0, 2**32 - 1,  # the group: nothing
    16, 4, 2**32 - 1,  # the mask: read
    32, 0, 2**32 - 1,  # others: nothing
)  # fmt: skip
"""As the kernel keeps `u::rw-,u:65533:r--,g::---,m::r--,o::---`."""


def may_read(path, user, group=65532):
    """Whether a process of that user and group can read the file."""
    code = "import os, sys; os.setgroups([]); os.setgid(int(sys.argv[2])); os.setuid(int(sys.argv[1])); open(sys.argv[3]).read()"
    done = subprocess.run(
        [sys.executable, "-I", "-c", code, str(user), str(group), str(path)],
        capture_output=True, check=False,
    )  # fmt: skip
    return done.returncode == 0


def with_acl(path):
    try:
        os.setxattr(path, "system.posix_acl_access", ACL)
    except OSError:
        pytest.skip("this file system keeps no access lists")


@pytest.mark.parametrize("mode", [0o400, 0o440, 0o600, 0o640, 0o644, 0o660])
def test_the_mode_of_the_file_that_was_there_is_kept(tmp_path, mode):
    path = tmp_path / "db.json"
    path.write_text("old")
    path.chmod(mode)
    for _ in range(2):
        consumer(tmp_path).deliver("v", FIELDS)
        assert stat.S_IMODE(path.stat().st_mode) == mode


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
@pytest.mark.parametrize(
    ("declared", "expected"),
    [
        ({}, (65534, 65533, 0o640)),
        ({"mode": "0440"}, (65534, 65533, 0o440)),
        ({"owner": ":65532"}, (65534, 65532, 0o640)),
        ({"owner": "65532"}, (65532, 65533, 0o640)),
    ],
)
def test_owner_and_group_are_kept_but_for_what_is_declared(tmp_path, declared, expected):
    path = tmp_path / "db.json"
    path.write_text("old")
    os.chown(path, 65534, 65533)
    path.chmod(0o640)
    consumer(tmp_path, **declared).deliver("v", FIELDS)
    status = path.stat()
    assert (status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)) == expected


@pytest.mark.skipif(os.geteuid() != 0, reason="only root is another user at will")
def test_whoever_an_access_list_lets_read_reads_on_and_nobody_else(reachable):
    path = reachable / "db.json"
    path.write_text("old")
    with_acl(path)
    assert may_read(path, 65533)
    consumer(reachable).deliver("v", FIELDS)
    assert os.getxattr(path, "system.posix_acl_access") == ACL
    assert may_read(path, 65533)
    assert not may_read(path, 65532)


def test_the_directory_s_default_list_gives_nobody_more_than_the_file_did(tmp_path):
    path = tmp_path / "db.json"
    path.write_text("old")
    path.chmod(0o640)
    try:
        os.setxattr(tmp_path, "system.posix_acl_default", ACL)
    except OSError:
        pytest.skip("this file system keeps no access lists")
    consumer(tmp_path).deliver("v", FIELDS)
    assert "system.posix_acl_access" not in os.listxattr(path)


def as_user(number, work):
    """Runs it in a child that is that user; what it raises is what the child printed."""
    reading, writing = os.pipe()
    if (child := os.fork()) == 0:
        try:
            os.setgroups([])
            os.setgid(number)
            os.setuid(number)
            work()
            os.write(writing, b"done")
        except RotationError as error:
            os.write(writing, f"{error.code} {error}".encode())
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    reply = os.read(reading, 4096).decode()
    os.close(reading)
    os.close(writing)
    return reply


@pytest.mark.skipif(os.geteuid() != 0, reason="only root is another user at will")
@pytest.mark.parametrize(("user", "group"), [(0, 65533), (65534, 65533), (65533, 0)])
def test_a_file_whose_readers_this_runner_cannot_keep_is_not_replaced(reachable, user, group):
    os.chown(reachable, 65533, 65533)
    path = reachable / "db.json"
    path.write_text("old")
    os.chown(path, user, group)
    path.chmod(0o640)
    for work in (consumer(reachable).rehearse, lambda: consumer(reachable).deliver("v", FIELDS)):
        assert as_user(65533, work).startswith("consumer.readers")
    assert path.read_text() == "old"
    assert [found.name for found in reachable.iterdir()] == ["db.json"]
    own = consumer(reachable, owner="65533:65533")
    assert as_user(65533, lambda: own.deliver("v", FIELDS)) == "done"


@pytest.fixture
def reachable():
    """A directory that any user may come to."""
    with tempfile.TemporaryDirectory(prefix="rotation-file-") as place:
        Path(place).chmod(0o755)
        yield Path(place)


def test_a_file_with_a_second_name_is_not_replaced(tmp_path):
    path = tmp_path / "db.json"
    path.write_text("old")
    (tmp_path / "elsewhere.json").hardlink_to(path)
    for work in (consumer(tmp_path).rehearse, lambda: consumer(tmp_path).deliver("v", FIELDS)):
        with pytest.raises(Refused, match="2 names") as refused:
            work()
        assert refused.value.code == "consumer.other-names"
    assert path.read_text() == "old"


def test_a_file_that_is_a_mount_is_told_before_it_is_delivered_to(tmp_path):
    path = tmp_path / "with a blank.json"
    path.write_text("old")
    if subprocess.run(["mount", "--bind", path, path], capture_output=True, check=False).returncode:
        pytest.skip("mounts are not ours to make here")
    try:
        ours = consumer(tmp_path, path.name)
        for work in (ours.rehearse, lambda: ours.deliver("v", FIELDS)):
            with pytest.raises(Refused, match="mount of its own") as refused:
                work()
        assert refused.value.facts["void"] is True
        assert path.read_text() == "old"
    finally:
        subprocess.run(["umount", path], check=True)
    ours.deliver("v", FIELDS)


def test_a_rehearsal_leaves_nothing_and_changes_nothing(tmp_path):
    ours = consumer(tmp_path)
    ours.rehearse()
    assert list(tmp_path.iterdir()) == []
    ours.deliver("v", FIELDS)
    before = (tmp_path / "db.json").stat()
    ours.rehearse()
    assert (tmp_path / "db.json").stat() == before
    assert ours.leftovers() == ()


@pytest.mark.parametrize("failing", ["fchmod", "fsync", "open"])
def test_a_rehearsal_tells_what_a_delivery_would_be_refused_for(tmp_path, monkeypatch, failing):
    real = getattr(os, failing)

    def fail(*args, **kwargs):
        if failing == "open" and args[0] != TEMPORARY:
            return real(*args, **kwargs)
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(os, failing, fail)
    with pytest.raises(Refused, match="EROFS"):
        consumer(tmp_path).rehearse()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives directories away")
def test_the_directory_may_belong_to_the_file_s_owner_and_to_no_other_stranger(tmp_path):
    os.chown(tmp_path, 65534, -1)
    with pytest.raises(Refused, match="belongs to another user"):
        consumer(tmp_path).deliver("v", FIELDS)
    consumer(tmp_path, owner="65534").deliver("v", FIELDS)
    assert (tmp_path / "db.json").exists()


def test_an_owner_that_does_not_exist_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(Refused, match="does not exist"):
        consumer(tmp_path, owner="no-such-user-here").deliver("v", FIELDS)
    assert list(tmp_path.iterdir()) == []


def test_one_field_alone_is_the_file(tmp_path):
    consumer(tmp_path, only_field="password").deliver("v", FIELDS)
    assert (tmp_path / "db.json").read_bytes() == b"correct horse battery"


def test_a_secret_that_is_one_value_is_that_value(tmp_path):
    fields = Fields(secret={"password": FIELDS.secret["password"]})
    consumer(tmp_path, names={"password": ""}).deliver("v", fields)
    assert (tmp_path / "db.json").read_bytes() == b"correct horse battery"


def test_the_secret_s_own_names_are_used(tmp_path):
    names = {"user": "DB_USER", "password": "DB_PASSWORD"}
    consumer(tmp_path, names=names).deliver("v", FIELDS)
    assert json.loads((tmp_path / "db.json").read_text()) == {
        "DB_USER": "app",
        "DB_PASSWORD": "correct horse battery",
    }


def test_a_field_that_is_no_text_is_refused_without_quoting_it(tmp_path):
    fields = Fields(secret={"password": SecretValue("half a pair \ud800")})
    with pytest.raises(Refused) as refused:
        consumer(tmp_path, only_field="password").deliver("v", fields)
    assert "half" not in f"{refused.value}{refused.value.facts}"
    with pytest.raises(Refused, match="no field"):
        consumer(tmp_path, only_field="token").deliver("v", fields)


@pytest.mark.parametrize("mode", [0o777, 0o1777, 0o770])
def test_a_directory_that_others_may_write_is_refused(tmp_path, mode):
    tmp_path.chmod(mode)
    with pytest.raises(Refused, match="writable by others") as refused:
        consumer(tmp_path).deliver("v", FIELDS)
    assert refused.value.hint == f"chmod go-w {tmp_path}"
    assert list(tmp_path.iterdir()) == []


def test_so_is_one_below_a_directory_that_others_may_write(tmp_path):
    inner = tmp_path / "inner"
    inner.mkdir(0o700)
    tmp_path.chmod(0o777)
    with pytest.raises(Refused, match="writable by others"):
        consumer(inner).deliver("v", FIELDS)
    tmp_path.chmod(0o1777)
    consumer(inner).deliver("v", FIELDS)


def test_outside_the_roots_nothing_is_written(tmp_path):
    outside, root = tmp_path / "outside", tmp_path / "root"
    outside.mkdir(0o700)
    root.mkdir(0o700)
    for roots in ((root,), ()):
        with pytest.raises(Refused, match="file_roots"):
            consumer(outside, roots=roots).deliver("v", FIELDS)
    assert list(outside.iterdir()) == []


def test_a_link_in_the_way_is_refused_and_its_target_untouched(tmp_path):
    elsewhere, link = tmp_path / "elsewhere", tmp_path / "link"
    elsewhere.mkdir(0o700)
    link.symlink_to(elsewhere)
    with pytest.raises(Refused, match="is a link"):
        consumer(link, roots=(tmp_path,)).deliver("v", FIELDS)
    assert list(elsewhere.iterdir()) == []


def test_a_link_in_place_of_the_file_is_refused_and_its_target_untouched(tmp_path):
    target = tmp_path / "precious"
    target.write_text("precious")
    (tmp_path / "db.json").symlink_to(target)
    with pytest.raises(Refused, match="is a link"):
        consumer(tmp_path).deliver("v", FIELDS)
    assert target.read_text() == "precious"


def test_a_link_in_place_of_the_temporary_file_is_removed_and_its_target_untouched(tmp_path):
    target = tmp_path / "precious"
    target.write_text("precious")
    (tmp_path / TEMPORARY).symlink_to(target)
    consumer(tmp_path).deliver("v", FIELDS)
    assert target.read_text() == "precious"
    assert not (tmp_path / TEMPORARY).is_symlink()


@pytest.mark.parametrize("moment", [(fcntl, "flock"), (os, "fsync"), (os, "rename")])
def test_a_directory_exchanged_for_a_link_while_we_deliver_leads_nowhere(
    tmp_path, monkeypatch, moment
):
    """The path was checked; from then on the directory that was checked is used, not the path."""
    inside, attic, target = tmp_path / "in", tmp_path / "attic", tmp_path / "target"
    inside.mkdir(0o700)
    target.mkdir(0o700)
    module, name = moment
    call = getattr(module, name)

    def swap_then_call(*args, **kwargs):
        monkeypatch.undo()
        inside.rename(attic)
        inside.symlink_to(target)
        return call(*args, **kwargs)

    monkeypatch.setattr(module, name, swap_then_call)
    consumer(inside, roots=(tmp_path,)).deliver("v", FIELDS)
    assert list(target.iterdir()) == []
    assert [path.name for path in attic.iterdir()] == ["db.json"]


def test_a_file_exchanged_for_a_link_while_we_deliver_is_replaced_itself(tmp_path, monkeypatch):
    target = tmp_path / "precious"
    target.write_text("precious")
    fsync = os.fsync

    def swap_then_fsync(descriptor):
        if not (tmp_path / "db.json").exists():
            (tmp_path / "db.json").symlink_to(target)
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", swap_then_fsync)
    consumer(tmp_path).deliver("v", FIELDS)
    assert target.read_text() == "precious"
    assert not (tmp_path / "db.json").is_symlink()


@pytest.mark.parametrize("failing", ["rename", "fchmod", "fsync"])
def test_a_failure_of_the_system_leaves_the_old_file_and_no_temporary(
    tmp_path, monkeypatch, failing
):
    ours = consumer(tmp_path)
    ours.deliver("v", FIELDS)

    def fail(*args, **kwargs):
        raise OSError(28, "No space left on device", "file name")

    monkeypatch.setattr(os, failing, fail)
    with pytest.raises(Refused, match="ENOSPC") as refused:
        ours.deliver("v", Fields(secret={"password": SecretValue("another secret value")}))
    assert refused.value.facts == {"errno": "ENOSPC", "void": True}
    assert json.loads((tmp_path / "db.json").read_text())["user"] == "app"
    assert ours.leftovers() == ()


def test_a_temporary_name_that_cannot_be_had_is_a_refusal(tmp_path):
    (tmp_path / TEMPORARY).mkdir()
    with pytest.raises(Refused, match="cannot write"):
        consumer(tmp_path).deliver("v", FIELDS)


def test_what_a_killed_delivery_left_is_shown_and_then_removed(tmp_path):
    ours = consumer(tmp_path)
    assert ours.leftovers() == ()
    (tmp_path / TEMPORARY).write_text("half a sec")
    assert ours.leftovers() == (tmp_path / TEMPORARY,)
    ours.deliver("v", FIELDS)
    assert ours.leftovers() == ()
    assert [path.name for path in tmp_path.iterdir()] == ["db.json"]


def test_another_process_in_the_same_directory_is_waited_for(tmp_path):
    directory = os.open(tmp_path, os.O_RDONLY)
    try:
        fcntl.flock(directory, fcntl.LOCK_EX)
        with pytest.raises(Transient, match="another process"):
            consumer(tmp_path).deliver("v", FIELDS)
    finally:
        os.close(directory)
    consumer(tmp_path).deliver("v", FIELDS)


def test_threads_that_deliver_into_one_directory_do_not_meet(tmp_path):
    failed = []

    def deliver(number):
        value = Fields(secret={"password": SecretValue(f"value-number-{number}" * 100)})
        for _ in range(10):
            try:
                consumer(tmp_path).deliver("v", value)
            except RotationError as error:
                failed.append(error)

    threads = [threading.Thread(target=deliver, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert json.loads((tmp_path / "db.json").read_text())["password"].startswith("value-number-")


def test_no_descriptor_is_left_open(tmp_path):
    fds = Path("/proc/self/fd")
    if not fds.exists():
        pytest.skip("no /proc here")
    before = len(list(fds.iterdir()))
    for roots in ((tmp_path,), ()):
        try:
            consumer(tmp_path, roots=roots).deliver("v", FIELDS)
            consumer(tmp_path, "no/such/place").deliver("v", FIELDS)
        except Refused:
            pass
    assert len(list(fds.iterdir())) == before


def test_a_temporary_file_that_appears_meanwhile_is_not_written_into(tmp_path, monkeypatch):
    theirs = tmp_path / "theirs"
    theirs.write_text("theirs")

    def link_it_again(name, *, dir_fd):
        monkeypatch.undo()
        (tmp_path / TEMPORARY).hardlink_to(theirs)

    monkeypatch.setattr(os, "unlink", link_it_again)
    with pytest.raises(Refused, match="EEXIST"):
        consumer(tmp_path).deliver("v", FIELDS)
    assert theirs.read_text() == "theirs"


def test_a_replacement_that_may_not_outlive_a_power_failure_is_in_doubt(tmp_path, monkeypatch):
    fsync = os.fsync

    def fail_for_directories(descriptor):
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(5, "Input/output error")
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", fail_for_directories)
    with pytest.raises(Ambiguous) as ambiguous:
        consumer(tmp_path).deliver("v", FIELDS)
    assert ambiguous.value.facts == {"errno": "EIO"}
    assert json.loads((tmp_path / "db.json").read_text())["user"] == "app"


def test_what_is_composed_of_the_fields_is_delivered_with_them(tmp_path):
    url = "postgresql://app:EXAMPLE@db/app"
    fields = replace(FIELDS, composed={"url": SecretValue(url)})
    consumer(tmp_path).deliver("v1", fields)
    held = json.loads((tmp_path / "db.json").read_bytes())
    assert held == {"user": "app", "password": "correct horse battery", "url": url}
    consumer(tmp_path, "url", only_field="url").deliver("v1", fields)
    assert (tmp_path / "url").read_text() == url
