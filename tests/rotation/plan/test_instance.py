"""A row says which part of the secret it is about."""

from rotation.plan import OnFailure, Phase, RowInstance, Step


def test_its_name_has_its_subject() -> None:
    about = {"phase": Phase.PROPAGATE, "on_failure": OnFailure.WAIT}
    whole = RowInstance(position=1, step=Step.PROMOTE, **about)
    part = RowInstance(position=2, step=Step.DELIVER, subject="consumer:batch", **about)
    assert (whole.name, part.name) == ("promote", "deliver[consumer:batch]")
