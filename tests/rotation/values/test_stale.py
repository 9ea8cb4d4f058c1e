"""Old bytes elsewhere in a secret: found in every spelling that people use, and nothing else."""

import base64
import json
from urllib.parse import quote, quote_plus

import pytest

from rotation.types import Fields, SecretValue
from rotation.values.stale import stale_keys

PASSWORD = 'p@ss:w/ord "quoted" é+'
FIELDS = Fields(public={"username": "blue"}, secret={"password": SecretValue(PASSWORD)})


def found(value: object, key: str = "other", handle: str = "blue", of: Fields = FIELDS) -> bool:
    data = {"password": PASSWORD, "username": "blue", key: value}
    return stale_keys(data, {"password", "username"}, of, handle) == (key,)


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


LOGIN = encoded(f"blue:{PASSWORD}")


@pytest.mark.parametrize(
    "value",
    [
        PASSWORD,
        f"before {PASSWORD} after",
        f"postgresql://u:{quote(PASSWORD, safe='')}@h/d",
        f"postgresql://u:{quote(PASSWORD, safe='+').lower().replace('%c3%a9', 'é')}@h/d",
        f"https://h/?token={quote_plus(PASSWORD).replace('+', '%20')}",
        encoded(PASSWORD),
        base64.urlsafe_b64encode(PASSWORD.encode()).decode().rstrip("="),
        PASSWORD.encode().hex(),
        f"Basic {LOGIN}",
        json.dumps({"auths": {"registry": {"auth": LOGIN}}}),
        encoded(json.dumps({"auths": {"registry": {"auth": LOGIN}}})),
        json.dumps({"password": PASSWORD}),
        {"inner": [{"deep": PASSWORD}]},
    ],
)
def test_a_copy_is_found(value: object) -> None:
    assert found(value)


@pytest.mark.parametrize("value", ["postgresql://blue:x@h/d", "user=blue host=h", "//blue@h"])
def test_a_login_s_name_is_found_where_a_login_is_written(value: str) -> None:
    assert found(value)
    assert not found(value.replace("blue", "bluer"))


@pytest.mark.parametrize("value", ["blue", "blue-green", "https://h/blue", "the blue one"])
def test_a_short_word_is_no_login(value: str) -> None:
    assert not found(value)


def test_a_key_that_is_called_user_is() -> None:
    assert found("blue", key="DB_USER")


def test_an_access_key_id_is_found_wherever_it_stands() -> None:
    name = "AKIA0123456789ABCDEF"
    fields = Fields(public={"id": name}, secret={"secret": SecretValue("x" * 40)})
    assert found(f"[default]\naws_access_key_id={name}", handle=name, of=fields)
    assert not found(f"{name}X", handle=name, of=fields)


@pytest.mark.parametrize(
    "value", [None, 5, True, "", "unrelated", [], {}, encoded("unrelated text")]
)
def test_what_is_no_copy_is_left_alone(value: object) -> None:
    assert not found(value)


def test_a_short_secret_is_found_whole_or_in_a_url_only() -> None:
    fields = Fields(secret={"password": SecretValue("abc")})
    assert found("abc", of=fields)
    assert found("postgresql://u:abc@h", of=fields)
    assert not found("the abc of it", of=fields)
