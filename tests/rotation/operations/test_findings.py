"""A finding, and how bad it is."""

from rotation.errors import Denied
from rotation.operations.findings import Finding, Grade, failed


def test_what_could_not_be_looked_at_says_why_and_what_helps() -> None:
    error = Denied("x.denied", "may not list", "grant it")
    found = failed("app", error)
    assert (found.grade, found.code, found.text, found.next) == (
        Grade.FAILED, "x.denied", "may not list", "grant it",
    )  # fmt: skip
    assert not found.is_fine
    assert Finding("app", "all well").is_fine
