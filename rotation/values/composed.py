"""Texts of a secret that are composed of its fields, such as a URL with user name and password.
They follow a template, with each part escaped for its place."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, unquote

from rotation.errors import NeedsPerson
from rotation.types import SecretValue

_PART = re.compile(r"\{([A-Za-z0-9_.-]+)\}")
_URL = re.compile(r"[A-Za-z][\w+.:-]*://([^/?#]*@)?(?P<host>[^/?#@]*)([/?#].*)?", re.DOTALL)
_WORDS = re.compile(r"\s*(\w+\s*=\s*(\{[\w.-]+\}|'\{[\w.-]+\}'|[^\s'\\{};]+)(\s+|$))+")
_WORD = re.compile(r"\s*(\w+)\s*=\s*('(?:[^'\\]|\\.)*'|(?:[^\s'\\]|\\.)*)\s*", re.DOTALL)
_PLAIN = re.compile(r"[^\s'\\]+")
_ESCAPED = re.compile(r"%[0-9A-Fa-f]{2}")
_IN_HOST = ":,[]"
_NEEDS_NO_ESCAPE = "!$&'()*,;=~._-"


class Template:
    """One value alone, a URL, or the `key=value` words of libpq; {name} stands for a part."""

    def __init__(self, text: str) -> None:
        """Raises ValueError where it is none of the three."""
        self.text = text
        self.names = tuple(dict.fromkeys(_PART.findall(text)))
        rest = _PART.sub("", text)
        if not self.names or "{" in rest or "}" in rest:
            raise ValueError("a template names its parts in braces, {username}")
        self._url = _URL.fullmatch(text)
        self._is_words = self._url is None and _WORDS.fullmatch(text) is not None
        if self._url is None and not self._is_words and _PART.fullmatch(text) is None:
            raise ValueError("one {part} alone, a URL, or words like `user={username}`")

    def filled(self, values: Mapping[str, str]) -> str:
        def part(found: re.Match[str]) -> str:
            return self._escaped(values[found[1]], found)

        return _PART.sub(part, self.text)

    def agrees(self, text: str, values: Mapping[str, str]) -> bool:
        """Whether a reader gets the same values from `text` as from what we would write."""
        ours = self.filled(values)
        if self._url is not None:
            return _settled(text) == _settled(ours)
        return text == ours or (self._is_words and _words(text) == _words(ours))

    def _escaped(self, value: str, found: re.Match[str]) -> str:
        if self._url is not None:
            start, end = self._url.span("host")
            return quote(value, safe=_IN_HOST if start <= found.start() < end else "")
        if not self._is_words:
            return value
        inside = re.sub(r"(['\\])", r"\\\1", value)
        context = self.text[: found.start()][-1:] + self.text[found.end() :][:1]
        return inside if "'" in context or _PLAIN.fullmatch(value) else f"'{inside}'"


def _settled(url: str) -> str:
    """The same URL with only the necessary escapes, so that two spellings compare equal."""
    head, mark, query = url.partition("?")
    return _unescaped(head, f"{_NEEDS_NO_ESCAPE}+") + mark + _unescaped(query, _NEEDS_NO_ESCAPE)


def _unescaped(text: str, free: str) -> str:
    def one(found: re.Match[str]) -> str:
        character = unquote(found[0], errors="replace")
        same = character in free or (character.isascii() and character.isalnum())
        return character if same else found[0].upper()

    return _ESCAPED.sub(one, quote(text, safe="%/:?#[]@!$&'()*+,;=~"))


def _words(text: str) -> list[tuple[str, str]] | None:
    """None where the text is not made of `key=value` words."""
    found, at = [], 0
    while at < len(text):
        word = _WORD.match(text, at)
        if word is None or word.end() == at:
            return None
        value = word[2][1:-1] if word[2].startswith("'") else word[2]
        found.append((word[1], re.sub(r"\\(.)", r"\1", value, flags=re.DOTALL)))
        at = word.end()
    return found


class Composed:
    """composed: key of the secret -> template; fields: issuer field -> key of the secret. A part is
    an issuer field, or another key, which stays as it is."""

    def __init__(self, fields: Mapping[str, str], composed: Mapping[str, str]) -> None:
        self._fields = fields
        self._templates = {key: Template(text) for key, text in composed.items()}

    @property
    def keys(self) -> frozenset[str]:
        return frozenset(self._templates)

    @property
    def others(self) -> frozenset[str]:
        """Keys in templates that are no fields of the credential."""
        names = {name for each in self._templates.values() for name in each.names}
        return frozenset(names - self._fields.keys())

    def lacking(self, data: Mapping[str, Any]) -> frozenset[str]:
        """The keys of `others` for which `data` has no text or number."""
        return frozenset(name for name in self.others if not _is_part(data.get(name)))

    def filled(self, own: Mapping[str, str], others: Mapping[str, Any]) -> dict[str, str]:
        """own: our values by key. Raises NeedsPerson where a part is missing."""
        return {
            key: template.filled(self._values(key, template, own, others))
            for key, template in self._templates.items()
        }

    def found(self, data: Mapping[str, Any]) -> dict[str, SecretValue]:
        """The composed keys as they stand in the secret."""
        texts = {key: data.get(key) for key in self._templates}
        return {key: SecretValue(text) for key, text in texts.items() if isinstance(text, str)}

    def check(self, own: Mapping[str, str], data: Mapping[str, Any]) -> None:
        """Raises NeedsPerson where a composed key is not what its template gives."""
        for key, template in self._templates.items():
            text = data.get(key)
            values = self._values(key, template, own, data)
            if not isinstance(text, str) or not template.agrees(text, values):
                raise NeedsPerson(
                    "held.composed-differs",
                    f"the key {key} of the secret is not what its template in `composed:` gives "
                    "from the other keys; nothing was touched",
                    f"correct the template, or the key {key}, so that they agree",
                )

    def _values(
        self, key: str, template: Template, own: Mapping[str, str], others: Mapping[str, Any]
    ) -> dict[str, str]:
        values = {}
        for name in template.names:
            value = own[self._fields[name]] if name in self._fields else others.get(name)
            if not _is_part(value):
                raise NeedsPerson(
                    "store.missing-part",
                    f"the template of {key} needs {name}, and the secret has no text or number "
                    "under that key; nothing was written",
                    f"write the key {name} into the secret, or correct `composed:`",
                )
            values[name] = f"{value}"
        return values


def _is_part(value: object) -> bool:
    return isinstance(value, str | int) and not isinstance(value, bool)
