"""What needs Pulumi's SDKs is tested in an environment of its own: they are large."""

from importlib.util import find_spec

HERE = find_spec("pulumi") is not None

collect_ignore = (
    []
    if HERE
    else [
        "test_program.py",
        "test_alarms.py",
        "test_bad_input.py",
        "test_denied.py",
        "test_enforced.py",
        "test_pack.py",
        "test_vault.py",
        "test_vault_bad_input.py",
    ]
)


def pytest_report_header() -> str | None:
    return None if HERE else "infra/: NOT tested here, Pulumi's SDKs are missing: make test-infra"
