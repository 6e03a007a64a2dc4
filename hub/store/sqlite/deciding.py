"""What becomes of each entry of a submission, decided inside the commit (R4 http.html#create, #update, #delete,
#transaction): all of it or nothing.

Deletes go before creates before updates, whatever their order. Nothing here waits, and nothing is written yet.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from hub.contracts.caller import Role
from hub.contracts.errors import Conflict, Incorrect, NotFound, Precondition
from hub.contracts.submission import Method, Outcome
from hub.fhir.search_params import of_type

from . import bodies
from .batch import Batch
from .prepared import Content, Item, Prepared, placed
from .records import Record
from .schema import CLIENT, ORGANIZATION, TYPE_NUMBERS
from .visible import Visible, grantees_of, may_read, patients_of, visible

_ORDER = {Method.DELETE: 0, Method.CREATE: 1, Method.UPDATE: 2}
_POST, _PUT = 0, 1
_PATIENT = TYPE_NUMBERS["Patient"]


@dataclass(slots=True, eq=False)
class Decided:
    """One entry: the record it is about (None: a delete of what never was) and what happened to it. ``changed``: it got
    a version. ``content`` is what is to be stored, None where nothing is, or for a deletion."""

    item: Item
    record: Record | None
    status: int
    changed: bool = False
    content: Content | None = None
    outcome: Outcome | None = None


@dataclass(slots=True)
class Decider:
    """Decides the entries of one prepared submission against the batch."""

    batch: Batch
    prepared: Prepared
    sender: int = 0
    _checked: set[tuple[str, str, str | None]] = field(default_factory=set)
    _visible: Visible | None = None
    _patients: dict[int, bool] = field(default_factory=dict)

    def decide(self) -> list[Decided]:
        """In the order of the entries. Raises ExchangeError; then the caller must undo the batch."""
        items = self.prepared.items
        self.sender = self.batch.names.give_party(CLIENT, self.prepared.submission.origin.caller.client)
        decided: dict[int, Decided] = {}
        self._twice(items)
        ordered = items if len(items) < 2 else sorted(items, key=lambda item: _ORDER[item.entry.method])
        # All new resources get their numbers first, so that entries may refer to one another in any order.
        for item in ordered:
            try:
                decided[item.number] = self._one(item, decided)
            except (Precondition, Incorrect, NotFound, Conflict) as error:
                raise placed(error, item.number, len(items)) from None
        for item in ordered:
            one = decided[item.number]
            if one.changed and one.record is not None:
                self._write(one, one.record)
        return [decided[item.number] for item in items]

    def _one(self, item: Item, decided: dict[int, Decided]) -> Decided:
        match item.entry.method:
            case Method.CREATE:
                return self._create(item, decided)
            case Method.UPDATE:
                return self._update(item)
            case _:
                return self._delete(item)

    def _create(self, item: Item, decided: dict[int, Decided]) -> Decided:
        self._check(item.entry.type, "POST", None)
        if item.same_as is not None:
            return Decided(item, decided[item.same_as].record, 200)
        if item.found is not None:
            record = self._found(item)
            return Decided(item, record, 200)
        assert item.id is not None  # noqa: S101 - a create has an id from its preparation
        return Decided(item, self._new(item, item.id, fresh=True), 201, True, item.content)

    def _update(self, item: Item) -> Decided:
        assert item.id is not None  # noqa: S101
        # What a condition did not find has an id that was made a moment ago: there is nothing to look for.
        fresh = item.entry.id is None and item.found is None
        record = None if fresh else self.batch.record((item.type_number, item.id))
        if record is None:
            if item.if_match is not None:
                raise _mismatch(item)
            self._check(item.entry.type, "PUT", None)
            return Decided(item, self._new(item, item.id, fresh=fresh), 201, True, item.content)
        self._may_change(item, record, "PUT")
        if item.if_match is not None and (item.if_match != record.version or record.deleted):
            raise _mismatch(item)
        if record.deleted:
            return Decided(item, record, 201, True, item.content)
        assert item.content is not None  # noqa: S101
        changed = item.content.sum != record.sum
        return Decided(item, record, 200, changed, item.content)

    def _delete(self, item: Item) -> Decided:
        record = self.batch.record((item.type_number, item.id)) if item.id else None
        if record is None:
            if item.if_match is not None:
                raise _mismatch(item)
            self._check(item.entry.type, "DELETE", None)
            return Decided(item, None, 204)
        self._may_change(item, record, "DELETE")
        if item.if_match is not None and item.if_match != record.version:
            raise _mismatch(item)
        return Decided(item, record, 204, not record.deleted)

    def _new(self, item: Item, resource_id: str, *, fresh: bool) -> Record:
        names = self.batch.names
        owner = names.give_party(ORGANIZATION, item.owner)
        record = self.batch.create((item.type_number, resource_id), owner, item.owner, fresh=fresh)
        if item.claim is not None:
            self._claim(item, owner, record.rid)
        caller = self.prepared.submission.origin.caller
        if caller.role is Role.PLATFORM and item.owner != caller.organization:
            self.batch.share(record, self.sender)  # what is its own it reads without
        return record

    def _claim(self, item: Item, owner: int, rid: int) -> None:
        assert item.claim is not None  # noqa: S101
        claimed = self.batch.claimed(owner, item.claim)
        if claimed is not None:
            holder = self.batch.records.get(claimed)
            if holder is None or not holder.versions:
                raise Conflict(
                    "Another resource holds this identifier, though the search does not find it.",
                    where=item.entry.type,
                    remedy="Tell the operator to run hub verify.",
                )
        self.batch.claim(owner, item.claim, rid)

    def _write(self, one: Decided, record: Record) -> None:
        if one.content is None:
            self.batch.delete(record, self.sender)
            return
        method = _POST if one.item.entry.method is Method.CREATE else _PUT
        version = self.batch.add_version(record, method, self.sender, one.content)
        if self.prepared.own_patients_only and version.patient_rid not in (0, record.rid):
            self._own_patient(one, version.patient_rid)

    def _found(self, item: Item) -> Record:
        record = self.batch.record((item.type_number, item.found or ""))
        assert record is not None  # noqa: S101 - it was found in this transaction
        return record

    def _check(self, resource_type: str, method: str, owner: str | None) -> None:
        asked = (resource_type, method, owner)
        if self.prepared.check is not None and asked not in self._checked:
            self.prepared.check(*asked)
            self._checked.add(asked)

    def _may_change(self, item: Item, record: Record, method: str) -> None:
        scope = self.prepared.scope
        if scope is not None:
            if self._visible is None:
                names, connection = self.batch.names, self.batch.connection
                self._visible = visible(scope, names.party, lambda asked: patients_of(connection, asked))
            if not scope.sees_type(record.type) or not self._reads(record, self._visible):
                raise NotFound("There is no such resource.", where=item.entry.type, remedy="Check the id.")
        self._check(item.entry.type, method, record.owner_name)

    def _reads(self, record: Record, scope: Visible) -> bool:
        if scope.grantees.intersection(record.grants):
            return True
        return may_read(self.batch.connection, scope, record.rid, record.owner, record.patient_rid)

    def _own_patient(self, one: Decided, patient_rid: int) -> None:
        allowed = self._patients.get(patient_rid)
        if allowed is None:
            allowed = self._patients[patient_rid] = self._patient_is_ours(patient_rid)
        if not allowed:
            path = _patient_path(one.item.entry.type, one.content)
            error = Incorrect(
                "The Patient belongs to another organization.",
                where=path,
                remedy="Refer to a Patient that your organization sent; the hub itself links the records of a person.",
                issue_code="business-rule",
            )
            raise placed(error, one.item.number, len(self.prepared.items))

    def _patient_is_ours(self, patient_rid: int) -> bool:
        organization = self.prepared.submission.origin.caller.organization
        record = self.batch.record_of(patient_rid)
        if record is None or record.type_number != _PATIENT or record.version == 0 or record.deleted:
            return True
        if record.owner_name == organization:
            return True
        own = self.batch.names.party(ORGANIZATION, organization)
        return own is not None and (own in record.grants or own in grantees_of(self.batch.connection, patient_rid))

    def _twice(self, items: Sequence[Item]) -> None:
        """R4 http.html#trules: no resource may be changed by two entries."""
        if len(items) < 2:
            return
        seen: set[tuple[int, str]] = set()
        for item in items:
            if item.id is None or item.same_as is not None or (item.entry.method is Method.CREATE and item.found):
                continue
            key = (item.type_number, item.id)
            if key in seen:
                raise Incorrect(
                    "Two entries of the transaction change the same resource.",
                    where=f"Bundle.entry[{item.number}]",
                    remedy="Change each resource by one entry.",
                    http_status=400,
                )
            seen.add(key)


def outcomes(decided: Sequence[Decided], ts: int) -> tuple[Outcome, ...]:
    """What the sender is told, after all consequences ran (they may have written once more)."""
    return tuple(_outcome(one, ts) for one in decided)


def _outcome(one: Decided, ts: int) -> Outcome:
    record = one.record
    if record is None:
        return Outcome(one.item.entry.type, one.item.id or "", 0, one.status, bodies.instant(ts))
    return Outcome(record.type, record.id, record.version, one.status, record.updated(ts), record.body(ts))


def _mismatch(item: Item) -> Precondition:
    return Precondition(
        "The current version is not the one that If-Match names.",
        where=f"{item.entry.type}.meta.versionId",
        remedy="Read the resource again, make the change on its current version, and send that version's ETag.",
    )


def _patient_path(resource_type: str, content: Content | None) -> str:
    """Where the reference to the Patient stands, as ``Observation.subject``."""
    if content is not None:
        named = {parameter for parameter, reference in content.references if reference == content.patient}
        for parameter in of_type(resource_type).values():
            if parameter.id in named and parameter.paths:
                return f"{resource_type}.{_PATH.split(parameter.paths[0])[0]}"
    return f"{resource_type}.subject"


_PATH = re.compile(r"[^\w.]")
