"""The scan at the end of the demo finds what a careless writer leaves behind."""

import base64
import gzip
import json
import urllib.parse
from collections.abc import Callable
from pathlib import Path

import pytest

from rotation.demo import scan as scanning
from rotation.demo.scan import blind_spots, scan, spellings

SECRET = 'wJalr/XUtn+FEMI K7"MDENG=bPxRfiCY'

WRITERS: dict[str, Callable[[str], bytes]] = {
    "as it is": str.encode,
    "in a JSON document": lambda s: json.dumps({"value": s}).encode(),
    "in a URL": lambda s: urllib.parse.urlencode({"q": f"a {s}"}, quote_via=urllib.parse.quote).encode(),
    "hexadecimal": lambda s: s.encode().hex().encode(),
    "hexadecimal, upper case": lambda s: s.encode().hex().upper().encode(),
    "as Windows writes": lambda s: s.encode("utf-16"),
    **{
        f"base64 of a text around it, {n} before": (
            lambda s, n=n: base64.b64encode(b"x" * n + s.encode() + b"tail")
        )
        for n in range(5)
    },
    "base64 for URLs": lambda s: base64.urlsafe_b64encode(b"{}" + s.encode()),
}  # fmt: skip


@pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)
def test_a_secret_is_found_however_it_was_written(
    tmp_path: Path, write: Callable[[str], bytes]
) -> None:
    (tmp_path / "clean").write_bytes(write("another value, just as long, but known"))
    (tmp_path / "deep").mkdir()
    leaking = tmp_path / "deep" / "journal.db-wal"
    leaking.write_bytes(b"\x00\xff" * 50 + write(SECRET) + b"\x00")
    found = scan(tmp_path, [SECRET])
    assert {hit.path for hit in found.hits} == {leaking}
    assert (found.files, found.size) == (
        2,
        sum(p.stat().st_size for p in tmp_path.rglob("*") if p.is_file()),
    )


def test_what_it_cannot_see_is_not_claimed(tmp_path: Path) -> None:
    (tmp_path / "packed").write_bytes(gzip.compress(SECRET.encode()))
    assert scan(tmp_path, [SECRET]).hits == ()


def test_only_the_file_that_was_configured_is_spared(tmp_path: Path) -> None:
    for name in ("handed", "beside"):
        (tmp_path / name).write_text(SECRET)
    hits = scan(tmp_path, [SECRET], exempt=[tmp_path / "handed"]).hits
    assert {hit.path.name for hit in hits} == {"beside"}


def test_a_hit_names_the_place_and_not_the_secret(tmp_path: Path) -> None:
    (tmp_path / "file").write_text(SECRET)
    assert SECRET not in repr(scan(tmp_path, [SECRET]))


def test_a_planted_canary_is_seen_in_every_spelling_and_removed(tmp_path: Path) -> None:
    assert list(blind_spots(tmp_path, SECRET)) == []
    assert list(tmp_path.iterdir()) == []


def test_a_scanner_that_does_not_look_is_found_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nothing = scanning.Scan(files=0, size=0, hits=())
    monkeypatch.setattr(scanning, "scan", lambda *args: nothing)
    assert set(blind_spots(tmp_path, SECRET)) == set(spellings(SECRET))
