"""Templates: each part escaped for its place, and compared as a reader would take it."""

from urllib.parse import unquote, urlsplit

import pytest
from psycopg.conninfo import conninfo_to_dict

from rotation.errors import NeedsPerson
from rotation.values.composed import Composed, Template

URL = "postgresql://{username}:{password}@{host}/{db}?application_name={app}"
WORDS = "host={host} user={username} password={password}"
AWKWARD = [
    "plain-and-long",
    "p@ss:w/ord?#[]%&=+ x",
    "'quoted' \\ \"double\"",
    "näïve 日本 🔑",
    "{username}",
    "%41%2f",
    "tab\tand\nline",
]


def values(password: str) -> dict[str, str]:
    return {
        "username": "ann@corp",
        "password": password,
        "host": "db.internal:5432,[::1]:5433",
        "db": "a/b c",
        "app": "x&y=z",
    }


@pytest.mark.parametrize("password", AWKWARD)
def test_a_url_gives_back_what_was_put_into_it(password: str) -> None:
    url = Template(URL).filled(values(password))
    split = urlsplit(url)
    user, _, secret = split.netloc.rpartition("@")[0].partition(":")
    assert (unquote(user), unquote(secret)) == ("ann@corp", password)
    assert split.netloc.endswith("@db.internal:5432,[::1]:5433")
    assert (unquote(split.path), split.query) == ("/a/b c", "application_name=x%26y%3Dz")


@pytest.mark.parametrize("password", AWKWARD)
def test_postgresql_reads_both_forms_alike(password: str) -> None:
    whole = {**values(password), "host": "db.internal"}
    for template in (URL, WORDS, WORDS.replace("{password}", "'{password}'")):
        read = conninfo_to_dict(Template(template).filled(whole))
        assert (read["user"], read["password"], read["host"]) == (
            "ann@corp",
            password,
            "db.internal",
        )


@pytest.mark.parametrize("password", AWKWARD)
@pytest.mark.parametrize("text", [URL, WORDS, "{password}"])
def test_what_was_written_agrees_and_another_does_not(text: str, password: str) -> None:
    template = Template(text)
    written = template.filled(values(password))
    assert template.agrees(written, values(password))
    assert not template.agrees(written, values(f"{password}x"))
    assert not template.agrees(f"{written}x", values(password))


@pytest.mark.parametrize(
    ("text", "spelled"),
    [
        (URL, "postgresql://EXAMPLE:p!%2a%2F%24+@h/d?application_name=x"),
        (URL, "postgresql://EXAMPLE:p%21*%2f$%2B@h/d?application_name=x"),
        (WORDS, "host=h  user='EXAMPLE' password=p!*/$+"),
    ],
)
def test_another_spelling_of_the_same_agrees(text: str, spelled: str) -> None:
    given = {"username": "EXAMPLE", "password": "p!*/$+", "host": "h", "db": "d", "app": "x"}
    assert Template(text).agrees(spelled, given)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no parts",
        "{a} {b}",
        "Server={a};Password={b};",
        "postgresql://{a",
        "postgresql://{}:{b}@h",
        "{scheme}://{a}",
        '{"json": "{a}"}',
    ],
)
def test_what_nobody_can_escape_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        Template(text)


def test_other_keys_are_parts_too() -> None:
    composed = Composed({"username": "USER", "password": "PASSWORD"}, {"url": URL})
    own = {"USER": "a", "PASSWORD": "pw-1"}
    others = {"host": "h", "db": 5, "app": "x", "username": "not this one"}
    expected = {"url": "postgresql://a:pw-1@h/5?application_name=x"}
    assert composed.filled(own, others) == expected
    composed.check(own, {**others, **expected})


@pytest.mark.parametrize("missing", [None, True, 1.5, ["h"]])
def test_a_part_that_is_nowhere_needs_a_person(missing: object) -> None:
    composed = Composed({"token": "token"}, {"url": "https://{host}/?{token}"})
    with pytest.raises(NeedsPerson) as caught:
        composed.filled({"token": "pw-1"}, {"host": missing})
    assert caught.value.code == "store.missing-part"
    assert "host" in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize("stands", [None, 5, "https://elsewhere/?pw-1", "https://h/?stale"])
def test_what_the_template_does_not_give_is_refused_by_its_key(stands: object) -> None:
    composed = Composed({"token": "token"}, {"url": "https://{host}/?{token}"})
    with pytest.raises(NeedsPerson) as caught:
        composed.check({"token": "pw-1"}, {"host": "h", "url": stands})
    assert caught.value.code == "held.composed-differs"
    assert "url" in caught.value.message
    assert "pw-1" not in f"{caught.value.message} {caught.value.hint}"
