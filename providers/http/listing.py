"""Reads a list to its end, page by page, and never takes it for complete where it may not be."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlsplit

from providers.http import errors
from providers.http.client import Answer, Sent
from providers.http.declaration import Pages
from providers.http.errors import Call
from providers.http.pointer import MISSING, find
from rotation.errors import NeedsPerson, RotationError

PAGES_MAX = 50
_LINK = re.compile(r'<([^>]*)>[^,]*?;\s*rel="?next"?')

# Some services forget to escape other characters, above all blanks.
_OF_A_URL = "%/:?#[]@!$&'()*+,;="


class Pager:
    """at: the service's own clock, from the last page."""

    def __init__(self, pages: Pages, origin: str) -> None:
        self._pages = pages
        self._origin = origin
        self.at: datetime | None = None

    def items(self, first: Sent, call: Call, send: Callable[[Sent], Answer]) -> Iterator[Any]:
        sent, seen = self._numbered(first, 0), list[Any]()
        for number in range(1, PAGES_MAX + 1):
            answer = send(sent)
            document = answer.document(call)
            found = find(document, self._pages.items)
            if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
                raise errors.bad_answer(call)
            if found and found == seen:
                raise _endless(call)
            self.at, seen = answer.at, found
            yield from found
            further = self._next(first, number, answer, document, found)
            if further is None:
                return
            sent = further
        raise _endless(call)

    def _next(
        self, first: Sent, number: int, answer: Answer, document: Any, found: list[Any]
    ) -> Sent | None:
        match self._pages.paging:
            case "page":
                return self._numbered(first, number) if found else None
            case "link":
                link = _LINK.search(answer.headers.get("link", ""))
                return None if link is None else replace(first, path=self._own(link[1]))
            case "cursor":
                cursor = find(document, self._pages.next or "")
                return None if cursor in (MISSING, None, "") else self._after(first, str(cursor))
            case _:
                return None

    def _numbered(self, first: Sent, pages: int) -> Sent:
        if self._pages.paging != "page":
            return first
        return _with(first, str(self._pages.parameter), str(self._pages.first + pages))

    def _after(self, first: Sent, cursor: str) -> Sent:
        if self._pages.parameter is None:
            return replace(first, path=self._own(cursor))
        return _with(first, self._pages.parameter, cursor)

    def _own(self, url: str) -> str:
        """The path of a URL of our own origin: the credential goes nowhere else."""
        if url.startswith("/") and not url.startswith("//"):
            return quote(url, safe=_OF_A_URL)
        if url.startswith(f"{self._origin}/"):
            return quote(url.removeprefix(self._origin), safe=_OF_A_URL)
        raise NeedsPerson(
            "http.foreign-page",
            "the list goes on at another host, and our credential is not sent there",
            "set the connection's origin to the address that the service uses for itself",
        )


def _with(sent: Sent, parameter: str, value: str) -> Sent:
    joint = "&" if urlsplit(sent.path).query else "?"
    return replace(sent, path=f"{sent.path}{joint}{quote(parameter)}={quote(value, safe='')}")


def _endless(call: Call) -> RotationError:
    return NeedsPerson(
        "http.list-endless",
        f"{call.what}: more than {PAGES_MAX} pages, or one page again and again",
        "narrow the declaration's list, or correct its paging",
    )
