"""Keeps the exam rows in the commit of the resources they tell of, and checks arriving orders again."""

from collections.abc import Sequence
from typing import Any

from hub.contracts.store import CommitView, Reaction, SideTable, Written

from .exam_rows import TYPES, Proto, proto_rows
from .fhir_reading import UNDATED_US
from .recheck import microseconds, recheck, to_be_checked
from .row import REPORT, TABLE, State, encode_detail

ROOM = "exams"
EXAMS_TABLES = SideTable(ROOM, TABLE)
_COLUMNS = 9
_AT_ONCE = 16
_INSERT = "INSERT OR REPLACE INTO exams_row VALUES "
_LIVE = frozenset({State.ORDERED, State.EXPECTED})


def derive(resource_type: str, resource: Any) -> tuple[Proto, ...]:
    """The rows of a resource, made before the lock is taken."""
    return tuple(proto_rows(resource_type, resource))


def _insert(view: CommitView, rows: Sequence[tuple[Any, ...]]) -> None:
    one = "(" + ",".join("?" * _COLUMNS) + ")"
    for start in range(0, len(rows), _AT_ONCE):
        some = rows[start : start + _AT_ONCE]
        if len(some) == _AT_ONCE:
            view.execute(_INSERT + ",".join([one] * _AT_ONCE), [value for row in some for value in row])
        else:
            for row in some:
                view.execute(_INSERT + one, row)


def _table_rows(one: Written, proto: Proto, links: Sequence[str], now_us: int) -> list[tuple[Any, ...]]:
    anchor_us = proto.anchor_us
    if anchor_us == UNDATED_US and proto.state in _LIVE:
        anchor_us = now_us  # an order without a date expires from its arrival
    detail = encode_detail(proto.detail)
    return [
        (one.patient, key, anchor_us, f"{one.type}/{one.id}", proto.state.value, one.owner, proto.exam,
         " ".join(dict.fromkeys(links)), detail)
        for key in proto.keys
    ]  # fmt: skip


class _Citations:
    """Which report cites an Observation, among what is written now and what is there already."""

    def __init__(self, written: Sequence[Written], view: CommitView) -> None:
        self._view = view
        self._understood = {f"{one.type}/{one.id}": bool(one.derived.get(ROOM)) for one in written if not one.deleted}
        self.report_of = {
            result: f"{one.type}/{one.id}"
            for one in written
            if one.type == "DiagnosticReport" and not one.deleted
            for proto in one.derived.get(ROOM, ())
            for result in proto.results
        }

    def all_understood(self, proto: Proto) -> bool:
        """Whether every result a report cites is kept as a row of its own."""
        return bool(proto.results) and all(self._is_kept(result) for result in proto.results)

    def _is_kept(self, result: str) -> bool:
        known = self._understood.get(result)
        if known is not None:
            return known
        return bool(self._view.rows("SELECT 1 FROM exams_row WHERE ref = ? LIMIT 1", (result,)))

    def cite_earlier(self, report: str, proto: Proto) -> None:
        """Tie Observations that came before their report to it."""
        for result in proto.results:
            if result not in self._understood:
                self._view.execute(
                    "UPDATE exams_row SET links = trim(links || ' ' || ?) WHERE ref = ? AND instr(links, ?) = 0",
                    (report, result, report),
                )


def _rows_of(one: Written, citations: _Citations, now_us: int) -> list[tuple[Any, ...]]:
    protos: tuple[Proto, ...] = one.derived.get(ROOM, ())
    ref = f"{one.type}/{one.id}"
    head = next((proto for proto in protos if proto.keys == (REPORT,)), None)
    rows: list[tuple[Any, ...]] = []
    for proto in protos:
        links = list(proto.links)
        if one.type == "Observation" and ref in citations.report_of:
            links.append(citations.report_of[ref])
        claims = head is not None and proto is not head
        if claims and head is not None and citations.all_understood(head):
            continue
        rows += _table_rows(one, proto, links, now_us)
    if head is not None:
        citations.cite_earlier(ref, head)
    return rows


def _forget(one: Written, view: CommitView) -> tuple[str, ...]:
    """Take the rows of the version before away; what reports had cited it."""
    ref = f"{one.type}/{one.id}"
    cited: tuple[str, ...] = ()
    if one.type == "Observation":
        found = view.rows("SELECT links FROM exams_row WHERE ref = ? LIMIT 1", (ref,))
        cited = tuple(link for row in found for link in row[0].split() if link.startswith("DiagnosticReport/"))
    view.execute("DELETE FROM exams_row WHERE ref = ?", (ref,))
    return cited


def _run(written: Sequence[Written], view: CommitView) -> None:
    now_us = microseconds(view.now)
    concerned = [one for one in written if one.type in TYPES]
    citations = _Citations(concerned, view)
    rows: list[tuple[Any, ...]] = []
    for one in concerned:
        if one.version > 1 or one.deleted:
            for report in _forget(one, view):
                citations.report_of.setdefault(f"{one.type}/{one.id}", report)
        if not one.deleted and one.patient is not None and not to_be_checked(one, view):
            rows += _rows_of(one, citations, now_us)
    _insert(view, rows)
    for one in concerned:
        if to_be_checked(one, view):  # in order: of two equal ones the later is told
            _insert(view, _rows_of(one, citations, now_us))
            recheck(one, view)


def ExamsReaction() -> Reaction:
    """The reaction of this room: exam rows, and the recheck of orders."""
    return Reaction(ROOM, TYPES, _run, derive, EXAMS_TABLES)
