"""The audit trail: who was shown, or changed, what of whom.

Writes add their rows in their own commit, so that there is no change without its row. Reads are noted in memory and
written in groups at most 200 ms later. Rows are only ever added. FHIR shows them as AuditEvent
(``hub.security.audit_view``, after IHE BALP).
"""

import contextlib
import re
import time
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from hub.contracts.caller import Caller
from hub.contracts.errors import Busy
from hub.contracts.store import CommitView, Reaction, ResourceWriter, Written
from hub.contracts.submission import Channel

from .later import Later
from .tables import AUDIT_TABLES

READ_DELAY_SECONDS = 0.1
"""Half of what is promised; the other half is for the commit."""
SUCCESS, MINOR_FAILURE = 0, 4
"""Of audit-event-outcome."""
_ACTIONS = {"GET": "R", "HEAD": "R", "POST": "C", "PUT": "U", "PATCH": "U", "DELETE": "D"}
_PATIENT_PATH = re.compile(r"/fhir/Patient/([A-Za-z0-9.\-]{1,64})(?:/.*)?", re.ASCII)
_TYPE_PATH = re.compile(r"/fhir/([A-Z][A-Za-z]{2,40})(?:/.*)?", re.ASCII)
_DOOR_PATH = re.compile(r"/([a-z-]{1,40})(?:/.*)?", re.ASCII)


class AuditRow(NamedTuple):
    """One row of ``audit_event``. ``action`` is a code of audit-event-action (C, R, U, D, E), ``interaction`` one of
    restful-interaction or the name of another door, ``outcome`` one of audit-event-outcome; ``n`` counts resources."""

    at_us: int
    client: str
    role: str
    organization: str
    actor: str | None
    purpose: str | None
    action: str
    interaction: str
    type: str
    patient_id: str | None
    n: int
    outcome: int


_INSERT = (
    "INSERT INTO audit_event (at_us, client, role, organization, actor, purpose, action, interaction, type,"
    " patient_id, n, outcome) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_EXECUTES = frozenset({"cds", "operation"})


def AuditReaction() -> Reaction:
    """One row for each patient that a submission touches, in its own commit."""
    return Reaction(room="audit", types=None, run=record_writes, tables=AUDIT_TABLES)


def record_writes(written: Sequence[Written], view: CommitView) -> None:
    """The consequence behind ``AuditReaction``."""
    sent = {id(entry) for entry in view.submission.entries}
    by_patient: dict[str | None, list[Written]] = {}
    for one in written:
        if sent and id(one.entry) not in sent:
            continue  # a consequence: part of the act that is on record already
        for patient in _patients_of(one):
            by_patient.setdefault(patient, []).append(one)
    if len(by_patient) > 1:
        by_patient.pop(None, None)  # what lies beside a patient's resources is part of the same act
    channel = view.submission.origin.channel
    for patient, touched in by_patient.items():
        types = {one.type for one in touched}
        created, deleted = all(one.version == 1 for one in touched), all(one.deleted for one in touched)
        action = "D" if deleted else "C" if created else "U"
        if channel not in (Channel.FHIR, Channel.INTERNAL):
            interaction = channel.value
        elif len(touched) > 1:
            interaction = "transaction"
        else:
            interaction = {"C": "create", "U": "update", "D": "delete"}[action]
        row = _row(view.caller, int(view.now.timestamp() * 1_000_000), action, interaction,
                   types.pop() if len(types) == 1 else "Bundle", patient, len(touched))  # fmt: skip
        view.execute(_INSERT, row)


class AuditTrail:
    """``hub.contracts.audit.ReadAudit``. One per process; may be used from any thread."""

    def __init__(self, writer: ResourceWriter, *, delay_seconds: float = READ_DELAY_SECONDS) -> None:
        self._later = Later[AuditRow](writer, _write, delay_seconds=delay_seconds)

    def note(self, caller: Caller, interaction: str, resource_type: str, patients: Sequence[str]) -> None:
        """One row for each patient; one without a patient where there is none. Raises Busy when the trail could not be
        written for so long that memory is full: then nothing may be shown either."""
        at_us = int(time.time() * 1_000_000)
        action = "E" if interaction in _EXECUTES else "R"
        if len(patients) == 1:
            self._later.add(_row(caller, at_us, action, interaction, resource_type, patients[0], 1))
            return
        counts: Counter[str | None] = Counter(patients) or Counter({None: 1})
        for patient, n in counts.items():
            self._later.add(_row(caller, at_us, action, interaction, resource_type, patient, n))

    def denied(self, caller: Caller, method: str, path: str) -> None:
        """One row for what a known caller was refused (403). It names the type or the door, and the Patient where the
        path does. A refusal stands even where the trail is full."""
        named, patient, door = _TYPE_PATH.fullmatch(path), _PATIENT_PATH.fullmatch(path), _DOOR_PATH.fullmatch(path)
        what = named[1] if named else door[1] if door else "Basic"
        at_us = int(time.time() * 1_000_000)
        row = _row(caller, at_us, _ACTIONS.get(method, "E"), "denied", what, patient[1] if patient else None, 0)
        with contextlib.suppress(Busy):
            self._later.add(row._replace(outcome=MINOR_FAILURE))

    def flush(self) -> None:
        """Everything noted is on disk when this returns."""
        self._later.flush()

    def close(self) -> None:
        self._later.close()


def readers_since(view: CommitView, patients: Sequence[str], since_us: int) -> list[tuple[str, str]]:
    """Organization and Patient for each of ``patients`` that an organization was shown at ``since_us`` or later, by a
    read, a search, an operation or an order check; those who administer or audit do not count, nor patients."""
    found: set[tuple[str, str]] = set()
    for patient in patients:
        found.update(
            view.rows(
                "SELECT DISTINCT organization, patient_id FROM audit_event WHERE patient_id = ? AND at_us >= ?"
                " AND action IN ('R', 'E') AND outcome = 0 AND role NOT IN ('admin', 'auditor', 'patient', 'service')",
                (patient, since_us),
            )
        )
    return sorted(found)


def _patients_of(one: Written) -> Sequence[str | None]:
    """R4 puts Task and Linkage in no patient compartment, but of whom they speak matters here."""
    if one.patient is None and one.type == "Task":
        return (_patient_named(getattr(one.resource, "for_", None)),)
    if one.type == "Linkage":
        items = getattr(one.resource, "item", None)
        named = [_patient_named(getattr(item, "resource", None)) for item in items or ()]
        return list(dict.fromkeys(patient for patient in named if patient is not None)) or (None,)
    return (one.patient,)


def _patient_named(element: object) -> str | None:
    reference = getattr(element, "reference", None)
    if isinstance(reference, str) and reference.startswith("Patient/"):
        return reference.removeprefix("Patient/").partition("/")[0]
    return None


def _row(
    caller: Caller, at_us: int, action: str, interaction: str, resource_type: str, patient: str | None, n: int
) -> AuditRow:
    return AuditRow(
        at_us, caller.client, caller.role.value, caller.organization, caller.actor, caller.purpose, action, interaction,
        resource_type, patient, n, SUCCESS,
    )  # fmt: skip


def _write(view: CommitView, rows: Sequence[AuditRow]) -> None:
    for row in rows:
        view.execute(_INSERT, row)
