"""What needs Pulumi's SDKs is tested in an environment of its own: they are large."""

from importlib.util import find_spec
from shutil import which

HERE = find_spec("pulumi") is not None

collect_ignore = (
    []
    if HERE
    else [
        "test_program.py",
        "test_alarms.py",
        "test_bad_input.py",
        "test_beside.py",
        "test_denied.py",
        "test_enforced.py",
        "test_engine.py",
        "test_missing.py",
        "test_pack.py",
        "test_scale.py",
        "test_vault.py",
        "test_vault_bad_input.py",
        "test_vault_denied.py",
        "test_vault_engine.py",
        "test_vault_escalations.py",
    ]
)


def pytest_report_header() -> str | None:
    if not HERE:
        return "infra/: NOT tested here, Pulumi's SDKs are missing: make test-infra"
    if which("pulumi") is None:
        return "infra/: NOT run under Pulumi's own engine here, `pulumi` is not on PATH"
    return None
