"""What is shipped for tests: the suites that hold a provider to the contract.

A suite is a class of tests. A provider's own test inherits from it and overrides one fixture,
`bench`: the adapter together with the *service's* opinion of what the adapter did. The suites
never believe the adapter.

    class TestMyIssuer(IssuerConformance, traits=MyOptions.TRAITS):
        @pytest.fixture
        def bench(self) -> Iterator[IssuerBench]:
            ...
"""

from enum import StrEnum
from importlib.util import find_spec

_SUITES = ("consumer", "issuer", "journal", "probe", "store")

if find_spec("pytest") is not None:
    import pytest

    # Before the suites are imported, so that their assertions say what they saw.
    pytest.register_assert_rewrite(*(f"{__name__}.{suite}" for suite in _SUITES))


class CallFault(StrEnum):
    """What may go wrong with a call. A bench makes it happen to the next call of one method."""

    DENIED = "denied"  # the service says that we may not
    THROTTLED = "throttled"  # the service says "later"; nothing happened
    UNREACHABLE = "unreachable"  # it cannot be reached; nothing was sent
    # the service says that it failed; nothing happened, but the caller cannot know
    BROKEN = "broken"
    LOST = "lost"  # the service did it, and the answer never arrived
