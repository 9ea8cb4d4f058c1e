import json
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace

import pytest

from providers.aws.clients import AwsConnection
from providers.aws.options import SecretsManagerOptions
from providers.aws.secrets_manager import SecretsManagerStore
from providers.aws.testing import StrictControl
from rotation.errors import Conflict, Denied, NeedsPerson, Permanent, Transient
from rotation.interfaces import PluginContext, Store
from rotation.testing import CallFault
from rotation.testing.store import StoreConformance
from rotation.types import (
    CURRENT,
    PENDING,
    Credential,
    Fields,
    Handle,
    PermissionSet,
    SecretValue,
)

INSTALLATION = "0123456789ab"
ACTIONS = {
    "state": "secretsmanager:DescribeSecret",
    "stage": "secretsmanager:PutSecretValue",
    "read": "secretsmanager:GetSecretValue",
    "promote": "secretsmanager:UpdateSecretVersionStage",
    "unlabel": "secretsmanager:UpdateSecretVersionStage",
    "mark_compromised": "secretsmanager:UpdateSecretVersionStage",
    "claim": "secretsmanager:TagResource",
}
VERIFY, PROMOTE, PROVE = PermissionSet.VERIFY, PermissionSet.PROMOTE, PermissionSet.PROVE


def credential(number: int) -> Credential:
    return Credential(
        handle=Handle(id=f"AKIAEXAMPLE{number}"),
        fields=Fields(
            public={"access_key_id": f"AKIAEXAMPLE{number}"},
            secret={"secret_access_key": SecretValue(f"not/a+secret-{number:04}")},
        ),
    )


@dataclass
class Bench:
    store: Store
    control: StrictControl
    name: str
    inject_fault: Callable[[str, CallFault], AbstractContextManager[None]]
    installation: str = INSTALLATION

    def credential(self, number: int) -> Credential:
        return credential(number)

    def seen(self) -> Mapping[str, str] | None:
        text = self.control.oracle.value(self.name)
        return None if text is None else json.loads(text)

    def given(self, new: Credential) -> Mapping[str, str]:
        return {
            "id": new.fields.public["access_key_id"],
            "secret": new.fields.secret["secret_access_key"].reveal(),
        }

    def edit(self, fields: Mapping[str, str]) -> None:
        self.control.out_of_band.put_secret(
            self.name, json.dumps({**(self.seen() or {}), **fields})
        )

    def move_current(self, version: str) -> None:
        self.control.out_of_band.move_label(self.name, "AWSCURRENT", version)

    def remove(self) -> None:
        self.control.client("secretsmanager").delete_secret(
            SecretId=self.name, ForceDeleteWithoutRecovery=True
        )

    def trouble(self, operation: str, kind: CallFault) -> AbstractContextManager[None]:
        return self.inject_fault(ACTIONS[operation], kind)

    def calls(self, operation: str, since: int) -> list[dict]:
        return self.control.oracle.calls(f"secretsmanager:{operation}", since)

    def mark(self) -> int:
        return self.control.oracle.called()


@pytest.fixture
def bench(control, inject_fault, context, fresh_name) -> Bench:
    control.client("secretsmanager").create_secret(Name=fresh_name)
    store = SecretsManagerStore(SecretsManagerOptions(connection="main", name=fresh_name), context)
    return Bench(store, control, fresh_name, inject_fault)


class TestConformance(StoreConformance):
    @pytest.fixture
    def bench(self, bench: Bench) -> Bench:
        return bench


def store_of(bench: Bench, context: PluginContext, **change: object) -> SecretsManagerStore:
    """The same secret, seen by a process that knows nothing yet."""
    options = SecretsManagerOptions(connection="main", name=bench.name)
    return SecretsManagerStore(options, replace(context, **change))


def current(bench: Bench, text: str | None = None) -> str:
    return bench.control.out_of_band.put_secret(
        bench.name, text or json.dumps(bench.given(credential(1)))
    )


