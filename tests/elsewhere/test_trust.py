"""A package of others runs only if the configuration names it, as it is installed."""

import json
import py_compile
import shutil
import subprocess
import sys
from importlib.metadata import PathDistribution, entry_points
from importlib.util import MAGIC_NUMBER
from pathlib import Path
from py_compile import PycInvalidationMode

import pytest
from click.testing import CliRunner, Result

from rotation.cli.app import program
from rotation.config import ConfigInvalid, Finding, load
from rotation.errors import UsageError
from rotation.plugins.registry import installed
from rotation.plugins.trust import Trust, foreign, is_foreign, normal
from tests.support.elsewhere import CONFIGURATION, forget_plugins, written

TRUSTS = '  - {distribution: acme-rotation, version: "1.0"}\n'
OTHERS = '  - {distribution: Acme_Broken, version: "1.0"}\n'
LINES = f"plugins:\n{TRUSTS}{OTHERS}"


@pytest.fixture
def text(site: Path, tmp_path: Path) -> str:
    whole = CONFIGURATION.replace("DIRECTORY", str(tmp_path)).replace("MORE", "")
    assert LINES in whole
    return whole


@pytest.fixture
def untrusted(text: str, tmp_path: Path) -> Path:
    return written(text.replace(LINES, ""), tmp_path)


def run(path: Path, *words: str) -> Result:
    return CliRunner().invoke(program, ["-c", str(path), *words])


def refused(path: Path) -> list[Finding]:
    with pytest.raises(ConfigInvalid) as caught:
        load(path)
    return list(caught.value.errors)


def test_nothing_of_a_package_that_is_not_named_is_run(untrusted: Path, site: Path) -> None:
    """Reading its options would import it: in a process of its own it would leave a trace."""
    code = (
        "import sys\n"
        f"sys.path.insert(0, {str(site)!r})\n"
        "from pathlib import Path\n"
        "from rotation.config import ConfigInvalid, load\n"
        "try:\n"
        f"    load(Path({str(untrusted)!r}))\n"
        "except ConfigInvalid as error:\n"
        "    print(sorted({found.code for found in error.errors}))\n"
        "print([name for name in sys.modules if name.startswith('acme')])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=50, check=True
    )
    assert done.stdout.splitlines() == ["['plugin.untrusted']", "[]"]


def test_the_finding_names_plugin_package_line_and_the_way_out(untrusted: Path) -> None:
    first = refused(untrusted)[0]
    assert (first.line, first.path, first.code) == (
        5, "connections.cluster.type", "plugin.untrusted",
    )  # fmt: skip
    assert "`acme-cluster` comes from acme-rotation 1.0" in first.message
    assert "rotation trust acme-rotation" in first.hint


def test_another_version_is_not_the_one_that_was_looked_at(text: str, tmp_path: Path) -> None:
    path = written(
        text.replace('acme-rotation, version: "1.0"', 'acme-rotation, version: "0.9"'), tmp_path
    )
    assert {found.code for found in refused(path)} == {"plugin.other-version"}
    assert "acme-rotation 1.0, and `plugins:` trusts 0.9" in refused(path)[0].message


def test_the_way_out_leads_out_and_a_change_afterwards_is_refused(
    untrusted: Path, site: Path
) -> None:
    before = untrusted.read_text()
    shown = run(untrusted, "trust", "acme-rotation")
    assert "not trusted" in shown.stdout
    assert untrusted.read_text() == before, "it only shows"
    done = run(untrusted, "trust", "acme-rotation", "--write")
    assert done.exit_code == 0, done.output
    assert "trusted" in done.stdout
    assert untrusted.read_text().startswith(before.rstrip()), "what was there stays as it was"
    assert untrusted.stat().st_mode & 0o777 == 0o600
    assert len(load(untrusted)) == 1
    module = site / "acme_rotation" / "smtp.py"
    source = module.read_text()
    try:
        module.write_text(f"{source}\n# another line\n")
        assert {found.code for found in refused(untrusted)} == {"plugin.changed"}
        assert "acme-rotation 1.0, which has `acme-cluster`" in refused(untrusted)[0].message
        assert "its files have changed" in run(untrusted, "trust").stdout
        again = run(untrusted, "trust", "acme-rotation", "--write")
        assert again.exit_code == 0
        assert untrusted.read_text().count("acme-rotation, version") == 1, "in place of the former"
        assert len(load(untrusted)) == 1
    finally:
        module.write_text(source)


def test_a_file_that_it_adds_is_a_change(untrusted: Path, site: Path) -> None:
    run(untrusted, "trust", "acme-rotation", "--write")
    added = site / "acme_rotation" / "more.py"
    added.touch()
    try:
        assert {found.code for found in refused(untrusted)} == {"plugin.changed"}
    finally:
        added.unlink()


def test_a_linked_directory_in_place_of_one_is_a_change(
    untrusted: Path, site: Path, tmp_path: Path
) -> None:
    inner, other = site / "acme_rotation" / "inner", tmp_path / "other"
    for place in (inner, other):
        place.mkdir()
        (place / "code.py").write_text("X = 1\n")
    try:
        run(untrusted, "trust", "acme-rotation", "--write")
        assert len(load(untrusted)) == 1
        shutil.move(inner, tmp_path / "former")
        inner.symlink_to(other)
        assert len(load(untrusted)) == 1, "the same code by a link"
        (other / "code.py").write_text("X = 2\n")
        assert {found.code for found in refused(untrusted)} == {"plugin.changed"}
        inner.unlink()
        inner.symlink_to("..")  # a circle is walked once
        assert {found.code for found in refused(untrusted)} == {"plugin.changed"}
    finally:
        inner.unlink()


