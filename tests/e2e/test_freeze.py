"""A freeze beside a live runner: what it stops goes on once it is lifted, and nobody has to help."""

import pytest

from tests.e2e.installation import Installation, aws, installation

__all__ = ["aws", "installation"]  # the fixtures


@pytest.mark.parametrize("kind", [(), ("--all",)])
def test_what_a_freeze_stopped_goes_on_once_it_is_lifted(
    installation: Installation, kind: tuple[str, ...]
) -> None:
    installation.write(secret="    state: active\n")
    installation.aws.faults.latency(300)
    served = installation.serve()
    served.await_event("rotation.minted")
    installation.succeeds("freeze", *kind, "--reason", "incident")
    installation.aws.faults.latency(0)
    served.await_event("rotation.verified")
    assert not served.named("rotation.closed")
    installation.succeeds("freeze", *kind, "--lift")
    served.await_event("rotation.closed")
    assert installation.is_whole()
    served.end()