def test_a_version_s_id_is_our_mark(bench: Bench):
    version = bench.store.stage("2" * 32, credential(2), onto=current(bench))
    assert version == f"rot1-{INSTALLATION}-{'2' * 32}"


def test_every_put_says_which_label_it_wants(bench: Bench):
    """Without VersionStages the value would be current at once."""
    since = bench.mark()
    bench.store.place("1" * 32)
    bench.store.stage("2" * 32, credential(2), onto=None)
    puts = bench.calls("PutSecretValue", since)
    assert [put["parameters"]["VersionStages"] for put in puts] == [["AWSPENDING"]] * 2


def test_one_look_is_one_call(bench: Bench):
    bench.store.state()
    since = bench.mark()
    bench.store.state()
    assert [call["operation"] for call in bench.calls("*", since)] == ["DescribeSecret"]


def test_foreign_fields_keep_their_bytes(bench: Bench):
    text = '{ "n" :1.10,"id":"old",\n\t"big": 12345678901234567890123, "u": "\\u00e9",\n"secret" : "x" }'
    version = bench.store.stage("2" * 32, credential(2), onto=current(bench, text))
    given = bench.given(credential(2))
    assert bench.control.oracle.value(bench.name, version) == text.replace(
        '"old"', json.dumps(given["id"])
    ).replace('"x"', json.dumps(given["secret"]))


def test_a_secret_that_is_all_ours_is_written_without_reading(bench: Bench, context: PluginContext):
    old = current(bench)
    since = bench.mark()
    store = store_of(bench, context, keep_foreign=False)
    version = store.stage("2" * 32, credential(2), onto=old)
    assert bench.calls("GetSecretValue", since) == []
    assert json.loads(bench.control.oracle.value(bench.name, version)) == bench.given(credential(2))


def test_the_whole_secret_may_be_the_one_value(bench: Bench, context: PluginContext):
    old = current(bench, "old-plain-text")
    store = store_of(bench, context, fields={"value": ""}, public=frozenset())
    new = Credential(
        handle=Handle(id="1"), fields=Fields(secret={"value": SecretValue("new-plain-text")})
    )
    version = store.stage("2" * 32, new, onto=old)
    assert bench.control.oracle.value(bench.name, version) == "new-plain-text"
    assert store.read(version, under=VERIFY) == new.fields


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("plain text", "store.not-json"),
        ("[1]", "store.not-json"),
        ('{"a": NaN}', "store.not-json"),
        ('{"a": 1} x', "store.not-json"),
        ('{"a": 1, "a": 2}', "store.duplicate-keys"),
        ('{"other": "***"}', "store.masked"),
        (json.dumps({"other": "o" * 65_500}), "store.too-large"),
    ],
)
def test_what_cannot_be_kept_whole_is_not_touched(bench: Bench, text: str, code: str):
    old = current(bench, text)
    with pytest.raises(NeedsPerson) as caught:
        bench.store.stage("2" * 32, credential(2), onto=old)
    assert caught.value.code == code
    assert bench.control.oracle.labels(bench.name) == {"AWSCURRENT": old}


def test_a_binary_secret_is_not_touched(bench: Bench):
    old = bench.control.client("secretsmanager").put_secret_value(
        SecretId=bench.name, SecretBinary=b"\0\1"
    )["VersionId"]
    with pytest.raises(NeedsPerson) as caught:
        bench.store.stage("2" * 32, credential(2), onto=old)
    assert caught.value.code == "store.binary"


@pytest.mark.parametrize(
    "value", ["", "***", "••••••", "[REDACTED]", "<secret>", "${SECRET}", "changeme", "   "]
)
def test_a_mask_is_never_written(bench: Bench, value: str):
    new = Credential(
        handle=Handle(id="1"),
        fields=Fields(
            public={"access_key_id": "AKIAEXAMPLE"},
            secret={"secret_access_key": SecretValue(value)},
        ),
    )
    with pytest.raises(NeedsPerson) as caught:
        bench.store.stage("2" * 32, new, onto=current(bench))
    assert caught.value.code == "store.masked"


