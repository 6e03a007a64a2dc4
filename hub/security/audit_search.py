"""Search parameters of AuditEvent (FHIR R4 auditevent.html#search) as conditions on the trail's rows: pure.

Known: ``_id``, ``patient``, ``entity`` (a Patient), ``date``, ``agent`` (Practitioner or Organization), ``agent-name``
(the client), ``action``, ``subtype``, ``_count``, ``_sort`` (``date``, ``-date``). Others are refused by name.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hub.contracts.errors import Incorrect
from hub.fhir.dates import date_range

from .audit_event import ID_PREFIX

DEFAULT_COUNT, LARGEST_COUNT = 50, 1000
AFTER = "_after"
"""Our own: the row after which the next page begins; only ever found in a ``next`` link."""

SameRecords = Callable[[str], Sequence[str]]
"""Ids of all source Patients of the person behind one of them."""


@dataclass(slots=True)
class AuditQuery:
    """``where`` and ``parameters`` belong together; ``ascending`` is the order of time."""

    where: list[str]
    parameters: list[object]
    count: int = DEFAULT_COUNT
    ascending: bool = False


def parse(pairs: Sequence[tuple[str, str]], same_records: SameRecords) -> AuditQuery:
    """Raises Incorrect (400) naming the parameter that is not known or cannot be read."""
    query = AuditQuery([], [])
    after = None
    for name, value in pairs:
        if name in ("_format", "_pretty"):
            continue
        if name == "_count":
            query.count = min(_number(name, value), LARGEST_COUNT)
        elif name == "_sort":
            if value not in ("date", "-date"):
                raise _refused(name, "Sort by date or -date.")
            query.ascending = value == "date"
        elif name == AFTER:
            after = _number(name, value)
        elif name == "date":
            _date(query, value)
        elif name in _COLUMNS:
            _column(query, name, value, same_records)
        else:
            raise _refused(name, f"Use one of {', '.join(sorted([*_COLUMNS, 'date', '_count', '_sort']))}.")
    if after is not None:
        _add(query, "seq > ?" if query.ascending else "seq < ?", after)
    return query


_COLUMNS = frozenset({"_id", "patient", "entity", "agent", "agent-name", "action", "subtype"})
_COMPARED = {
    "eq": "at_us BETWEEN ? AND ?",
    "ne": "at_us NOT BETWEEN ? AND ?",
    "lt": "at_us < ?1",
    "ge": "at_us >= ?1",
    "eb": "at_us < ?1",
    "gt": "at_us > ?2",
    "le": "at_us <= ?2",
    "sa": "at_us > ?2",
}


def _date(query: AuditQuery, value: str) -> None:
    prefix, text = (value[:2], value[2:]) if value[:2] in _COMPARED else ("eq", value)
    try:
        low, high = date_range(text)
    except ValueError:
        raise _refused("date", "Write a date such as ge2026-01-31 or 2026-01-31T08:00:00+08:00.") from None
    condition = _COMPARED[prefix]
    bounds = [low] if "?1" in condition else [high] if "?2" in condition else [low, high]
    _add(query, condition.replace("?1", "?").replace("?2", "?"), *bounds)


def _column(query: AuditQuery, name: str, value: str, same_records: SameRecords) -> None:
    conditions, parameters = [], list[object]()
    for part in value.split(","):
        column, values = _values(name, part, same_records)
        conditions.append(f"{column} IN ({', '.join('?' * len(values))})")
        parameters += values
    _add(query, f"({' OR '.join(conditions)})", *parameters)


def _values(name: str, part: str, same_records: SameRecords) -> tuple[str, Sequence[object]]:
    """The column that a value speaks of, and what it may hold."""
    if name == "_id":
        digits = part.removeprefix(ID_PREFIX)
        return "seq", [int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 19 else -1]
    if name in ("action", "subtype"):
        return "action" if name == "action" else "interaction", [part.rpartition("|")[2]]
    if name == "agent-name":
        return "client", [part]
    kind, id_ = _reference(part)
    if name in ("patient", "entity") and kind in ("", "Patient"):
        return "patient_id", same_records(id_) or [id_]
    if name == "agent" and kind == "Organization":
        return "organization", [id_]
    if name == "agent" and kind in ("Practitioner", "PractitionerRole"):
        return "actor", [f"{kind}/{id_}"]
    raise _refused(name, "Give Patient/ID for patient and entity, Practitioner/ID or Organization/ID for agent.")


def _reference(part: str) -> tuple[str, str]:
    head, _, id_ = part.rpartition("/")
    return head.rpartition("/")[2], id_


def _number(name: str, value: str) -> int:
    if not value.isascii() or not value.isdigit() or len(value) > 18:
        raise _refused(name, "Give a number.")
    return int(value)


def _add(query: AuditQuery, condition: str, *parameters: object) -> None:
    query.where.append(condition)
    query.parameters += parameters


def _refused(name: str, remedy: str) -> Incorrect:
    return Incorrect(
        f"The search parameter {name[:64]!r} cannot be used so for AuditEvent.",
        where=name[:64], remedy=remedy, issue_code="not-supported", http_status=400,
    )  # fmt: skip
