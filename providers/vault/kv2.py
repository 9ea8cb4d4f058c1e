"""A secret in KV version 2: staged in a separate mount, promoted by one compare-and-set."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from providers.vault import errors
from providers.vault.capabilities import missing_capabilities
from providers.vault.kv2_fields import KvFields
from providers.vault.kv2_record import (
    COMPROMISED_KEY,
    CURRENT_KEY,
    OWNER,
    PREVIOUS_KEY,
    Copies,
    KvState,
    Record,
    is_guarded,
)
from rotation.errors import Conflict, Denied, NeedsPerson, Permanent, Transient, first_change
from rotation.types import (
    COMPROMISED,
    CURRENT,
    PENDING,
    Credential,
    Fields,
    PermissionSet,
    Version,
    mark,
)

if TYPE_CHECKING:
    from providers.vault.clients import VaultConnection
    from providers.vault.options import KvOptions
    from providers.vault.wire import Answer
    from rotation.interfaces import PluginContext

OBSERVE, MINT = PermissionSet.OBSERVE, PermissionSet.MINT
VERIFY, PROMOTE = PermissionSet.VERIFY, PermissionSet.PROMOTE
_READS_STAGED = frozenset({VERIFY, PROMOTE, PermissionSet.PROVE})
_NOT_THERE = "store.version-missing"
_ATTEMPT = re.compile(r"[0-9a-f]{32}")
# The prefix of the id of a staged value that cannot be ours.
_UNKNOWN = "staged-"


class KvStore:
    """Each staged value has its own path, which can only be created. Promotion merges our keys into
    the live secret and names the version that it replaces, so other keys stay as they are."""

    def __init__(self, options: KvOptions, context: PluginContext) -> None:
        self._connection: VaultConnection = context.connections[options.connection]
        self._options = options
        self._installation = context.installation
        self._clock = context.clock
        self._stream = context.stream
        self._fields = KvFields(context.fields, context.public, context.composed)
        self._name = f"{options.mount}/{options.path}"

    def state(self) -> KvState:
        record = self._look(OBSERVE)
        mount = self._call("GET", f"{self._options.mount}/config", OBSERVE).data
        return KvState(
            versions=self._labelled(record),
            claim=record.custom.get(OWNER),
            refusal=record.refusal(mount),
            server_at=record.server_at,
            lost=record.is_lost,
            guarded=is_guarded(record, mount),
            unrecorded=record.is_unrecorded,
            missing=self._missing_capabilities,
        )

    @first_change()
    def stage(self, attempt: str, new: Credential, *, onto: str | None) -> str:
        values = self._fields.written(new.fields)
        try:
            self._call(
                "POST",
                self._staged("data", attempt),
                MINT,
                {"options": {"cas": 0}, "data": values},
                repeatable=False,
                meanings={errors.CAS_MISMATCH: self._taken},
            )
        except (Conflict, Denied):
            # A policy that only allows us to create answers a second write with a denial.
            if not self._is_staged(attempt):
                raise
            if self._staged_data(attempt, VERIFY) != values:
                raise self._taken() from None
        return mark(self._installation, attempt)

    def read(self, version: str, *, under: PermissionSet, region: str | None = None) -> Fields:
        copies = self._look(under).find(version)
        if copies is None:
            return self._fields.read(self._staged_data(self._attempt(version), under))
        if copies.is_placeholder:
            raise Transient("store.placeholder", "the secret holds no credential yet", "wait")
        return self._fields.read(self._live_data(copies.newest, under))

    def stale(self, version: str, handle_id: str, *, under: PermissionSet) -> tuple[str, ...]:
        found = self._look(under).find(version)
        if found is None or found.is_placeholder:
            return ()
        return self._fields.stale(self._live_data(found.newest, under), handle_id)

    def lacking(self, version: str, *, under: PermissionSet) -> frozenset[str]:
        found = self._look(under).find(version)
        return self._fields.lacking(self._live_data(found.newest, under) if found else {})

    def place(self, attempt: str) -> str:
        """Writes only the mark, into the key's metadata, and nothing where readers look."""
        version, current = mark(self._installation, attempt), self._look(OBSERVE).current
        if current is None:
            self._annotate({CURRENT_KEY: str(Copies(version, (0,)))}, MINT, create=True)
            return version
        if current.id == version:
            return version
        raise Conflict(
            "store.not-empty",
            f"secret {self._name} has a value already; it was not touched",
            "`rotation adopt` takes over a secret that is in use",
        )

    def promote(self, to: str, *, expecting: str) -> None:
        with first_change():
            current = (record := self._look(PROMOTE)).current
            if current is not None and current.id == to:
                return
            values = self._values(record, to)
            if current is not None and current.id == expecting:
                number = self._write(values, over=record.number)
            elif self._was_unanswered(record, values, expecting):
                number = record.number
            else:
                raise self._elsewhere(expecting)
        self._remember(record, to, number, expecting)

    def promote_over_lost(self, to: str, *, expecting: str) -> None:
        """There is nothing to merge into, so the whole value is written, with our keys alone."""
        with first_change():
            current = (record := self._look(PROMOTE)).current
            if current is not None and current.id == to:
                return
            values = self._values(record, to)
            before = record.find(expecting)
            behind = before is not None and before.newest + 1 == record.number
            if current is not None and current.id == expecting and record.is_lost:
                number = self._write(values, over=record.number, whole=True)
            elif behind and self._live_data(record.number, PROMOTE) == values:
                number = record.number
            else:
                raise self._elsewhere(expecting)
        self._remember(record, to, number, expecting)

    def unlabel(self, version: str, label: str, *, under: PermissionSet) -> None:
        if label == CURRENT:
            raise Permanent(
                "store.current-stays",
                f"secret {self._name} always has a current version: that label can only move",
                "promote another version",
            )
        record = self._look(under)
        if label == PENDING:
            if record.current is not None and record.current.id == version:
                self._end_previous(record)
            self._call("DELETE", self._staged("metadata", self._attempt(version)), under)
            return
        if label == COMPROMISED and record.compromised == version:
            self._annotate({COMPROMISED_KEY: None}, under)
        elif label != COMPROMISED and record.previous and record.previous.id == version:
            self._end_previous(record)

    def _end_previous(self, record: Record) -> None:
        """Ends the pending state of what is current, once its rotation is over. The credential
        before it is dead then, and KV would keep its bytes as long as it keeps versions."""
        if record.previous is not None:
            self._destroy(record, record.previous)
            self._annotate({PREVIOUS_KEY: None}, PROMOTE)

    def mark_compromised(self, version: str) -> None:
        when = f"{self._clock.now():%Y-%m-%dT%H:%M:%SZ}"
        self._annotate({COMPROMISED_KEY: f"{when} {version}"}, PermissionSet.CONTAIN)

    @first_change()
    def claim(self, installation: str) -> None:
        self._annotate({OWNER: installation}, PermissionSet.CLAIM, create=True)

    def _missing_capabilities(self, sets: Collection[PermissionSet]) -> tuple[str, ...]:
        place = {**asdict(self._options), "stream": self._stream}
        return missing_capabilities(self._connection, "vault-kv2", place, sets)

    def _look(self, under: PermissionSet) -> Record:
        """A path that was never written is an empty secret: KV knows no other kind."""
        meanings = {errors.NOT_FOUND: _absent, errors.NO_MOUNT: self._missing}
        try:
            answer = self._call("GET", self._live("metadata"), under, meanings=meanings)
        except Transient as error:
            if error.code != _NOT_THERE:
                raise
            return Record.of({}, None)
        return Record.of(answer.data, answer.server_at)

    def _labelled(self, record: Record) -> tuple[Version, ...]:
        """Live and staged versions. The one that was staged last, or that is unknown, comes last:
        `pending` names that one."""
        labels = {version.id: version.labels for version in record.labelled()}
        names = self._staged_names()
        if len(names) > 1:
            names.sort(key=self._staged_at)
        names.sort(key=lambda name: _ATTEMPT.fullmatch(name) is None)
        for name in names:
            id_ = (
                mark(self._installation, name) if _ATTEMPT.fullmatch(name) else f"{_UNKNOWN}{name}"
            )
            labels[id_] = labels.pop(id_, frozenset()) | {PENDING}
        return tuple(Version(id=id_, labels=names) for id_, names in labels.items())

    def _staged_names(self) -> list[str]:
        meanings = {errors.NOT_FOUND: _absent, errors.NO_MOUNT: self._no_staging}
        try:
            path = f"{self._options.staging}/metadata/{self._stream}"
            return list(self._call("LIST", path, OBSERVE, meanings=meanings).data["keys"])
        except Transient as error:
            if error.code != _NOT_THERE:
                raise
            return []

    def _staged_at(self, name: str) -> str:
        path = self._staged("metadata", name.rstrip("/"))
        try:
            meanings = {errors.NOT_FOUND: _absent}
            return str(self._call("GET", path, OBSERVE, meanings=meanings).data["created_time"])
        except Transient as error:
            if error.code != _NOT_THERE:
                raise
            return ""

    def _is_staged(self, attempt: str) -> bool:
        return self._staged_at(attempt) != ""

    def _staged_data(self, attempt: str, under: PermissionSet) -> Mapping[str, Any]:
        if under not in _READS_STAGED:
            raise _absent()
        return self._data(self._staged("data", attempt), under)

    def _live_data(self, number: int, under: PermissionSet) -> Mapping[str, Any]:
        return self._data(f"{self._live('data')}?version={number}", under)

    def _data(self, path: str, under: PermissionSet) -> Mapping[str, Any]:
        answer = self._call("GET", path, under, meanings={errors.NOT_FOUND: _absent})
        data: Mapping[str, Any] = answer.data["data"] or {}
        return data

    def _values(self, record: Record, version: str) -> Mapping[str, str | None]:
        """Our keys as that version has them, and what is composed of them; those of a placeholder
        are gone."""
        copies = record.find(version)
        if copies is not None and copies.is_placeholder:
            return self._fields.erased()
        if copies is None:
            data = self._staged_data(self._attempt(version), PROMOTE)
        else:
            data = self._live_data(copies.newest, PROMOTE)
        reads = self._fields.needs_others and record.number
        live = self._live_data(record.number, PROMOTE) if reads else {}
        return self._fields.composed(self._fields.own(data), live)

    def _write(self, values: Mapping[str, str | None], *, over: int, whole: bool = False) -> int:
        """Returns the number of the new version. A first version cannot be a merge."""
        answer = self._call(
            "PATCH" if over and not whole else "POST",
            self._live("data"),
            PROMOTE,
            {"options": {"cas": over}, "data": values},
            repeatable=False,
            meanings={errors.CAS_MISMATCH: self._overtaken, errors.NOT_FOUND: self._deleted},
        )
        return int(answer.data["version"])

    def _was_unanswered(
        self, record: Record, values: Mapping[str, str | None], expecting: str
    ) -> bool:
        """Whether the newest version is the runner's own promotion that was written but not
        recorded: right after the expected version, with exactly these values."""
        before, current = record.find(expecting), record.current
        if before is None or current is None or current == record.recorded:
            return False
        if before.newest + 1 != record.number:
            return False
        data = self._live_data(record.number, PROMOTE)
        return all(data.get(key) == value for key, value in values.items())

    def _remember(self, record: Record, to: str, number: int, expecting: str) -> None:
        earlier, before = record.find(to), record.find(expecting)
        placeholder = (0,) if earlier is not None and earlier.is_placeholder else ()
        kept = record.kept(earlier) if earlier is not None else ()
        new = Copies(to, (*placeholder, *kept, number))
        self._annotate(
            {CURRENT_KEY: str(new), PREVIOUS_KEY: str(before) if before else None}, PROMOTE
        )

    def _destroy(self, record: Record, copies: Copies) -> None:
        """Destroys its bytes, wherever the history has them. Nothing else may destroy, and this set
        reads nothing."""
        numbers = [number for number in record.kept(copies) if number != record.number]
        if numbers:
            path = f"{self._options.mount}/destroy/{self._options.path}"
            self._call("PUT", path, PermissionSet.REVOKE, {"versions": numbers})

    def _annotate(
        self, entries: Mapping[str, str | None], under: PermissionSet, *, create: bool = False
    ) -> None:
        """Writes entries of the key's metadata; other entries stay."""
        meanings = {errors.NOT_FOUND: _absent if create else self._missing}
        body, path = {"custom_metadata": entries}, self._live("metadata")
        try:
            self._call("PATCH", path, under, body, meanings=meanings)
        except Transient as error:
            if error.code != _NOT_THERE:
                raise
            self._call("POST", path, under, body)

    def _live(self, part: str) -> str:
        return f"{self._options.mount}/{part}/{self._options.path}"

    def _staged(self, part: str, attempt: str) -> str:
        return f"{self._options.staging}/{part}/{self._stream}/{attempt}"

    def _attempt(self, version: str) -> str:
        """The last part of a staged version's path."""
        ours = mark(self._installation, "")
        for beginning in (ours, _UNKNOWN):
            if version.startswith(beginning) and "/" not in version:
                return version.removeprefix(beginning)
        raise _absent()

    def _call(
        self,
        method: str,
        path: str,
        under: PermissionSet,
        body: Mapping[str, Any] | None = None,
        *,
        repeatable: bool = True,
        meanings: errors.Meanings | None = None,
    ) -> Answer:
        return self._connection.call(
            method, path, under=under, body=body, repeatable=repeatable, meanings=meanings
        )

    def _missing(self) -> NeedsPerson:
        return NeedsPerson(
            "store.missing",
            f"there is no secret {self._name} in this cluster and namespace",
            "create it (`pulumi up`), or correct mount, path and connection",
        )

    def _no_staging(self) -> NeedsPerson:
        return NeedsPerson(
            "store.no-staging",
            f"there is no mount {self._options.staging} to stage values in",
            "mount KV version 2 there (`pulumi up`); consumers must not read it",
        )

    def _deleted(self) -> NeedsPerson:
        return NeedsPerson(
            "store.deleted",
            f"the newest version of secret {self._name} is deleted; nothing was written",
            "undelete it, or write what readers need; then `rotation resume`",
        )

    def _taken(self) -> NeedsPerson:
        return Conflict(
            "store.conflict",
            f"a value for secret {self._name} is staged under this attempt, with other bytes",
            "another runner staged under this attempt; `rotation show` names the runners",
        )

    def _overtaken(self) -> NeedsPerson:
        return Conflict(
            "store.conflict",
            f"somebody wrote secret {self._name} at the same moment; it was not promoted",
            "see who wrote it: `rotation show`, then `rotation resolve`",
        )

    def _elsewhere(self, expected: str) -> NeedsPerson:
        return Conflict(
            "store.conflict",
            f"secret {self._name} is not at version {expected}; nothing was promoted",
            "somebody else wrote it: `rotation show`, then `rotation resolve`",
        )


def _absent() -> Transient:
    return Transient(_NOT_THERE, "that version is not there (yet)", "wait")
