"""A secret that is like one before it comes to the same as one that is read thoroughly."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from rotation.config import ConfigInvalid, ConfiguredSecret, Finding, load
from rotation.config.alike import Alike
from tests.rotation.config.files import HEAD

LINES = HEAD + "commands: bin\nfile_roots: [/run/app]\ninventory: [many.jsonl]\n"
PROBE = {"type": "aws-sts", "connection": "aws-prod"}

Read = Callable[..., tuple[list[ConfiguredSecret], list[Finding]]]


def key(name: str, **other: Any) -> dict[str, Any]:
    return {
        "id": name, "application": name, "environment": "production", "owner": f"team-{name}",
        "store": {"type": "aws-secrets-manager", "connection": "aws-prod", "name": f"p/{name}"},
        "issuer": {"type": "aws-iam-access-key", "connection": "aws-prod", "user": name},
        "probe": PROBE,
        "consumers": [
            {"id": f"{name}-api", "type": "store-reader", "refresh": "5m"},
            {"id": f"{name}-job", "type": "store-reader", "refresh": "5m"},
        ],
    } | other  # fmt: skip


def value(name: str) -> dict[str, Any]:
    return key(
        name,
        issuer={"type": "generated", "kind": "password", "unverified": True},
        fields={"password": "PASSWORD"},
        consumers=[{"id": name, "type": "store-reader", "refresh": "1m", "accept_elapsed": True}],
    )


def file(name: str) -> dict[str, Any]:
    path = f"/run/app/{name}"
    return key(name, consumers=[{"id": name, "type": "file", "path": path, "refresh": "1m"}])


@pytest.fixture
def read(tmp_path: Path) -> Read:
    def read(*secrets: Any, dumps: Callable[[Any], str] = json.dumps) -> Any:
        (tmp_path / "many.jsonl").write_text("\n".join(map(dumps, secrets)) + "\n")
        path = tmp_path / "rotation.yaml"
        path.write_text(LINES)
        try:
            configuration = load(path)
        except ConfigInvalid as invalid:
            return [], list(invalid.findings)
        return list(configuration.secrets()), list(configuration.warnings)

    return read


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """For each secret, whether it was taken for one that is like another."""
    taken: list[bool] = []
    entry = Alike.entry

    def observed(*given: Any, **more: Any) -> Any:
        found = entry(*given, **more)
        taken.append(found is not None)
        return found

    monkeypatch.setattr(Alike, "entry", observed)
    return taken


def thoroughly(
    read: Read, *secrets: Any, **more: Any
) -> tuple[list[ConfiguredSecret], list[Finding]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Alike, "entry", lambda *_, **__: None)
        return read(*secrets, **more)


def compact(secret: Any) -> str:
    return json.dumps(secret, separators=(",", ":"))


@pytest.mark.parametrize("dumps", [json.dumps, compact])
@pytest.mark.parametrize("kind", [key, value])
def test_only_the_first_of_a_kind_is_read_thoroughly(
    read: Read, quick: list[bool], kind: Callable[[str], Any], dumps: Callable[[Any], str]
) -> None:
    secrets = [kind(name) for name in ("a", "b", "c", "d")]
    entries, findings = read(*secrets, dumps=dumps)
    assert quick == [False, True, True, True]
    assert (entries, findings) == thoroughly(read, *secrets, dumps=dumps)
    assert len(entries) == len(secrets)


def test_kinds_may_alternate(read: Read, quick: list[bool]) -> None:
    secrets = [kind(f"{kind.__name__}{n}") for n in range(3) for kind in (key, value, file)]
    assert read(*secrets) == thoroughly(read, *secrets)
    # The path of a file is no name: each is looked at on its own.
    assert quick == [False, False, False, True, True, False, True, True, False]


CHANGES: tuple[Any, ...] = (
    "x", "", " ", "a*b", "a/../b", "ä", "a\u0000", 'a"b', "a\\b", "AKIA" + "Q7RSTUVWXYZ23456", "a" * 600,
    "aws-prod", "staging", "generated", 1, True, None, [], ["x"], {}, {"id": "x"},
)  # fmt: skip


def changed(value: Any) -> Iterator[Any]:
    """The value, changed at one place, for each place and each change."""
    yield from CHANGES
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()  # fmt: skip
    for place, inner in items:
        for other in changed(inner):
            copy = value.copy()
            copy[place] = other
            yield copy
    if isinstance(value, dict):
        for name in value:
            yield {key: inner for key, inner in value.items() if key != name}
        yield {**value, "x": "y"}
        yield dict(reversed(value.items()))


@pytest.mark.parametrize("kind", [key, value, file])
def test_whatever_one_says_otherwise_comes_to_the_same(
    read: Read, kind: Callable[[str], Any]
) -> None:
    others = [
        json.loads(json.dumps(other).replace("NAME", f"n{n}"))
        for n, other in enumerate(changed(kind("NAME")))
    ]
    wrong = set()
    for start in range(0, len(others), 100):
        batch = others[start : start + 100]
        found = read(kind("a"), *batch)
        assert found == thoroughly(read, kind("a"), *batch)
        wrong |= {id(batch[finding.line - 2]) for finding in found[1] if finding.level == "error"}
    right = [other for other in others if id(other) not in wrong]
    entries, findings = read(kind("a"), *right)
    assert (entries, findings) == thoroughly(read, kind("a"), *right)
    assert len(entries) > 10
    assert len(wrong) > 100


def test_what_two_alike_share_is_refused(read: Read) -> None:
    other = key("b")
    other["issuer"]["user"] = "A"
    _, [finding] = read(key("a"), other)
    assert (finding.line, finding.code) == (2, "config.shared-credential")


def test_nothing_is_learnt_of_a_line_that_leaks(read: Read, quick: list[bool]) -> None:
    leaking = {"fields": {"access_key_id": "AKIA" + "Q7RSTUVWXYZ23456", "secret_access_key": "s"}}
    _, findings = read(*(key(name, **leaking) for name in "abc"))
    assert [(f.line, f.code) for f in findings] == [(n, "config.inline-secret") for n in (1, 2, 3)]
    assert quick == [False, False, False]


def test_secrets_in_yaml_are_alike_as_well(tmp_path: Path, quick: list[bool]) -> None:
    path = tmp_path / "rotation.yaml"
    path.write_text(HEAD + json.dumps({"secrets": [key("a"), key("b")]})[1:-1] + "\n")
    assert [entry.id for entry in load(path).secrets()] == ["a", "b"]
    assert quick == [False, True]
