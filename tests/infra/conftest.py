"""What needs Pulumi's SDKs is tested in an environment of its own: they are large."""

from importlib.util import find_spec
from shutil import which

HERE = find_spec("pulumi") is not None

collect_ignore_glob = [] if HERE else ["test_*.py"]


def pytest_report_header() -> str | None:
    if not HERE:
        return "infra/: NOT tested here, Pulumi's SDKs are missing: make test-infra"
    if which("pulumi") is None:
        return "infra/: NOT run under Pulumi's own engine here, `pulumi` is not on PATH"
    return None
