"""UpdateSecretVersionStage: the compare-and-set."""

import pytest

SECRET = "app/db"


@pytest.fixture
def versions(aws, sm):
    """A current version and a pending one."""
    current = aws.out_of_band.put_secret(SECRET, "one")
    pending = aws.out_of_band.put_secret(SECRET, "two", labels=["AWSPENDING"])
    return current, pending


def move(sm, label, **given):
    sm.update_secret_version_stage(SecretId=SECRET, VersionStage=label, **given)


def test_promotion_moves_current_and_leaves_previous_behind(aws, sm, versions):
    old, new = versions
    move(sm, "AWSCURRENT", RemoveFromVersionId=old, MoveToVersionId=new)
    assert aws.oracle.labels(SECRET) == {
        "AWSCURRENT": new,
        "AWSPENDING": new,
        "AWSPREVIOUS": old,
    }


def test_demotion_swaps_current_and_previous(aws, sm, versions):
    old, new = versions
    move(sm, "AWSCURRENT", RemoveFromVersionId=old, MoveToVersionId=new)
    move(sm, "AWSCURRENT", RemoveFromVersionId=new, MoveToVersionId=old)
    labels = aws.oracle.labels(SECRET)
    assert (labels["AWSCURRENT"], labels["AWSPREVIOUS"]) == (old, new)


def test_previous_is_the_only_history(aws, sm, versions):
    old, new = versions
    move(sm, "AWSCURRENT", RemoveFromVersionId=old, MoveToVersionId=new)
    third = aws.out_of_band.put_secret(SECRET, "three")
    assert aws.oracle.labels(SECRET)["AWSCURRENT"] == third
    assert aws.oracle.versions(SECRET)[old] == []


def test_the_holder_must_be_named(aws, sm, versions, refused):
    _, new = versions
    before = aws.oracle.labels(SECRET)
    with refused("InvalidParameterException"):
        move(sm, "AWSCURRENT", MoveToVersionId=new)
    assert aws.oracle.labels(SECRET) == before


def test_a_wrong_holder_is_refused(aws, sm, versions, refused):
    old, new = versions
    other = aws.out_of_band.put_secret(SECRET, "human")
    with refused("InvalidParameterException"):
        move(sm, "AWSCURRENT", RemoveFromVersionId=old, MoveToVersionId=new)
    assert aws.oracle.labels(SECRET)["AWSCURRENT"] == other


def test_a_promotion_that_was_done_before_is_refused(sm, versions, refused):
    old, new = versions
    move(sm, "AWSCURRENT", RemoveFromVersionId=old, MoveToVersionId=new)
    with refused("InvalidParameterException"):
        move(sm, "AWSCURRENT", RemoveFromVersionId=old, MoveToVersionId=new)


def test_current_cannot_be_removed(aws, sm, versions, refused):
    old, _ = versions
    with refused("InvalidParameterException"):
        move(sm, "AWSCURRENT", RemoveFromVersionId=old)
    assert aws.oracle.labels(SECRET)["AWSCURRENT"] == old


def test_pending_can_be_removed_once(aws, sm, versions, refused):
    _, new = versions
    move(sm, "AWSPENDING", RemoveFromVersionId=new)
    assert "AWSPENDING" not in aws.oracle.labels(SECRET)
    with refused("InvalidParameterException"):
        move(sm, "AWSPENDING", RemoveFromVersionId=new)


def test_a_free_label_needs_no_holder(aws, sm, versions):
    old, _ = versions
    move(sm, "HOLD", MoveToVersionId=old)
    assert aws.oracle.labels(SECRET)["HOLD"] == old


def test_moving_a_label_to_where_it_is_changes_nothing(aws, sm, versions):
    old, _ = versions
    before = aws.oracle.labels(SECRET)
    move(sm, "AWSCURRENT", MoveToVersionId=old)
    assert aws.oracle.labels(SECRET) == before


def test_a_version_that_is_not_there_is_not_found(sm, versions, refused):
    old, _ = versions
    with refused("ResourceNotFoundException"):
        move(sm, "AWSCURRENT", RemoveFromVersionId=old, MoveToVersionId="v" * 32)


def test_a_move_needs_a_from_or_a_to(sm, versions, refused):
    with refused("InvalidParameterException"):
        move(sm, "HOLD")
