"""``hub.contracts.worklist.Orders`` on the primary store: what is on the worklist now, read afresh each time, so that a
revoked order is gone with its commit."""

from collections.abc import Sequence
from typing import Any

import msgspec

from hub.contracts.caller import EVERYTHING, Caller
from hub.contracts.codes import DICOM_UID
from hub.contracts.errors import Gone, NotFound
from hub.contracts.store import ResourceReader, Stored
from hub.contracts.worklist import OrderedPatient, ScheduledOrder
from hub.fhir.search import parse

from .facts import Understand
from .reaction import IMAGING, OTHER, UNKNOWN
from .scheduled import ordered_patient, scheduled_order

LATEST_OTHERS = 200
_COLUMNS = "o.order_id, o.accession, o.step"
_decode = msgspec.json.Decoder(dict[str, Any]).decode


class SqlOrders:
    """Any thread."""

    def __init__(self, store: ResourceReader, understand: Understand) -> None:
        self._store = store
        self._understand = understand

    def scheduled(self, caller: Caller, *, others: bool = False) -> Sequence[ScheduledOrder]:
        found = [order for kind in (IMAGING, UNKNOWN) for order in self._placed(caller, kind)]
        if not others:
            found = [order for order in found if not order.why_not]
        else:
            found += self._placed(caller, OTHER, LATEST_OTHERS) + self._ended(caller)
        return sorted(found, key=lambda order: (order.start, order.accession_number))

    def order_of(self, caller: Caller, accession_number: str) -> ScheduledOrder | None:
        rows = self._store.side_rows(
            f"SELECT {_COLUMNS}, o.owner, o.performers FROM worklist_order o WHERE o.accession = ?",  # noqa: S608
            (accession_number,),
        )
        own = [row[:3] for row in rows if caller.organization == row[3] or caller.organization in row[4].split()]
        return self._order(caller, own[0]) if len(own) == 1 else None

    def imaging_study(self, caller: Caller, study_uid: str) -> dict[str, Any] | None:
        query = parse("ImagingStudy", [("identifier", f"{DICOM_UID}|urn:oid:{study_uid}")], lenient=False)
        own = [one for one in self._store.search(query, EVERYTHING).matches if one.owner == caller.organization]
        return _decode(own[0].body) if len(own) == 1 else None

    def patient_of(self, caller: Caller, patient_id: str) -> OrderedPatient | None:
        stored = self._read("Patient", patient_id)
        if stored is None or stored.owner != caller.organization:
            return None
        return ordered_patient(stored, caller.organization)

    def _placed(self, caller: Caller, kind: str, limit: int = -1) -> list[ScheduledOrder]:
        rows = self._store.side_rows(
            f"SELECT {_COLUMNS} FROM worklist_place p JOIN worklist_order o ON o.order_id = p.order_id"  # noqa: S608
            " WHERE p.organization = ? AND p.kind = ? LIMIT ?",
            (caller.organization, kind, limit),
        )
        return [order for row in rows if (order := self._order(caller, row)) is not None]

    def _ended(self, caller: Caller) -> list[ScheduledOrder]:
        rows = self._store.side_rows(
            f"SELECT {_COLUMNS} FROM worklist_order o WHERE o.owner = ? AND o.active = 0"  # noqa: S608
            " ORDER BY o.changed_us DESC LIMIT ?",
            (caller.organization, LATEST_OTHERS),
        )
        return [order for row in rows if (order := self._order(caller, row)) is not None]

    def _order(self, caller: Caller, row: tuple[Any, ...]) -> ScheduledOrder | None:
        order_id, accession, step = row
        stored = self._read("ServiceRequest", order_id)
        if stored is None:
            return None
        examination = self._understand(_decode(stored.body), stored.owner, self._store.side_rows)
        patient = self._read("Patient", stored.patient) if stored.patient else None
        return scheduled_order(stored, patient, examination, accession, step, caller.organization)

    def _read(self, resource_type: str, resource_id: str) -> Stored | None:
        try:
            return self._store.read(resource_type, resource_id, EVERYTHING)
        except (NotFound, Gone):
            return None
