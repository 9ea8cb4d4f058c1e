"""Another distribution, as installed as if pip had unpacked it."""

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.elsewhere import forget_plugins

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    site = tmp_path_factory.mktemp("site")
    shutil.copytree(HERE / "acme_rotation", site / "acme_rotation")
    about = site / "acme_rotation-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-rotation\nVersion: 1.0\n")
    shutil.copy(HERE / "entry_points.txt", about)
    with pytest.MonkeyPatch.context() as patched:
        patched.syspath_prepend(site)
        forget_plugins()
        yield site
    for name in [name for name in sys.modules if name.partition(".")[0] == "acme_rotation"]:
        del sys.modules[name]
    forget_plugins()
