"""What other weights would change: every record placed anew beside the record, in the order in which they came; and,
once that is approved, the change itself."""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from hub.contracts.store import CommitView

from . import records
from .clock import now_us
from .evidence import Evidence
from .links import said
from .placing import Placing
from .records import Rows
from .weights import Weights

Act = Callable[[Callable[[CommitView], object]], "Future[Any]"]
"""``ResourceStore.act`` for one caller."""

_AT_ONCE = 200
_WAITING = "SELECT one, other FROM identity_review WHERE state IN ('open', 'later')"


@dataclass(frozen=True, slots=True)
class Change:
    """In pairs of records: newly linked, no longer linked. ``concerned``: the Patients that get other company, or are
    asked about anew or no longer."""

    records: int
    gained: int
    lost: int
    reviews_before: int
    reviews_after: int
    concerned: tuple[str, ...]


def kept_evidence(rows: Rows) -> tuple[list[Evidence], list[Evidence]]:
    """What all records say, and one record of each person."""
    every: list[Evidence] = []
    persons: dict[str, Evidence] = {}
    for _, _, person_id, _, evidence in _links(rows):
        every.append(evidence)
        persons.setdefault(person_id, evidence)
    return every, list(persons.values())


def rehearse(rows: Rows, scratch: Act, scratch_rows: Rows, weights: Weights) -> Change:
    """``rows`` are the site's, read only; ``scratch`` writes to an empty store with this room's tables."""
    spoken = rows("SELECT one, other, origin, same, reason, client, actor, at_us FROM identity_assertion")
    named = {patient for one, other, *_ in spoken for patient in (one, other)}

    def begin(view: CommitView) -> None:
        for row in spoken:
            view.execute("INSERT INTO identity_assertion VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)

    scratch(begin).result()
    before: dict[str, str] = {}
    waiting: list[tuple[str, str, Evidence]] = []

    def place(view: CommitView) -> None:
        placing = Placing(view, weights)
        for patient_id, own, evidence in waiting:
            placing.admit(patient_id, own, said(evidence), fresh=patient_id not in named)

    for _, patient_id, person_id, own, evidence in _links(rows):
        before[patient_id] = person_id
        waiting.append((patient_id, own, evidence))
        if len(waiting) == _AT_ONCE:
            scratch(place).result()
            waiting.clear()
    scratch(place).result()
    after = dict(scratch_rows("SELECT patient_id, person_id FROM identity_link"))
    asked, asks = (
        {(str(one), str(other)) for one, other in source(_WAITING) if one in before and other in before}
        for source in (rows, scratch_rows)
    )
    return _compared(before, after, asked, asks)


def put_in_force(weights: Weights, act: Act, concerned: Sequence[str] = ()) -> None:
    """Decide by these weights from now on, and anew on the Patients ``concerned``, a few in each commit. Stopped half
    way it may be run again."""

    def switch(view: CommitView) -> None:
        view.execute("UPDATE identity_weights SET in_force = 0")
        view.execute(
            "INSERT OR REPLACE INTO identity_weights (version, content, in_force, at_us) VALUES (?, ?, 1, ?)",
            (weights.version, json.dumps(weights.table, ensure_ascii=False), now_us(view)),
        )

    act(switch).result()
    for start in range(0, len(concerned), 10):
        some = concerned[start : start + 10]
        act(lambda view, some=some: _part(view, weights, some)).result()  # type: ignore[misc]


def _part(view: CommitView, weights: Weights, patients: Sequence[str]) -> None:
    for patient in patients:
        record = records.of_patient(view.rows, patient)
        if record is not None:
            Placing(view, weights).part([record])


def _links(rows: Rows) -> Iterator[tuple[int, str, str, str, Evidence]]:
    last = -1
    while True:
        found = rows(
            "SELECT n, patient_id, person_id, own, evidence FROM identity_link WHERE n > ? ORDER BY n LIMIT 2000",
            (last,),
        )
        for n, patient_id, person_id, own, packed in found:
            yield n, patient_id, person_id, own, records.decode(packed)
        if not found:
            return
        last = found[-1][0]


def _compared(
    before: dict[str, str], after: dict[str, str], asked: set[tuple[str, str]], asks: set[tuple[str, str]]
) -> Change:
    both = Counter((before[patient], after[patient]) for patient in before)
    kept, was, will = (_pairs(counted) for counted in (both, Counter(before.values()), Counter(after.values())))
    company_before, company_after = Counter(before.values()), Counter(after.values())
    concerned = {
        patient
        for patient in before
        if not both[before[patient], after[patient]] == company_before[before[patient]] == company_after[after[patient]]
    }
    concerned.update(patient for pair in asked ^ asks for patient in pair)
    return Change(len(before), will - kept, was - kept, len(asked), len(asks), tuple(sorted(concerned)))


def _pairs(groups: Counter[Any]) -> int:
    return sum(n * (n - 1) // 2 for n in groups.values())