def test_a_value_that_nobody_could_search_for_is_refused(bench: Bench):
    new = Credential(
        handle=Handle(id="1"),
        fields=Fields(
            public={"access_key_id": "AKIAEXAMPLE"},
            secret={"secret_access_key": SecretValue("7-chars")},
        ),
    )
    with pytest.raises(Permanent) as caught:
        bench.store.stage("2" * 32, new, onto=current(bench))
    assert caught.value.code == "store.too-short"


def test_a_stage_onto_what_is_no_longer_current_is_refused(bench: Bench):
    old = current(bench)
    newer = current(bench, '{"changed": "meanwhile"}')
    with pytest.raises(Conflict) as caught:
        bench.store.stage("2" * 32, credential(2), onto=old)
    assert caught.value.code == "store.conflict"
    assert bench.control.oracle.labels(bench.name)["AWSCURRENT"] == newer


def test_a_stage_into_an_empty_secret_is_noticed(bench: Bench):
    with pytest.raises(Conflict) as caught:
        bench.store.stage("2" * 32, credential(2), onto=None)
    assert caught.value.code == "store.first-version"


def test_a_placeholder_race_is_lost_without_harm(bench: Bench):
    bench.control.faults.between(
        [{"act": "put_secret", "arguments": {"secret": bench.name, "value": "theirs"}}],
        "secretsmanager:PutSecretValue",
    )
    with pytest.raises(Conflict) as caught:
        bench.store.place("1" * 32)
    assert caught.value.code == "store.not-empty"
    assert bench.control.oracle.value(bench.name) == "theirs"


@pytest.mark.parametrize(
    ("managed", "code"),
    [
        ({"rotation_enabled": True}, "store.native-rotation"),
        ({"owning_service": "rds"}, "store.owned-by-service"),
        ({"external_type": "partner"}, "store.managed-external"),
    ],
)
def test_a_secret_with_another_master_says_so(bench: Bench, managed: dict, code: str):
    assert bench.store.state().refusal is None
    bench.control.conditions.managed(bench.name, **managed)
    refusal = bench.store.state().refusal
    assert refusal is not None
    assert refusal[0] == code


def test_a_secret_on_its_way_out_says_so(bench: Bench):
    old = current(bench)
    bench.control.out_of_band.delete_secret(bench.name)
    refusal = bench.store.state().refusal
    assert refusal is not None
    assert refusal[0] == "store.deletion-scheduled"
    with pytest.raises(NeedsPerson) as caught:
        bench.store.read(old, under=PROVE)
    assert caught.value.code == "store.deletion-scheduled"
    with pytest.raises(NeedsPerson) as caught:
        bench.store.stage("2" * 32, credential(2), onto=old)
    assert caught.value.code == "store.deletion-scheduled"
    with pytest.raises(NeedsPerson) as caught:
        bench.store.stage("2" * 32, credential(2), onto=None)
    assert caught.value.code == "store.closed"


def test_a_replica_is_no_place_to_write(
    bench: Bench, context: PluginContext, connection: AwsConnection
):
    current(bench)
    bench.control.client("secretsmanager").replicate_secret_to_regions(
        SecretId=bench.name, AddReplicaRegions=[{"Region": "eu-west-1"}]
    )
    connection.options = replace(connection.options, region="eu-west-1")
    refusal = store_of(bench, context).state().refusal
    assert refusal is not None
    assert refusal[0] == "store.replica"


def test_an_attempt_is_the_same_whatever_order_the_fields_have(
    bench: Bench, context: PluginContext
):
    """A mapping that went through the journal comes back sorted."""
    old = current(bench)
    turned = dict(reversed(context.fields.items()))
    versions = {
        store_of(bench, context, keep_foreign=False, fields=fields).stage(
            "2" * 32, credential(2), onto=old
        )
        for fields in (context.fields, turned)
    }
    assert len(versions) == 1


