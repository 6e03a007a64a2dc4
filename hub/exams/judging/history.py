"""From the exam rows of a person to priors: one scan per patient and key, reports grouped with their studies.

A report and its ImagingStudy are one prior, and the report supersedes the study; an order that has been answered is no
longer in flight; Observations are judged with the report that cites them. The SQL goes through a function that runs a
SELECT, so the same code serves a committed snapshot and an open commit.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from heapq import nlargest
from typing import Any, NamedTuple

from hub.contracts.store import Select

from ..examination import Examination, decode
from ..naming.specimens import specified
from ..naming.understanding import lent
from ..rows.fhir_reading import UNDATED_US
from ..rows.row import (
    IMAGING,
    LABORATORY,
    PLAN,
    REPORT,
    SPECIMEN,
    UNREAD_IMAGING,
    Row,
    State,
    decode_detail,
    keys_of,
)
from ..vocabulary import analytes
from .coverage import answer
from .prior import PlannedRepeat, Prior
from .validity import standing

_COLUMNS = "key, anchor_us, ref, state, owner, exam, links, detail"
_KEY, _ANCHOR, _REF, _EXAM, _LINKS = 0, 1, 2, 5, 6
_CHUNK = 400


@lru_cache(maxsize=65536)
def exam_of(content: bytes) -> Examination:
    return decode(content)


@lru_cache(maxsize=16384)
def keys_for(exam: Examination) -> tuple[str, ...]:
    """The keys of the rows that can bear on an order."""
    keys = dict.fromkeys(keys_of(exam))
    keys |= {f"{LABORATORY}{other}": None for each in exam.analytes if (other := analytes()[each].related)}
    if any(key.startswith(IMAGING) for key in keys):
        keys[UNREAD_IMAGING] = None
    if any(key.startswith(LABORATORY) for key in keys):
        keys[REPORT] = None
    return (*keys, PLAN)


def read_rows(
    select: Select, patients: Sequence[str], since_us: Mapping[str, int], orders: Sequence[Examination] = ()
) -> tuple[list[Row], list[tuple[Any, ...]]]:
    """Rows of these Patients under these keys, each not older than its time; those that stand alone and can give
    ``orders`` nothing are returned apart."""
    if not since_us:
        return [], []
    wanted = ",".join(["(?, ?)"] * len(since_us))
    sql = (
        f"WITH wanted (k, since) AS (VALUES {wanted}) SELECT {_COLUMNS} FROM wanted CROSS JOIN exams_row"  # noqa: S608
        " ON pat_id = ? AND key = wanted.k AND anchor_us >= wanted.since"
    )
    values = [value for pair in since_us.items() for value in pair]
    found = [row for patient in patients for row in select(sql, (*values, patient))]
    bearing = _bearing({row[_EXAM] for row in found}, orders)
    cited = {link for row in found if row[_LINKS] for link in row[_LINKS].split()}
    kept: list[tuple[Any, ...]] = []
    others: list[tuple[Any, ...]] = []
    for row in found:
        bears = row[_EXAM] in bearing or row[_LINKS] or row[_REF] in cited or not row[_KEY].startswith(IMAGING)
        (kept if bears else others).append(row)
    return list(map(Row._make, kept)), others


def _rows_by_ref(select: Select, patients: Sequence[str], refs: Sequence[str]) -> list[Row]:
    rows: list[Row] = []
    whose = ",".join("?" * len(patients))
    for start in range(0, len(refs), _CHUNK):
        some = refs[start : start + _CHUNK]
        marks = ",".join("?" * len(some))
        sql = f"SELECT {_COLUMNS} FROM exams_row WHERE ref IN ({marks}) AND pat_id IN ({whose})"  # noqa: S608
        found = select(sql, (*some, *patients))
        rows += map(Row._make, found)
    return rows


_CITED = ("ImagingStudy/", "DiagnosticReport/", "Specimen/")


def _with_cited(select: Select, patients: Sequence[str], rows: list[Row]) -> list[Row]:
    """And what they cite that lies before the cut-off or under another key: the study's start and the collection of
    the specimen are the anchor, and a void report voids its results."""
    known = {row.ref for row in rows}
    missing = {
        link for row in rows if row.links for link in row.links.split() if link.startswith(_CITED) and link not in known
    }
    return rows + _rows_by_ref(select, patients, sorted(missing)) if missing else rows


def _linked(rows: Sequence[Row]) -> tuple[list[Row], list[Row]]:
    """Rows that stand alone, and those that cite or are cited."""
    cited = {link for row in rows if row.links for link in row.links.split()}
    alone: list[Row] = []
    linked: list[Row] = []
    for row in rows:
        (linked if row.links or row.ref in cited else alone).append(row)
    return alone, linked


def _imaging_groups(rows: Sequence[Row]) -> list[list[Row]]:
    """Rows that tell of one examination: joined by what reports and studies cite, and by a common order."""
    parent: dict[str, str] = {}

    def root(ref: str) -> str:
        while parent.setdefault(ref, ref) != ref:
            parent[ref] = ref = parent[parent[ref]]
        return ref

    for row in rows:
        if row.links and not row.ref.startswith("ServiceRequest/"):
            for link in row.links.split():
                if not link.startswith("CarePlan/"):
                    parent[root(link)] = root(row.ref)
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(root(row.ref), []).append(row)
    return list(groups.values())


_STATES = {state.value: state for state in State}
_RANK = {"DiagnosticReport": 0, "Procedure": 1, "ImagingStudy": 2, "ServiceRequest": 3}


def _rank(row: Row) -> tuple[int, int]:
    return _RANK.get(row.ref.partition("/")[0], 9), -row.anchor_us


def _imaging_prior(group: list[Row]) -> list[Prior]:
    """One examination of a group; several final reports on one order stay several."""
    if len(group) == 1:
        return _single(group[0])
    state, rows = standing(sorted(group, key=_rank))
    if state is State.VOID or not rows:
        return []
    reports = [row for row in rows if row.ref.startswith("DiagnosticReport/")]
    if len(reports) > 1 and len({row.exam for row in reports}) > 1:
        studies = [row for row in rows if row not in reports]
        found: list[Prior] = []
        for report in reports:
            cited = [study for study in studies if study.ref in report.links.split()]
            found += _imaging_prior([report, *cited]) if cited else _single(report)
        return found
    exam: Examination | None = None
    conflicts: frozenset[str] = frozenset()
    for row in rows:
        if row.exam is not None:
            exam, differing = lent(exam, exam_of(row.exam))
            conflicts |= differing
    if exam is None:
        return []
    dated = [row for row in rows if row.anchor_us != UNDATED_US]
    started = next((row for row in dated if row.ref.startswith("ImagingStudy/")), None)
    anchor = started or next(iter(dated), rows[0])
    details = tuple(row.detail for row in rows)
    if conflicts:
        details = (*details, b'{"contradictions":[' + ",".join(f'"{c}"' for c in sorted(conflicts)).encode() + b"]}")
    return [
        Prior(
            refs=tuple(dict.fromkeys(row.ref for row in rows)),
            examination=exam,
            state=state,
            anchor_us=anchor.anchor_us,
            owner=rows[0].owner,
            raw_details=details,
            date_only=b'"date_only":true' in anchor.detail,
        )
    ]


def _single(row: Row) -> list[Prior]:
    if row.exam is None or row.state in (State.VOID, State.FACT):
        return []
    return [
        Prior(
            refs=(row.ref,),
            examination=exam_of(row.exam),
            state=_STATES[row.state],
            anchor_us=row.anchor_us,
            owner=row.owner,
            raw_details=(row.detail,),
            date_only=b'"date_only":true' in row.detail,
        )
    ]


class _Laboratory:
    """The reports and specimens that Observations lean on."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self.heads = {row.ref: row for row in rows if row.key == REPORT}
        self.specimens = {row.ref: row for row in rows if row.key == SPECIMEN}
        self.answered = {
            link
            for row in rows
            if row.links and row.state != State.VOID and not row.ref.startswith("ServiceRequest/")
            for link in row.links.split()
            if link.startswith("ServiceRequest/")
        }
        cited = {link for row in rows if row.ref.startswith("Observation/") for link in row.links.split()}
        self.unread = {
            link: head
            for head in self.heads.values()
            if head.exam is None and head.state != State.VOID and head.ref not in cited
            for link in head.links.split()
        }
        self.abnormal = {
            link: row.detail for row in rows if b'"abnormal":true' in row.detail for link in row.links.split()
        }
        self.void: set[tuple[str, str]] = set()
        for row in rows:
            if row.ref.startswith("Observation/"):
                links = row.links.split()
                if row.state == State.VOID or any(self._is_void(link) for link in links):
                    self.void |= {(link, row.key) for link in links}

    def _is_void(self, specimen: str) -> bool:
        known = self.specimens.get(specimen)
        return known is not None and known.state == State.VOID

    def prior(self, row: Row) -> Prior | None:
        links = row.links.split() if row.links else []
        if row.ref.startswith("ServiceRequest/"):
            if row.ref not in self.answered:
                return next(iter(_single(row)), None)
            return self._named_by_order(row)
        if row.state == State.VOID or row.exam is None:
            return None
        head = self.heads.get(row.ref) or next((self.heads[link] for link in links if link in self.heads), None)
        if head is not None and head.state == State.VOID:
            return None
        specimen_refs = links + (head.links.split() if head is not None and head.links else [])
        specimens = [self.specimens[ref] for ref in specimen_refs if ref in self.specimens]
        if any(self._is_void(ref) for ref in specimen_refs):
            return None
        collected = next((each for each in specimens if each.anchor_us != UNDATED_US), None)
        anchor = collected or row
        if anchor.anchor_us == UNDATED_US and head is not None:
            anchor = head
        refs = (head.ref,) if head is not None else (row.ref,)
        kind = next((name for each in specimens if (name := decode_detail(each.detail).name)), "")
        return Prior(
            refs=refs,
            examination=specified(self._without_void(row), kind),
            state=State(row.state),
            anchor_us=anchor.anchor_us,
            owner=row.owner,
            raw_details=tuple(dict.fromkeys(self._details(row, head))),
            date_only=b'"date_only":true' in anchor.detail,
        )

    def _details(self, row: Row, head: Row | None) -> Iterator[bytes]:
        """Its own, its report's, and for what the report claims by its name that one of its results is abnormal."""
        yield row.detail
        if head is not None:
            yield head.detail
            if row.ref == head.ref and head.ref in self.abnormal:
                yield self.abnormal[head.ref]

    def _named_by_order(self, order: Row) -> Prior | None:
        """The report on an order, where neither its name nor its results say what it is of."""
        head = self.unread.get(order.ref)
        if head is None or order.exam is None:
            return None
        return Prior(
            refs=(head.ref,),
            examination=exam_of(order.exam),
            state=_STATES[head.state],
            anchor_us=head.anchor_us,
            owner=head.owner,
            raw_details=(head.detail,),
            date_only=b'"date_only":true' in head.detail,
        )

    def _without_void(self, row: Row) -> Examination:
        """A panel a report claims, without the analytes whose Observations have no result."""
        exam = exam_of(row.exam or b"")
        if not self.void or not row.ref.startswith("DiagnosticReport/"):
            return exam
        kept = tuple(e for e in exam.determinations if (row.ref, f"{LABORATORY}{e.analyte}") not in self.void)
        return Examination(exam.kind, determinations=kept)


