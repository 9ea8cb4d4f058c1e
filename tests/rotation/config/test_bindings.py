"""What a stack made reaches the runner by one file, and never against what the user wrote."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rotation.config import ConfigInvalid, Configuration, load

ROLE = "arn:aws:iam::111122223333:role/made-by-the-stack"
OWN = "arn:aws:iam::111122223333:role/written-by-hand"


def configured(tmp_path: Path, bindings: Any, more: str = "") -> Configuration:
    file = tmp_path / "rotation.yaml"
    file.write_text(
        'installation: "0f3a9c2b71de"\nbindings: rotation.infra.json\n'
        'connections:\n  main: {type: aws, account: "111122223333", region: eu-central-1'
        f"{more}}}\n"
    )
    if bindings is not None:
        text = bindings if isinstance(bindings, str) else json.dumps(bindings)
        (tmp_path / "rotation.infra.json").write_text(text)
    return load(file)


def reply(**options: Any) -> dict[str, Any]:
    return {
        "schema_version": 1,
        "installation": "0f3a9c2b71de",
        "connections": {"main": options, "gone": {"roles": {}}},
    }


def roles(configuration: Configuration) -> dict[str, str]:
    return dict(configuration.connections["main"].options.roles)


def test_the_stack_names_the_roles(tmp_path: Path) -> None:
    assert roles(configured(tmp_path, reply(roles={"mint": ROLE}))) == {"mint": ROLE}


def test_what_the_user_wrote_stays(tmp_path: Path) -> None:
    more = f", roles: {{mint: {OWN}}}"
    given = reply(roles={"mint": ROLE}, kms_key="arn:aws:kms:eu-central-1:111122223333:key/mrk-1")
    configuration = configured(tmp_path, given, more)
    assert roles(configuration) == {"mint": OWN}
    assert configuration.connections["main"].options.kms_key.endswith("mrk-1")


@pytest.mark.parametrize("key", ["proxy", "ca_bundle", "credentials_file", "profile", "endpoint"])
def test_a_stack_does_not_say_where_calls_go_or_who_logs_in(tmp_path: Path, key: str) -> None:
    with pytest.raises(ConfigInvalid) as caught:
        configured(tmp_path, reply(**{key: "http://127.0.0.1:1"}))
    assert [finding.code for finding in caught.value.findings] == ["config.bindings"]
    assert "127.0.0.1" not in str(caught.value)


@pytest.mark.parametrize("value", ["/etc/vault-token", "$HOME", {"token": "/etc/x"}, ["a"], 1])
@pytest.mark.parametrize("key", ["roles", "external_id"])
def test_a_stack_does_not_say_which_file_is_sent_as_a_login(
    tmp_path: Path, key: str, value: Any
) -> None:
    """Of an API, `roles` are files, whose content is sent to the host."""
    with pytest.raises(ConfigInvalid) as caught:
        configured(tmp_path, reply(**{key: {"observe": value} if key == "roles" else value}))
    codes = {finding.code for finding in caught.value.findings if finding.path == "bindings"}
    assert codes == {"config.bindings"}
    assert ".vault-token" not in str(caught.value)


def test_the_digest_is_of_what_is_bound_as_well(tmp_path: Path) -> None:
    """Whoever trusted a configuration has not seen what appears beside it later."""
    given = (None, reply(), reply(roles={"mint": ROLE}), reply(roles={"mint": OWN}))
    assert len({configured(tmp_path, each).digest for each in given}) == 4


@pytest.mark.parametrize("put", [Path.mkdir, lambda path: path.symlink_to("nowhere")])
def test_a_file_that_is_not_readable_is_not_an_absent_one(
    tmp_path: Path, put: Callable[[Path], object]
) -> None:
    put(tmp_path / "rotation.infra.json")
    with pytest.raises(ConfigInvalid) as caught:
        configured(tmp_path, None)
    assert [finding.code for finding in caught.value.findings] == ["config.unreadable"]


def test_a_file_that_is_nested_without_an_end_is_an_error_as_any(tmp_path: Path) -> None:
    with pytest.raises(ConfigInvalid) as caught:
        configured(tmp_path, "[" * 200_000)
    assert [finding.code for finding in caught.value.findings] == ["config.unreadable"]


def test_an_absent_file_binds_nothing(tmp_path: Path) -> None:
    assert roles(configured(tmp_path, None)) == {}


def test_the_stack_itself_does_not_read_what_it_wrote(tmp_path: Path) -> None:
    configured(tmp_path, reply(roles={"mint": ROLE}))
    assert roles(load(tmp_path / "rotation.yaml", bindings=False)) == {}


@pytest.mark.parametrize(
    "bindings",
    [
        "no json",
        [],
        {},
        {**reply(), "schema_version": 2},
        {**reply(), "installation": "ffffffffffff"},
    ],
    ids=["text", "list", "empty", "later", "foreign"],
)
def test_a_file_of_somebody_else_is_refused(tmp_path: Path, bindings: Any) -> None:
    with pytest.raises(ConfigInvalid) as refused:
        configured(tmp_path, bindings)
    assert [finding.path for finding in refused.value.findings] == ["bindings"]


def test_what_it_says_is_checked_like_everything_else(tmp_path: Path) -> None:
    with pytest.raises(ConfigInvalid) as refused:
        configured(tmp_path, reply(roles={"mint": "arn:aws:iam::999999999999:role/elsewhere"}))
    assert "a role of another account" in str(refused.value)
    with pytest.raises(ConfigInvalid):
        configured(tmp_path, reply(rolls={}))


def test_a_file_that_others_may_change_is_refused(tmp_path: Path) -> None:
    configured(tmp_path, reply())
    (tmp_path / "rotation.infra.json").chmod(0o666)
    with pytest.raises(ConfigInvalid, match=r"config\.mode"):
        load(tmp_path / "rotation.yaml")
