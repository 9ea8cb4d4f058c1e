"""A real Chromium, from the system's package: tests that need it are skipped without it and say so; where
CI or ROTATION_REQUIRE_REAL is set they fail."""

import html
import json
import re
import shutil
import subprocess
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from tests.real.vault_binary import REQUIRED

NAMES = ("chromium", "chromium-browser", "google-chrome")
MISSING = "Chromium is missing: `apt-get install chromium` has it"
# The result becomes part of the page, which the browser prints.
ASK = """<script>{axe}</script><script>
axe.run().then(found => {{
  const out = document.createElement("pre");
  out.id = "axe-found";
  out.textContent = JSON.stringify({{violations: found.violations, passes: found.passes.length}});
  document.body.append(out);
}});
</script>"""


def chromium() -> str:
    """The program, or the end of this test."""
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None and REQUIRED:
        pytest.fail(MISSING)
    if program is None:
        pytest.skip(MISSING)
    return program


def axe(page: Path, directory: Path, *switches: str) -> dict[str, Any]:
    """What axe-core says of that page in this browser."""
    rules = files("axe_core_python").joinpath("axe.min.js").read_text(encoding="utf-8")
    asked = directory / f"asked-{page.name}"
    asked.write_text(page.read_text().replace("</body>", ASK.format(axe=rules) + "</body>"))
    done = subprocess.run(
        [chromium(), "--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=60000",
         f"--user-data-dir={directory / 'profile'}", *switches, "--dump-dom", asked.as_uri()],
        capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    found = re.search(r'<pre id="axe-found">(.*?)</pre>', done.stdout, re.DOTALL)
    assert found is not None, done.stderr[-2000:]
    said: dict[str, Any] = json.loads(html.unescape(found[1]))
    return said