def _bearing(exams: Iterable[bytes | None], orders: Sequence[Examination]) -> set[bytes | None]:
    """Those examinations, as rows hold them, that can give anything to one of the orders; what could not be read
    may."""
    return {
        exam
        for exam in exams
        if exam is None or not orders or any(answer(order, exam_of(exam)).touches for order in orders)
    }


def priors_from(rows: Sequence[Row], orders: Sequence[Examination] = ()) -> list[Prior]:
    """The priors that rows amount to, youngest first; with ``orders``, only those that can give them anything."""
    bearing = _bearing({row.exam for row in rows}, orders)
    imaging = [row for row in rows if row.key.startswith(IMAGING)]
    laboratory = [row for row in rows if row.key.startswith(LABORATORY)]
    alone, linked = _linked(imaging)
    found: list[Prior] = []
    for row in alone:
        if row.exam in bearing:
            found += _single(row)
    for group in _imaging_groups(linked):
        if any(row.exam in bearing for row in group):
            found += _imaging_prior(group)
    if laboratory:
        context = _Laboratory([row for row in rows if not row.key.startswith(IMAGING)])
        seen: set[tuple[str, bytes | None]] = set()
        for row in laboratory:
            if (row.ref, row.exam) not in seen:  # their specimen may stand elsewhere, so none is left out yet
                seen.add((row.ref, row.exam))
                prior = context.prior(row)
                if prior is not None and prior.examination.determinations:
                    found.append(prior)
    found.sort(key=_youngest_first)
    return found