@pytest.mark.parametrize("module", ["providers.acme", "rotation.acme", "acme"])
@pytest.mark.parametrize("name", ["acme-tools", "rotation-tools", "rotation.evil", "providers"])
def test_a_package_of_others_under_our_names_is_one_of_others(
    tmp_path: Path, module: str, name: str
) -> None:
    about = tmp_path / f"{name}-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Name: {name}\nVersion: 1.0\n\nName: rotation\n")
    (about / "entry_points.txt").write_text(f"[rotation.issuers]\nacme = {module}:I\n")
    [point] = PathDistribution(about).entry_points
    assert is_foreign(point)
    assert list(foreign([point])) == [normal(name)]
    with pytest.raises(UsageError, match=f"comes from {name} 1.0, which `plugins:` does not name"):
        Trust().check(point)


def test_ours_need_no_trust() -> None:
    ours = [each for each in entry_points(group="rotation.issuers") if each.name == "generated"]
    assert [is_foreign(each) for each in ours] == [False]


def test_what_the_interpreter_writes_is_no_change(untrusted: Path, site: Path) -> None:
    run(untrusted, "trust", "acme-rotation", "--write")
    cache = site / "acme_rotation" / "__pycache__"
    cache.mkdir(exist_ok=True)
    compiled = py_compile.compile(
        str(site / "acme_rotation" / "smtp.py"), invalidation_mode=PycInvalidationMode.TIMESTAMP
    )
    assert Path(str(compiled)).parent == cache
    assert len(load(untrusted)) == 1


@pytest.mark.parametrize("name", ["smtp.cpython-999.pyc", "more.py", "more.so"])
def test_what_is_run_in_place_of_its_source_is_a_change(
    untrusted: Path, site: Path, name: str
) -> None:
    """A compiled file that no source is compared with, and code where only such files belong."""
    run(untrusted, "trust", "acme-rotation", "--write")
    cache = site / "acme_rotation" / "__pycache__"
    cache.mkdir(exist_ok=True)
    unchecked = MAGIC_NUMBER + (1).to_bytes(4, "little") + bytes(8)
    (cache / name).write_bytes(unchecked)
    try:
        assert {found.code for found in refused(untrusted)} == {"plugin.changed"}
    finally:
        (cache / name).unlink()


def test_doctor_lists_plugins_package_version_and_digest(text: str, tmp_path: Path) -> None:
    path = written(text.replace("acme-smtp", "generated").replace(
        "connection: main, user: mail, unverified: no-relay", "kind: token, unverified: true"
    ), tmp_path)  # fmt: skip
    made = run(path, "init")
    assert made.exit_code == 0, made.output
    done = run(path, "doctor", "-o", "json")
    assert done.stdout, done.output
    reply = json.loads(done.stdout)
    [found] = [each for each in reply["checks"] if each["subject"].startswith("plugins of")]
    assert found["subject"] == "plugins of acme-rotation 1.0"
    assert "consumers: acme-cluster" in found["finding"]
    assert "sha256:" in found["finding"]


def test_a_refused_configuration_does_not_change_what_the_former_one_trusts(
    text: str, tmp_path: Path
) -> None:
    load(written(text, tmp_path))
    assert installed().load("issuers", "acme-smtp")
    with pytest.raises(ConfigInvalid):
        load(written(text.replace(LINES, ""), tmp_path))
    assert installed().load("issuers", "acme-smtp")


def test_what_the_next_configuration_does_not_name_is_not_loaded_again(
    text: str, tmp_path: Path
) -> None:
    load(written(text, tmp_path))
    load(written(text[: text.index("plugins:")].strip() + "\n", tmp_path))
    with pytest.raises(UsageError, match="which `plugins:` does not name"):
        installed().load("issuers", "acme-smtp")


def test_the_schema_for_editors_has_what_is_trusted(untrusted: Path, text: str) -> None:
    forget_plugins()
    assert "acme-smtp" not in run(untrusted, "config", "schema").stdout
    untrusted.write_text(text)
    assert "acme-smtp" in run(untrusted, "config", "schema").stdout


def test_a_file_in_an_unusual_form_is_left_alone(untrusted: Path) -> None:
    untrusted.write_text(f"plugins: []\n{untrusted.read_text()}")
    before = untrusted.read_text()
    done = run(untrusted, "trust", "acme-rotation", "--write")
    assert done.exit_code == 2
    assert "trust.by-hand" in done.stderr
    assert "distribution: acme-rotation" in done.stderr
    assert untrusted.read_text() == before


def test_an_unknown_package(untrusted: Path) -> None:
    done = run(untrusted, "trust", "acme-rotations")
    assert done.exit_code == 6
    assert "there is acme-rotation" in done.stderr
    assert run(untrusted, "trust", "--write").exit_code == 2


def test_all_of_them_as_json(untrusted: Path) -> None:
    [package] = json.loads(run(untrusted, "trust", "-o", "json").stdout)["packages"]
    assert (package["name"], package["version"]) == ("acme-rotation", "1.0")
    assert package["standing"] == "not trusted"
    assert "issuers: acme-smtp" in package["plugins"]
