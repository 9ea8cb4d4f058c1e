from dataclasses import fields

import pytest

from providers.consumers.options import (
    CommandOptions,
    FileOptions,
    ProbeOptions,
    StoreReaderOptions,
)

FILE = {"path": "/run/app/db.json", "refresh_s": 60}
COMMAND = {"argv": ("reload",), "confirms": True}


@pytest.mark.parametrize(
    ("kind", "options", "complaint"),
    [
        (StoreReaderOptions, {"refresh_s": 0}, "refresh: "),
        (StoreReaderOptions, {"refresh_s": -1}, "refresh: "),
        (FileOptions, FILE | {"refresh_s": 0}, "refresh: "),
        (FileOptions, FILE | {"path": "db.json"}, "path: absolute"),
        (FileOptions, FILE | {"path": "/run/app/../db.json"}, "path: absolute"),
        (FileOptions, FILE | {"path": "/run/./db.json"}, "path: absolute"),
        (FileOptions, FILE | {"path": "/run//db.json"}, "path: absolute"),
        (FileOptions, FILE | {"path": "//run/db.json"}, "path: absolute"),
        (FileOptions, FILE | {"path": "/run/app/"}, "path: absolute"),
        (FileOptions, FILE | {"path": "/"}, "path: the name"),
        (FileOptions, FILE | {"path": "/run/a\0b"}, "path: the name"),
        (FileOptions, FILE | {"path": "/run/a\n## fine"}, "path: the name"),
        (FileOptions, FILE | {"path": "/run/" + "x" * 242}, "path: a file name"),
        (FileOptions, FILE | {"mode": "0644"}, "mode: "),
        (FileOptions, FILE | {"mode": "640"}, "mode: "),
        (FileOptions, FILE | {"owner": "app:"}, "owner: "),
        (FileOptions, FILE | {"owner": "a b"}, "owner: "),
        (CommandOptions, COMMAND | {"argv": ()}, "argv: a command"),
        (CommandOptions, COMMAND | {"argv": ("/bin/sh",)}, "argv: the bare name"),
        (CommandOptions, COMMAND | {"argv": ("..",)}, "argv: the bare name"),
        (CommandOptions, COMMAND | {"argv": ("",)}, "argv: the bare name"),
        (CommandOptions, COMMAND | {"argv": ("reload", "a\0b")}, "argv: without NUL"),
        (CommandOptions, COMMAND | {"timeout_s": 0}, "timeout: "),
        (CommandOptions, COMMAND | {"timeout_s": 16}, "timeout: "),
        (CommandOptions, COMMAND | {"role": "writer"}, "role: "),
        (CommandOptions, COMMAND | {"role": "verifier"}, "confirms: "),
        (CommandOptions, COMMAND | {"refresh_s": 5}, "refresh: of no use"),
        (CommandOptions, {"argv": ("reload",)}, "refresh: more than nothing"),
        (CommandOptions, {"argv": ("x",), "role": "verifier", "refresh_s": 5}, "refresh: a ver"),
        (ProbeOptions, {"argv": ("./check",)}, "argv: the bare name"),
    ],
)
def test_what_cannot_be_meant_is_refused(kind, options, complaint):
    with pytest.raises(ValueError, match=complaint):
        kind(**options)


@pytest.mark.parametrize(
    ("options", "pushed", "confirms"),
    [
        (StoreReaderOptions(refresh_s=1), False, False),
        (FileOptions(**FILE, mode="0640", owner="app:app"), True, False),
        (FileOptions(path="/run/" + "x" * 241, refresh_s=1, owner=":app"), True, False),
        (CommandOptions(argv=("reload", "--now"), refresh_s=60), True, False),
        (CommandOptions(**COMMAND), True, True),
        (CommandOptions(argv=("reload",), role="verifier"), True, False),
    ],
)
def test_what_the_machine_needs_to_know_is_there(options, pushed, confirms):
    assert (pushed, confirms) == (options.PUSHED, options.CONFIRMS)


@pytest.mark.parametrize("kind", [StoreReaderOptions, FileOptions, CommandOptions, ProbeOptions])
def test_every_option_is_documented(kind):
    assert all(each.metadata["doc"] for each in fields(kind))
