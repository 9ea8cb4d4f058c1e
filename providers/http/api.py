"""Makes the declared calls: lists, mints, changes and deletions of one identity."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from providers.http import errors, items, template
from providers.http.client import Answer, Budget, Sent
from providers.http.errors import Call
from providers.http.listing import Pager
from providers.http.pointer import MISSING, find
from rotation.errors import Ambiguous, NeedsPerson, RotationError
from rotation.types import Fields, PermissionSet

if TYPE_CHECKING:
    from providers.http.client import HttpConnection
    from providers.http.declaration import Declaration, Request
    from providers.http.options import HttpApiOptions

# A mint is sent only while so much time is left to get its answer.
MINT_S = 6.0

# The time that a lagging list leaves to the calls after it.
RESERVE_S = 5.0
LOOK_AGAIN_S = 1.0

MINT = Call(what="create a credential", repeatable=False)


class Api:
    """What the service does for one identity. Each method uses the caller's time budget."""

    def __init__(self, options: HttpApiOptions, connection: HttpConnection) -> None:
        self._options = options
        self._connection = connection
        self.declared: Declaration = options.declared

    def list(self, budget: Budget) -> tuple[list[items.Listed], datetime | None]:
        """Every credential of this identity, and the service's own clock."""
        pages, item, name = self.declared.list, self.declared.item, self._options.name
        assert pages is not None, "options refuse a declaration without a list"
        call = self._call(f"list the credentials of {name}", PermissionSet.OBSERVE)
        first = self._sent(pages, self._options.parameters, PermissionSet.OBSERVE)
        pager = Pager(pages, self._connection.options.origin)
        try:
            found = [
                items.listed(item, document, name)
                for document in pager.items(first, call, lambda s: self._send(s, call, budget))
                if items.belongs(item, document, name)
            ]
        except items.Misshapen:
            raise errors.bad_answer(call) from None
        return found, pager.at

    def look_for(self, handle_id: str, budget: Budget, *, listed: bool) -> items.Listed | None:
        """The entry of the list for it. The list may lag behind the last change by the connection's
        `settle`, so it is read again until it says `listed`, as long as one call may take."""
        lag = Budget(min(self._connection.options.settle_s, budget.left - RESERVE_S))
        while True:
            found = [each for each in self.list(budget)[0] if each.handle.id == handle_id]
            if bool(found) is listed or lag.left <= 0:
                return found[0] if found else None
            threading.Event().wait(min(LOOK_AGAIN_S, lag.left))

    def create(self, attempt: str, values: Mapping[str, Any], budget: Budget) -> Any:
        """Mints the new item. Sent once; with an idempotency key, once more where no answer came:
        the service then returns the same secret, or makes it only now."""
        create = self.declared.create
        call = Call(MINT.what, self.declared.needs.get(PermissionSet.MINT, ""), repeatable=False)
        header = create.idempotency_header
        sent = self._sent(create, values, PermissionSet.MINT, {header: attempt} if header else {})
        if budget.left < MINT_S:
            raise errors.unreachable(call.what)
        if header is None:
            return self._new(self._send(sent, call, budget), call)
        try:
            return self._new(self._send(sent, call, budget.half()), call)
        except Ambiguous as doubt:
            return self._again(sent, call, budget, doubt)

    def _again(self, sent: Sent, call: Call, budget: Budget, doubt: Ambiguous) -> Any:
        """Raises `doubt` if the second request fails in any way: the first may have succeeded."""
        try:
            return self._new(self._send(sent, call, budget), call)
        except RotationError:
            raise doubt from None

    def change(
        self, operation: str, request: Request, handle_id: str, under: PermissionSet, budget: Budget
    ) -> None:
        values: dict[str, Any] = {**self._options.parameters, "id": handle_id}
        if "item" in request.placeholders:
            values["item"] = self._document(handle_id, budget)
        self._of(
            handle_id, request, values, self._call(f"{operation} {handle_id}", under), budget, under
        )

    def delete(self, handle_id: str, under: PermissionSet, budget: Budget) -> None:
        request = self.declared.delete
        assert request is not None, "options refuse a declaration without a delete"
        values = {**self._options.parameters, "id": handle_id}
        try:
            self._of(
                handle_id, request, values, self._call(f"delete {handle_id}", under), budget, under
            )
        except errors.Gone:
            return

    def whose(self, fields: Fields, budget: Budget) -> str:
        """The id of the credential with these fields, from a login with them."""
        probe = self.declared.probe
        assert probe is not None, "options ask for it where the secret holds no id"
        assert probe.id is not None, "options ask for it where the secret holds no id"
        values = {**self._options.parameters, **fields.public}
        sent = template.sent(probe, values, probe.login, fields.secret, self.declared.headers)
        call = Call("ask whose the credential is")
        answer = self._connection.send(sent, call, budget)
        if answer.status in probe.refused:
            raise NeedsPerson(
                "http.nobody-s",
                "the current value does not log in, so nothing shows which credential it is",
                "put one that works into the secret, or `rotation emergency`",
            )
        if answer.status not in probe.accepted:
            raise errors.from_status(call, answer.status, answer.headers)
        try:
            return items.public(answer.document(call), probe.id, self.declared.item.id_pattern)
        except items.Misshapen:
            raise errors.bad_answer(call) from None

    def _of(
        self, handle_id: str, request: Request, values: Mapping[str, Any], call: Call,
        budget: Budget, under: PermissionSet,
    ) -> None:  # fmt: skip
        """A wrong path gives `Not found` too: only a list without the item shows that it is
        gone."""
        try:
            answer = self._send(self._sent(request, values, under), call, budget)
            if answer.body:
                answer.document(call)  # an HTML page with status 200 did nothing
        except NeedsPerson as error:
            if error.code != "http.not-found":
                raise
            if self.look_for(handle_id, budget, listed=False) is None:
                raise errors.Gone(handle_id) from None
            raise

    def _document(self, handle_id: str, budget: Budget) -> Mapping[str, Any]:
        for each in self.list(budget)[0]:
            if each.handle.id == handle_id:
                return each.document
        raise errors.Gone(handle_id)

    def _new(self, answer: Answer, call: Call) -> Any:
        document = find(answer.document(call), self.declared.create.item)
        if document is MISSING:
            raise errors.bad_answer(call)
        return document

    def _call(self, what: str, under: PermissionSet) -> Call:
        return Call(what, self.declared.needs.get(under, ""))

    def _sent(
        self,
        request: Request,
        values: Mapping[str, Any],
        under: PermissionSet,
        headers: Mapping[str, str] | None = None,
    ) -> Sent:
        return template.sent(
            request,
            values,
            self.declared.login,
            self._connection.credentials(under),
            {**self.declared.headers, **(headers or {})},
        )

    def _send(self, sent: Sent, call: Call, budget: Budget) -> Answer:
        answer = self._connection.send(sent, call, budget)
        if 200 <= answer.status < 300:
            return answer
        raise errors.from_status(call, answer.status, answer.headers)
