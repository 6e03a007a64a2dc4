"""Patient Information Reconciliation (IHE RAD TF-1 4, PIR): what the hub learns of a patient after his images came.

An updated Patient (ADT^A08, FHIR) and a merge (ADT^A40, ``$merge``: a Linkage) become corrections of his studies; a
merge that is taken back takes its corrections back. Whose record the ImagingStudy is stays as it was: the hub itself
keeps merged records together.
"""

import time
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from hub.contracts.caller import Caller, Role
from hub.contracts.errors import Conflict
from hub.contracts.hub_client import HubClient
from hub.contracts.store import Change

from ..events import log_fault
from ..person_name import normalised, spellings
from ..study_index.acts import By
from ..study_index.corrections import Corrected, Subject, correct, undo
from ..study_index.index import StudyIndex
from .desk import patient_values

TYPES = frozenset({"Patient", "Linkage"})
ReadVersion = Callable[[str, str, int], dict[str, Any] | None]
"""(type, id, version) to the resource as it was; None where there is no such version."""
_COLUMNS = "st.uid, o.name, st.patient_id, st.patient_name, st.birth_date, st.sex"
_FROM = "FROM study st JOIN organization o ON o.id = st.owner WHERE st.patient = ? AND st.instance_count > 0"


class PatientUpdates:
    """``hub.contracts.store.Follower``. Idempotent: a study that says already what the hub says is left alone."""

    name = "patient-updates"

    def __init__(self, index: StudyIndex, hub: HubClient, read: ReadVersion) -> None:
        self._index = index
        self._hub = hub
        self._read = read

    def follow(self, changes: Iterable[Change]) -> None:
        for change in changes:
            if change.type == "Patient" and change.version > 1 and not change.deleted:
                self._updated(change)
            elif change.type == "Linkage":
                self._linked(change)

    def _updated(self, change: Change) -> None:
        before = self._read("Patient", change.id, change.version - 1) or {}
        after = self._read("Patient", change.id, change.version) or {}
        changed = {name for name in ("name", "birthDate", "gender") if before.get(name) != after.get(name)}
        patient = self._hub.patient_of(_of(change), change.id) if changed else None
        if patient is None:
            return
        now = patient_values(patient)
        for uid, owner, _number, name, birth_date, sex in self._studies(change.id):
            said = Corrected(
                patient_name=now.patient_name if "name" in changed and not _is_said(now.patient_name, name) else None,
                birth_date=now.birth_date if "birthDate" in changed and now.birth_date != birth_date else None,
                sex=now.sex if "gender" in changed and now.sex != sex else None,
            )
            if said != Corrected():
                reason = f"患者信息更新 Patient/{change.id}/_history/{change.version}"
                self._correct(uid, owner, said, _by(change, reason))

    def _linked(self, change: Change) -> None:
        reason = f"患者合并 Linkage/{change.id}"
        linkage = None if change.deleted else self._read("Linkage", change.id, change.version)
        if linkage is None or not linkage.get("active", True):
            self._take_back(change, reason)
            return
        items = [(item.get("type"), (item.get("resource") or {}).get("reference", "")) for item in linkage["item"]]
        target = next((reference for kind, reference in items if kind == "source"), "")
        merged = [reference for kind, reference in items if kind == "historical"]
        patient = self._hub.patient_of(_of(change), target.removeprefix("Patient/")) if merged else None
        if patient is None:
            return
        now = patient_values(patient)
        for reference in merged:
            source = reference.removeprefix("Patient/")
            for uid, owner, number, *_rest in self._studies(source):
                if number != now.patient_id:
                    self._correct(uid, owner, msgspec.structs.replace(now, patient=source), _by(change, reason))

    def _take_back(self, change: Change, reason: str) -> None:
        rows = self._index.rows(
            "SELECT c.id FROM correction c JOIN act a ON a.id = c.act WHERE a.reason = ? AND c.undone IS NULL"
            " ORDER BY c.id DESC",
            (reason,),
        )
        by = _by(change, f"撤销合并 Linkage/{change.id}")
        for (correction,) in rows:
            try:
                self._index.writer.submit(lambda c, one=correction: undo(c, None, one, by, by_hub=True)).result()  # type: ignore[misc]
            except Conflict as later:
                log_fault("patient updates", later)  # a person has corrected it since: that word stands

    def _studies(self, patient: str) -> list[tuple[Any, ...]]:
        return self._index.rows(f"SELECT {_COLUMNS} {_FROM}", (patient,))

    def _correct(self, uid: str, owner: str, said: Corrected, by: By) -> None:
        try:
            named = Subject(owner, uid)
            self._index.writer.submit(lambda connection: correct(connection, named, said, by, by_hub=True)).result()
        except Conflict as elsewhere:
            log_fault("patient updates", elsewhere)


def _is_said(name: str | None, known: str) -> bool:
    """Whether a name is one of the spellings of what the study says."""
    return not name or bool(set(spellings(name)) & set(spellings(known))) or normalised(name) == normalised(known)


def _of(change: Change) -> Caller:
    return Caller(change.sender, Role.SERVICE, change.owner)


def _by(change: Change, reason: str) -> By:
    return By(change.sender, Role.SERVICE.value, change.owner, None, time.time_ns() // 1000, reason)
