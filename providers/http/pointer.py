"""JSON pointers (RFC 6901), with `*` for each member of a list."""

from typing import Any

# The result of a pointer to nothing; null is a value.
MISSING = object()


def find(document: Any, pointer: str) -> Any:
    """The value there, or MISSING."""
    for token in _tokens(pointer):
        document = _step(document, token)
    return document


def find_all(document: Any, pointer: str) -> list[Any] | None:
    """The values there, in the order of the document; None where a part of the path is missing."""
    found = [document]
    for token in _tokens(pointer):
        if token == "*":
            if not all(isinstance(value, list) for value in found):
                return None
            found = [inner for value in found for inner in value]
        else:
            found = [_step(value, token) for value in found]
    return None if any(value is MISSING for value in found) else found


def _tokens(pointer: str) -> list[str]:
    # ~1 first: `~01` means the two characters `~1`, not a slash.
    return [token.replace("~1", "/").replace("~0", "~") for token in pointer.split("/")[1:]]


def _step(value: Any, token: str) -> Any:
    if isinstance(value, dict):
        return value.get(token, MISSING)
    if isinstance(value, list) and token.isdecimal() and str(int(token)) == token:
        return value[int(token)] if int(token) < len(value) else MISSING
    return MISSING
