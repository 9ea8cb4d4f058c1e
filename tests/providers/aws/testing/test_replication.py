"""Copies in other regions."""

import pytest

SECRET = "app/db"
FAR = "eu-west-1"


@pytest.fixture
def far(aws, sm):
    aws.out_of_band.put_secret(SECRET, "one")
    sm.replicate_secret_to_regions(SecretId=SECRET, AddReplicaRegions=[{"Region": FAR}])
    return aws.client("secretsmanager", region=FAR)


def status(sm):
    [entry] = sm.describe_secret(SecretId=SECRET)["ReplicationStatus"]
    return entry["Status"]


def read(client):
    return client.get_secret_value(SecretId=SECRET)["SecretString"]


def listed(client):
    return client.list_secret_version_ids(SecretId=SECRET)["Versions"]


def test_a_copy_has_the_arn_of_its_region(sm, far):
    here = sm.describe_secret(SecretId=SECRET)
    there = far.describe_secret(SecretId=SECRET)
    assert there["ARN"] == here["ARN"].replace("eu-central-1", FAR)
    assert there["PrimaryRegion"] == "eu-central-1"
    assert there["VersionIdsToStages"] == here["VersionIdsToStages"]


def test_a_copy_follows_at_once_or_after_the_lag(aws, sm, far):
    aws.out_of_band.put_secret(SECRET, "two")
    assert (read(far), status(sm)) == ("two", "InSync")
    aws.conditions.replication_lag(30)
    aws.out_of_band.put_secret(SECRET, "three")
    assert (read(far), status(sm)) == ("two", "InProgress")
    aws.clock.advance(30)
    assert (read(far), status(sm)) == ("three", "InSync")


def test_labels_and_tags_follow_too(aws, far):
    pending = aws.out_of_band.put_secret(SECRET, "two", labels=["AWSPENDING"])
    aws.out_of_band.move_label(SECRET, "AWSCURRENT", pending)
    aws.out_of_band.tag_secret(SECRET, {"a": "b"})
    assert aws.oracle.labels(SECRET, FAR) == aws.oracle.labels(SECRET)
    assert far.describe_secret(SecretId=SECRET)["Tags"] == [{"Key": "a", "Value": "b"}]


@pytest.mark.parametrize("held", ["Failed", "InProgress"])
def test_a_copy_that_is_held_back_stays_as_it_is(aws, sm, far, held):
    aws.conditions.replica_status(SECRET, FAR, held)
    aws.out_of_band.put_secret(SECRET, "two")
    aws.clock.advance(3600)
    assert (read(far), status(sm)) == ("one", held)
    aws.conditions.replica_status(SECRET, FAR, None)
    assert (read(far), status(sm)) == ("two", "InSync")


def test_in_sync_can_be_a_lie(aws, sm, far):
    aws.conditions.replication_lag(60)
    aws.conditions.replica_status(SECRET, FAR, "InSync")
    aws.out_of_band.put_secret(SECRET, "two")
    assert (read(far), status(sm)) == ("one", "InSync")


def test_a_copy_is_read_only(far, refused):
    for operation, given in (
        ("put_secret_value", {"SecretString": "two"}),
        ("tag_resource", {"Tags": [{"Key": "a", "Value": "b"}]}),
        ("delete_secret", {}),
    ):
        with refused("InvalidRequestException"):
            getattr(far, operation)(SecretId=SECRET, **given)


def test_a_name_that_is_taken_there_fails(aws, sm):
    aws.client("secretsmanager", region=FAR).create_secret(Name=SECRET)
    sm.replicate_secret_to_regions(SecretId=SECRET, AddReplicaRegions=[{"Region": FAR}])
    assert status(sm) == "Failed"


def test_a_secret_with_copies_cannot_be_deleted(sm, far, refused):
    with refused("InvalidRequestException"):
        sm.delete_secret(SecretId=SECRET)
    sm.remove_regions_from_replication(SecretId=SECRET, RemoveReplicaRegions=[FAR])
    with refused("ResourceNotFoundException"):
        far.describe_secret(SecretId=SECRET)
    sm.delete_secret(SecretId=SECRET)


def test_a_secret_is_not_replicated_to_its_own_region_or_twice(sm, far, refused):
    for region in ("eu-central-1", FAR):
        with refused("InvalidParameterException"):
            sm.replicate_secret_to_regions(SecretId=SECRET, AddReplicaRegions=[{"Region": region}])


def test_each_region_remembers_its_own_readers(aws, sm, far):
    read(far)
    [entry] = sm.describe_secret(SecretId=SECRET)["ReplicationStatus"]
    assert "LastAccessedDate" in entry
    assert "LastAccessedDate" not in sm.describe_secret(SecretId=SECRET)
    aws.out_of_band.put_secret(SECRET, "two", labels=["AWSPENDING"])
    [version] = [v for v in listed(far) if v["VersionStages"] == ["AWSCURRENT"]]
    assert "LastAccessedDate" in version
    assert not [v for v in listed(sm) if "LastAccessedDate" in v]