def test_labels_of_others_are_shown_by_their_own_names(bench: Bench):
    old = current(bench)
    bench.control.out_of_band.move_label(bench.name, "CANARY", old)
    assert bench.store.state().labels == {CURRENT: old, "CANARY": old}


def test_a_read_names_version_and_label(bench: Bench, context: PluginContext):
    """IAM can limit a read by label only where the call names one."""
    old = current(bench)
    new = bench.store.stage("2" * 32, credential(2), onto=old)
    since = bench.mark()
    store_of(bench, context).read(new, under=VERIFY)
    bench.store.promote(new, expecting=old)
    bench.store.read(new, under=VERIFY)
    store_of(bench, context).read(old, under=PROVE)
    asked = [call["parameters"] for call in bench.calls("GetSecretValue", since)]
    assert [(ask["VersionId"], ask["VersionStage"]) for ask in asked] == [
        (new, "AWSPENDING"),
        (new, "AWSCURRENT"),
        (old, "AWSPREVIOUS"),
    ]


def test_a_label_that_moved_is_looked_up_once(bench: Bench, context: PluginContext):
    old = current(bench)
    new = bench.store.stage("2" * 32, credential(2), onto=old)
    bench.store.promote(new, expecting=old)
    bench.store.unlabel(new, PENDING, under=PROMOTE)
    since = bench.mark()
    assert store_of(bench, context).read(new, under=VERIFY) == credential(2).fields
    assert [call["operation"] for call in bench.calls("*", since)] == [
        "GetSecretValue",
        "DescribeSecret",
        "GetSecretValue",
    ]


def test_a_version_without_labels_is_read_by_its_id(bench: Bench, context: PluginContext):
    first = current(bench)
    for number in (2, 3):
        version = bench.store.stage(f"{number}" * 32, credential(number), onto=current(bench))
        bench.store.promote(version, expecting=bench.store.state().current)
    assert store_of(bench, context).read(first, under=PROVE) == credential(1).fields


def test_a_replica_is_read_in_its_region(bench: Bench):
    bench.control.client("secretsmanager").replicate_secret_to_regions(
        SecretId=bench.name, AddReplicaRegions=[{"Region": "eu-west-1"}]
    )
    old = current(bench)
    new = bench.store.stage("2" * 32, credential(2), onto=old)
    bench.store.promote(new, expecting=old)
    assert bench.store.state().replicas == {"eu-west-1": "in-sync"}
    since = bench.mark()
    assert bench.store.read(new, under=VERIFY, region="eu-west-1") == credential(2).fields
    assert [call["region"] for call in bench.calls("GetSecretValue", since)] == ["eu-west-1"]


def test_a_replica_that_lags_is_not_there_yet(bench: Bench):
    old = current(bench)
    bench.control.client("secretsmanager").replicate_secret_to_regions(
        SecretId=bench.name, AddReplicaRegions=[{"Region": "eu-west-1"}]
    )
    bench.control.conditions.replica_status(bench.name, "eu-west-1", "InProgress")
    new = bench.store.stage("2" * 32, credential(2), onto=old)
    with pytest.raises(Transient) as caught:
        bench.store.read(new, under=VERIFY, region="eu-west-1")
    assert caught.value.code == "store.version-missing"
    assert bench.store.state().replicas == {"eu-west-1": "in-progress"}


def test_fields_that_are_not_there_need_a_person(bench: Bench):
    old = current(bench, '{"id": "AKIAEXAMPLE1"}')
    with pytest.raises(NeedsPerson) as caught:
        bench.store.read(old, under=PROVE)
    assert caught.value.code == "store.missing-field"


def test_the_current_label_only_moves(bench: Bench):
    old = current(bench)
    with pytest.raises(Permanent):
        bench.store.unlabel(old, CURRENT, under=PROMOTE)


def test_a_promotion_costs_one_call(bench: Bench):
    old = current(bench)
    new = bench.store.stage("2" * 32, credential(2), onto=old)
    since = bench.mark()
    bench.store.promote(new, expecting=old)
    assert [call["operation"] for call in bench.calls("*", since)] == ["UpdateSecretVersionStage"]


