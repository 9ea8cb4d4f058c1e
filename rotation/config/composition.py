"""The rules for `composed:` and `accept_stale:`: which keys of a secret follow its credential."""

from collections.abc import Iterator, Mapping

from rotation.config.findings import Problem, named
from rotation.config.model import Secret
from rotation.values.composed import Template


def problems(secret: Secret, fields: Mapping[str, str]) -> Iterator[Problem]:
    """fields: issuer field -> key in the secret."""
    if secret.value is not None and (secret.composed or secret.accept_stale):
        key = "composed" if secret.composed else "accept_stale"
        yield Problem((key,), "config.value", "a secret of one bare value has no other keys")
        return
    for key, text in secret.composed.items():
        for rule in _broken(secret, fields, key, text):
            yield Problem(("composed", key), "config.value", rule)
    for n, key in enumerate(secret.accept_stale):
        if key in fields.values() or key in secret.composed:
            yield Problem(("accept_stale", n), "config.value", "that key is rotated")


def _broken(secret: Secret, fields: Mapping[str, str], key: str, text: str) -> Iterator[str]:
    try:
        template = Template(text)
    except ValueError as error:
        yield str(error)
        return
    others = [name for name in template.names if name not in fields]
    keys = {own: name for name, own in fields.items()}
    if key in keys:
        yield "that key is a field's own"
    if not fields.keys() & set(template.names):
        yield "no part of it is a field of the issuer, so it would never change"
    for name in others:
        if name in keys:
            yield f"write {{{keys[name]}}}, the issuer's name of that field"
        elif name in secret.composed:
            yield f"{{{named(name)}}} is composed itself; name the parts"
        elif secret.foreign_fields == "none":
            yield f"{{{named(name)}}} is no field of the issuer, and no other keys are kept"
