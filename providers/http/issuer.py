"""An issuer that is declared. Everything that we mint carries our label, and the list shows the
label."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from providers.http import errors, items, template
from providers.http.api import MINT, Api
from providers.http.client import Budget
from providers.http.errors import Call
from providers.http.pointer import find
from rotation.errors import (
    Ambiguous,
    NeedsPerson,
    Permanent,
    RotationError,
    SlotFull,
    Transient,
    first_change,
)
from rotation.types import Credential, Fields, LastUsed, Listing, PermissionSet, Traits, mark

if TYPE_CHECKING:
    from providers.http.declaration import Request
    from providers.http.items import Listed
    from providers.http.options import HttpApiOptions
    from rotation.interfaces import PluginContext

# Some services have expiry dates without a time.
EXPIRY_TOLERANCE = timedelta(days=1)

REPLACED = "held.replaced-in-place"


class HttpApiIssuer:
    def __init__(self, options: HttpApiOptions, context: PluginContext) -> None:
        self._options = options
        self._api = Api(options, context.connections[options.connection])
        self._installation = context.installation
        self._clock = context.clock

    @property
    def traits(self) -> Traits:
        return self._options.TRAITS

    def listing(self) -> Listing:
        found, at = self._api.list(Budget())
        return Listing(handles=tuple(each.handle for each in found), server_at=at)

    def issue(self, attempt: str) -> Credential:
        """Mints nothing that would differ from its predecessor, and removes a credential that the
        service made differently from the request: consumers would log in and then be refused."""
        budget = Budget()
        before, _ = self._api.list(budget)
        self._check_slot(before)
        values = self._values(attempt)
        body = template.body(self._api.declared.create.body or "{}", values)
        self._check_predecessor(before, body)
        document = self._api.create(attempt, values, budget)
        try:
            return self._taken(document, values, body, before, budget)
        except items.Misshapen:
            wrong: RotationError = errors.bad_answer(Call(MINT.what))
        except RotationError as error:
            wrong = error
        raise self._removed(values["label"], wrong, before, budget)

    def activate(self, new: Credential) -> None:
        """A credential that a service issues is active at once."""

    def suspend(self, handle_id: str, *, under: PermissionSet = PermissionSet.REVOKE) -> None:
        self._change("suspend", self._api.declared.suspend, handle_id, under)

    def resume(self, handle_id: str) -> None:
        self._change("resume", self._api.declared.resume, handle_id, PermissionSet.REVOKE)

    @first_change()
    def destroy(
        self,
        handle_id: str,
        fields: Fields | None = None,
        *,
        under: PermissionSet = PermissionSet.REVOKE,
    ) -> None:
        self._api.delete(handle_id, under, Budget())

    def usage(self, handle_id: str) -> LastUsed:
        found, _ = self._api.list(Budget())
        used = (each.used for each in found if each.handle.id == handle_id)
        return LastUsed(last_used=next(used, None))

    def handle_of(self, fields: Fields, version: str) -> str:
        """The id in the secret, or the one that the service gives to a login with it."""
        if not self._options.id_in_secret:
            return self._api.whose(fields, Budget())
        try:
            return items.public(dict(fields.public), "/id", self._api.declared.item.id_pattern)
        except items.Misshapen:
            raise NeedsPerson(
                "http.id",
                "the secret's id is not one that the declaration allows; nothing was touched",
                "correct the field `id` in the secret, or the declaration's `id_pattern`",
            ) from None

    @first_change()
    def _change(
        self, operation: str, request: Request | None, handle_id: str, under: PermissionSet
    ) -> None:
        if request is None:
            raise Permanent("issuer.cannot-suspend", "the declaration has no call for that")
        self._api.change(operation, request, handle_id, under, Budget())

    # ------------------------------------------------------------------- before it is minted

    def _check_slot(self, before: Sequence[Listed]) -> None:
        most = self._api.declared.live_max
        if most is not None and len(before) >= most:
            raise SlotFull(
                "http.slot-full",
                f"the service holds {len(before)} credentials of {self._options.name}, and no "
                "further one can be made",
                "`rotation show` lists them; none that is not ours is deleted to make room",
            )

    def _values(self, attempt: str) -> dict[str, Any]:
        life = self._options.expires_in_s or 0
        return {
            **self._options.parameters,
            "label": items.label_of(self._options.name, mark(self._installation, attempt)),
            "scopes": self._options.scopes,
            "expires": {"at": self._clock.now() + timedelta(seconds=life), "seconds": life},
        }

    def _predecessor(self, before: Sequence[Listed]) -> Listed | None:
        """The credential that the new one must resemble: the newest, as far as the service's dates
        show."""
        return None if self._options.accept_changes else max(before, key=_age, default=None)

    def _check_predecessor(self, before: Sequence[Listed], body: Any) -> None:
        old = self._predecessor(before)
        different = [] if old is None else items.differences(self._same(body), old.document, body)
        if different and old is not None:
            raise NeedsPerson(
                "http.differs",
                f"the new one would differ from {old.handle.id}: {'; '.join(different)}; nothing "
                "was minted",
                "correct `scopes:` or `parameters:`, or state `accept_changes: true`",
            )

    def _same(self, document: Any) -> tuple[str, ...]:
        """What must be the same, as far as this document has it."""
        return tuple(p for p in self._api.declared.item.same if items.says(document, p))

    # --------------------------------------------------------------------- after it is minted

    def _taken(
        self,
        document: Any,
        values: Mapping[str, Any],
        body: Any,
        before: Sequence[Listed],
        budget: Budget,
    ) -> Credential:
        item = self._api.declared.item
        secret = items.secret_of(item, document)
        handle_id = items.id_of(item, document)
        if any(each.handle.id == handle_id for each in before):
            raise _replaced(handle_id)
        new = self._read_back(document, handle_id, budget)
        self._check_new(new, values, body, before)
        public = {"id": handle_id} if self._options.id_in_secret else {}
        if item.login is not None:
            public["login"] = items.public(document, item.login)
        fields = Fields(public=public, secret={"secret": secret})
        return Credential(handle=new.handle, fields=fields)

    def _read_back(self, document: Any, handle_id: str, budget: Budget) -> Listed:
        """What the service made, in its own words: from its answer where that is complete, else
        from the list."""
        item, name = self._api.declared.item, self._options.name
        asked = [item.label, *item.same]
        if self._options.expires_in_s is not None and item.expires is not None:
            asked.append(item.expires)
        if all(items.says(document, pointer) for pointer in asked):
            return items.listed(item, document, name)
        if (found := self._api.look_for(handle_id, budget, listed=True)) is not None:
            return found
        raise Transient(
            "http.not-listed",
            f"the service does not list {handle_id}, which it just made",
            "is the declaration's list of the same place as its create, and does it lag behind "
            "for longer than the connection's `settle`?",
        )

    def _check_new(
        self, new: Listed, values: Mapping[str, Any], body: Any, before: Sequence[Listed]
    ) -> None:
        different = items.differences(self._same(body), body, new.document)
        if (old := self._predecessor(before)) is not None:
            same = self._api.declared.item.same
            different += items.differences(same, old.document, new.document)
        different += self._lives_otherwise(new.handle.expires, values["expires"]["at"])
        if find(new.document, self._api.declared.item.label) != values["label"]:
            different.append("its label is not the one that was sent")
        if different:
            raise NeedsPerson(
                "http.differs",
                f"the service made {new.handle.id} otherwise: {'; '.join(dict.fromkeys(different))}",
                "correct `scopes:` or `parameters:`, or state `accept_changes: true`",
            )

    def _lives_otherwise(self, listed: datetime | None, sent: datetime) -> list[str]:
        if self._options.expires_in_s is None or self._api.declared.item.expires is None:
            return []
        if listed is not None and abs(listed - sent) <= EXPIRY_TOLERANCE:
            return []
        end = "never ends" if listed is None else f"ends on {listed:%Y-%m-%d}"
        return [f"it {end} and not on {sent:%Y-%m-%d}"]

    def _removed(
        self, label: str, wrong: RotationError, before: Sequence[Listed], budget: Budget
    ) -> RotationError:
        """Removes a mint that went wrong, because nobody would have its bytes. Only an item with
        our label that was not listed before is removed: the id in a wrong answer may be
        anybody's."""
        ours, known = items.mark_of(label, self._options.name), {e.handle.id for e in before}
        try:
            listed = [each.handle for each in self._api.list(budget)[0]]
            found = [each for each in listed if each.mark == ours and each.id not in known]
            for each in found:
                self._api.delete(each.id, PermissionSet.REVOKE, budget)
        except RotationError:
            found = []
        if wrong.code == REPLACED:
            return errors.bad_answer(Call(MINT.what)) if found else wrong
        if found:
            return _after(wrong, "; it was removed again")
        return Ambiguous("http.not-removed", f"{wrong.message}; it may live on", wrong.hint)


def _after(wrong: RotationError, what: str) -> RotationError:
    wrong.message += what
    return wrong


def _replaced(handle_id: str) -> NeedsPerson:
    return NeedsPerson(
        REPLACED,
        f"the service answered with {handle_id}, which was there before: it replaces a credential "
        f"in place instead of making a second one. What readers hold of {handle_id} has most "
        "likely stopped working, and what replaced it is not kept; the service is not called again",
        "make a credential at the service by hand, write it into the secret, then "
        "`rotation resolve --accept-current`",
    )


def _age(each: Listed) -> float:
    return 0.0 if each.handle.created is None else each.handle.created.timestamp()