def test_a_promotion_that_is_denied_says_that_nothing_changed(bench: Bench):
    old = current(bench)
    new = bench.store.stage("2" * 32, credential(2), onto=old)
    with bench.trouble("promote", CallFault.DENIED), pytest.raises(Denied) as caught:
        bench.store.promote(new, expecting=old)
    assert caught.value.unchanged
    assert bench.store.state().current == old


def test_a_label_of_a_secret_on_its_way_out_is_not_said_to_have_moved(bench: Bench):
    old = current(bench)
    new = bench.store.stage("2" * 32, credential(2), onto=old)
    bench.control.out_of_band.delete_secret(bench.name)
    for move in (
        lambda: bench.store.promote(new, expecting=old),
        lambda: bench.store.unlabel(new, PENDING, under=PROMOTE),
        lambda: bench.store.mark_compromised(old),
    ):
        with pytest.raises(NeedsPerson) as caught:
            move()
        assert caught.value.code == "store.deletion-scheduled"


def test_the_rest_of_a_version_s_labels_is_remembered(bench: Bench):
    old = current(bench)
    new = bench.store.stage("2" * 32, credential(2), onto=old)
    bench.store.promote(new, expecting=old)
    bench.store.unlabel(new, PENDING, under=PROMOTE)
    since = bench.mark()
    bench.store.read(new, under=VERIFY)
    assert [call["operation"] for call in bench.calls("*", since)] == ["GetSecretValue"]


def test_a_denied_key_needs_a_person(bench: Bench):
    old = current(bench)
    bench.control.gate.deny("kms:*")
    with pytest.raises(NeedsPerson):
        bench.store.stage("2" * 32, credential(2), onto=old)


def test_a_rehearsal_changes_nothing_that_anybody_reads(bench: Bench):
    old, seen = current(bench), bench.seen()
    before = bench.store.state().versions
    for attempt in ("2" * 32, "2" * 32, "3" * 32):
        bench.store.rehearse(attempt)
        assert bench.store.state().versions == before
        assert bench.seen() == seen
    version = bench.store.stage("3" * 32, credential(3), onto=old)
    assert bench.store.state().pending == version
    assert bench.store.state().current == old


@pytest.mark.parametrize("encrypted_by", ["a customer", "AWS"])
def test_a_rehearsal_says_what_staging_would(bench: Bench, encrypted_by: str):
    if encrypted_by == "a customer":
        key = "arn:aws:kms:eu-central-1:123456789012:key/1"
        bench.control.client("secretsmanager").update_secret(SecretId=bench.name, KmsKeyId=key)
    state = bench.store.state()
    assert state.own_key == (encrypted_by == "a customer")
    bench.control.gate.deny("kms:GenerateDataKey")
    with pytest.raises(NeedsPerson) as staging:
        bench.store.stage("2" * 32, credential(2), onto=state.current)
    with pytest.raises(NeedsPerson) as rehearsal:
        bench.store.rehearse("2" * 32)
    assert rehearsal.value.code == staging.value.code == "aws.key-denied"


def test_what_a_rotation_given_up_leaves_pending_has_no_value(bench: Bench):
    """As `doctor` looks into it. DescribeSecret names such a version like any other."""
    client = bench.control.client("secretsmanager")
    function = "arn:aws:lambda:eu-central-1:123456789012:function:rotate"
    client.rotate_secret(SecretId=bench.name, RotationLambdaARN=function)
    client.cancel_rotate_secret(SecretId=bench.name)
    state = bench.store.state()
    assert state.refusal is None
    assert state.pending not in (None, state.current)
    with pytest.raises(Transient) as caught:
        bench.store.read(str(state.pending), under=PROVE)
    assert caught.value.code == "store.version-missing"
    bench.store.unlabel(str(state.pending), PENDING, under=PROMOTE)
    assert bench.store.state().pending is None
