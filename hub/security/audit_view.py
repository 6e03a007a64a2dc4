"""AuditEvent as the FHIR API shows it: computed from the trail, read and searched, never written."""

import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

import msgspec

from hub.contracts.audit import ReadAudit
from hub.contracts.caller import Caller
from hub.contracts.gate import Gate
from hub.contracts.store import ResourceReader

from .audit import AuditRow
from .audit_event import ID_PREFIX, audit_event
from .audit_search import AFTER, SameRecords, parse

_ID = re.compile(re.escape(ID_PREFIX) + r"[0-9]{1,18}", re.ASCII)
_COLUMNS = ", ".join(("seq", *AuditRow._fields))


class AuditEventView:
    """The computed type behind ``/fhir/AuditEvent`` (``hub.api.fhir.virtual.VirtualType``). Whoever may not read the
    type reads nothing; that an auditor looked is itself written to the trail. ``same_records`` lets ``patient`` reach
    the records of the same person at other clinics."""

    def __init__(
        self,
        store: ResourceReader,
        gate: Gate,
        trail: ReadAudit,
        *,
        same_records: SameRecords = lambda patient_id: [patient_id],
    ) -> None:
        self._store = store
        self._gate = gate
        self._trail = trail
        self._same_records = same_records

    def owns(self, resource_id: str) -> bool:
        return _ID.fullmatch(resource_id) is not None

    def read(self, resource_id: str, caller: Caller) -> bytes | None:
        """One event as JSON; None where there is none of this id, or not for this caller."""
        if not self.owns(resource_id) or not self._may(caller):
            return None
        rows = self._rows("WHERE seq = ?", [int(resource_id.removeprefix(ID_PREFIX))])
        if not rows:
            return None
        self._trail.note(caller, "read", "AuditEvent", [rows[0][1].patient_id] if rows[0][1].patient_id else [])
        return msgspec.json.encode(audit_event(*rows[0]))

    def search(self, pairs: Sequence[tuple[str, str]], caller: Caller, base: str) -> bytes | None:
        """A searchset Bundle, newest first unless sorted otherwise. Raises Incorrect naming what it does not know."""
        query = parse(pairs, self._same_records)
        rows: list[tuple[int, AuditRow]] = []
        if self._may(caller):
            where = f"WHERE {' AND '.join(query.where)} " if query.where else ""
            order = f"ORDER BY seq {'ASC' if query.ascending else 'DESC'} LIMIT ?"
            rows = self._rows(where + order, [*query.parameters, query.count + 1])
            patients = {row.patient_id for _, row in rows[: query.count] if row.patient_id}
            self._trail.note(caller, "search-type", "AuditEvent", sorted(patients))
        shown = rows[: query.count]
        asked = [pair for pair in pairs if pair[0] not in (AFTER, "_format", "_pretty")]
        links = [{"relation": "self", "url": _url(base, pairs)}]
        if len(rows) > query.count > 0:
            links.append({"relation": "next", "url": _url(base, [*asked, (AFTER, str(shown[-1][0]))])})
        bundle: dict[str, Any] = {"resourceType": "Bundle", "type": "searchset", "link": links}
        if shown:
            bundle["entry"] = [
                {
                    "fullUrl": f"{base}/AuditEvent/{ID_PREFIX}{seq}",
                    "resource": audit_event(seq, row),
                    "search": {"mode": "match"},
                }
                for seq, row in shown
            ]
        return msgspec.json.encode(bundle)

    def _may(self, caller: Caller) -> bool:
        return self._gate.scope(caller).sees_type("AuditEvent")

    def _rows(self, rest: str, parameters: Sequence[object]) -> list[tuple[int, AuditRow]]:
        rows = self._store.side_rows(f"SELECT {_COLUMNS} FROM audit_event {rest}", parameters)  # noqa: S608 - constants
        return [(row[0], AuditRow(*row[1:])) for row in rows]


def _url(base: str, pairs: Sequence[tuple[str, str]]) -> str:
    return f"{base}/AuditEvent{'?' + urlencode(pairs) if pairs else ''}"
