"""The exam rows of what is written, into their table: with what reports cite, and without the version before."""

from collections.abc import Sequence
from typing import Any

import msgspec

from hub.contracts.store import CommitView, Written

from .fhir_reading import UNDATED_US
from .proto import Proto
from .row import AWAITED, REPORT, Detail, State, decode_detail, encode_detail

ROOM = "exams"
_COLUMNS = 9
_AT_ONCE = 16
_INSERT = "INSERT OR REPLACE INTO exams_row VALUES "
_LIVE = frozenset({State.ORDERED, State.EXPECTED})


def insert(view: CommitView, rows: Sequence[tuple[Any, ...]]) -> None:
    """Many rows in few statements."""
    one = "(" + ",".join("?" * _COLUMNS) + ")"
    for start in range(0, len(rows), _AT_ONCE):
        some = rows[start : start + _AT_ONCE]
        if len(some) == _AT_ONCE:
            view.execute(_INSERT + ",".join([one] * _AT_ONCE), [value for row in some for value in row])
        else:
            for row in some:
                view.execute(_INSERT + one, row)


def _table_rows(one: Written, proto: Proto, links: Sequence[str], now_us: int, district: str) -> list[tuple[Any, ...]]:
    anchor_us = proto.anchor_us
    if anchor_us == UNDATED_US and proto.state in _LIVE:
        anchor_us = now_us  # an order without a date expires from its arrival
    detail = proto.detail
    if one.owner == district and not detail.organization:
        detail = msgspec.structs.replace(detail, unattributed=True)
    return [
        (one.patient, key, anchor_us, f"{one.type}/{one.id}", proto.state.value, one.owner, proto.exam,
         " ".join(dict.fromkeys(links)), encode_detail(detail))
        for key in proto.keys
    ]  # fmt: skip


class Citations:
    """Which report cites an Observation, among what is written now and what is there already."""

    def __init__(self, written: Sequence[Written], view: CommitView) -> None:
        self._view = view
        self._understood = {f"{one.type}/{one.id}": bool(one.derived.get(ROOM)) for one in written if not one.deleted}
        self._void = {
            f"{one.type}/{one.id}"
            for one in written
            if (rows := one.derived.get(ROOM)) and all(row.state is State.VOID for row in rows)
        }
        self.report_of = {
            result: f"{one.type}/{one.id}"
            for one in written
            if one.type == "DiagnosticReport" and not one.deleted
            for proto in one.derived.get(ROOM, ())
            for result in proto.results
        }

    def tell_all(self, head: Proto, claims: Proto) -> bool:
        """Whether the results that a report cites take the place of what its name claims: each is kept as a row of its
        own, and they are not just a few of many, or none of them is a result."""
        if head.results and all(result in self._void for result in head.results):
            return True
        enough = bool(head.results) and 2 * len(head.results) >= len(claims.keys)
        return enough and all(self._is_kept(result) for result in head.results)

    def _is_kept(self, result: str) -> bool:
        known = self._understood.get(result)
        if known is not None:
            return known
        return bool(self._view.rows("SELECT 1 FROM exams_row WHERE ref = ? AND key != ? LIMIT 1", (result, AWAITED)))

    def cite(self, report: str, head: Proto, patient: str | None, owner: str) -> list[tuple[Any, ...]]:
        """Tie Observations that came before their report to it; rows for those that are still to come."""
        awaited = []
        for result in head.results:
            if result not in self._understood:
                self._view.execute(
                    "UPDATE exams_row SET links = trim(links || ' ' || ?) WHERE ref = ? AND key != ?"
                    " AND instr(links, ?) = 0",
                    (report, result, AWAITED, report),
                )
                if not self._is_kept(result):
                    awaited.append((patient, AWAITED, head.anchor_us, result, State.FACT.value, owner, None, report,
                                    encode_detail(Detail())))  # fmt: skip
        return awaited

    def awaiting(self, observation: str) -> tuple[str, ...]:
        """The reports that have waited for this Observation. Where it was the last, what they claim by their name gives
        way to their results."""
        view = self._view
        found = view.rows("SELECT links FROM exams_row WHERE ref = ? AND key = ?", (observation, AWAITED))
        reports = tuple(row[0] for row in found)
        if reports:
            view.execute("DELETE FROM exams_row WHERE ref = ? AND key = ?", (observation, AWAITED))
        for report in reports:
            rows = view.rows("SELECT pat_id, key, detail FROM exams_row WHERE ref = ?", (report,))
            claims = [(key, detail) for _, key, raw in rows if (detail := decode_detail(raw)).claimed]
            if claims and 2 * claims[0][1].result_count >= len(claims) and not self._awaited_by(rows[0][0], report):
                for key, _ in claims:
                    view.execute("DELETE FROM exams_row WHERE ref = ? AND key = ?", (report, key))
        return reports

    def _awaited_by(self, patient: str, report: str) -> bool:
        sql = "SELECT 1 FROM exams_row WHERE pat_id = ? AND key = ? AND links = ? LIMIT 1"
        return bool(self._view.rows(sql, (patient, AWAITED, report)))


def rows_of(one: Written, citations: Citations, now_us: int, district: str = "") -> list[tuple[Any, ...]]:
    """The rows of one resource, from what was derived of it. ``district``: the organization of the platform that sends,
    whose records that name no performer are nobody's in particular."""
    protos: tuple[Proto, ...] = one.derived.get(ROOM, ())
    ref = f"{one.type}/{one.id}"
    head = next((proto for proto in protos if proto.keys == (REPORT,)), None)
    rows: list[tuple[Any, ...]] = []
    for proto in protos:
        links = list(proto.links)
        if one.type == "Observation":
            links += (citations.report_of[ref],) if ref in citations.report_of else citations.awaiting(ref)
        if head is not None and proto is not head and citations.tell_all(head, proto):
            continue
        rows += _table_rows(one, proto, links, now_us, district)
    if head is not None:
        rows += citations.cite(ref, head, one.patient, one.owner)
    return rows


def forget(one: Written, view: CommitView) -> tuple[str, ...]:
    """Take the rows of the version before away; what reports had cited it."""
    ref = f"{one.type}/{one.id}"
    cited: tuple[str, ...] = ()
    if one.type == "Observation":
        found = view.rows("SELECT links FROM exams_row WHERE ref = ? LIMIT 1", (ref,))
        cited = tuple(link for row in found for link in row[0].split() if link.startswith("DiagnosticReport/"))
    elif one.type == "DiagnosticReport":
        sql = "DELETE FROM exams_row WHERE pat_id = ? AND key = ? AND links = ?"
        view.execute(sql, (one.patient, AWAITED, ref))
    view.execute("DELETE FROM exams_row WHERE ref = ? AND key != ?", (ref, AWAITED))
    return cited
