"""What tests stand on. Nothing is imported from a test or a conftest, which pytest alone loads."""

from pathlib import Path

import pytest

# Their assertions tell as much as a test's own.
pytest.register_assert_rewrite(
    *(f"{__name__}.{path.stem}" for path in Path(__file__).parent.glob("[!_]*.py"))
)