def _youngest_first(prior: Prior) -> int:
    return -prior.anchor_us


class History(NamedTuple):
    """What a person's record holds for some orders. ``others`` are the youngest of the priors that were found and can
    give them nothing: an explanation names them, a verdict does not need them."""

    priors: list[Prior]
    plans: tuple[PlannedRepeat, ...]
    others: list[Prior]


MOST_OTHERS = 12


def history(
    select: Select, patients: Sequence[str], since_us: Mapping[str, int], orders: Sequence[Examination] = ()
) -> History:
    """All priors of a person that can bear on ``orders``, youngest first, and the plans of care. ``since_us``: key of a
    row → how far back it matters."""
    bearing, passed_over = read_rows(select, patients, since_us, orders)
    rows = _with_cited(select, patients, bearing)
    plans = tuple(
        PlannedRepeat(exam_of(row.exam), interval)
        for row in rows
        if row.key == PLAN and row.exam is not None and (interval := decode_detail(row.detail).interval_days)
    )
    youngest = map(Row._make, nlargest(MOST_OTHERS, passed_over, key=_anchor))
    return History(priors_from(rows, orders), plans, [prior for row in youngest for prior in _single(row)])


def _anchor(row: tuple[Any, ...]) -> int:
    anchor_us: int = row[_ANCHOR]
    return anchor_us
