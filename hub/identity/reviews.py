"""Pairs of records for a person to decide on: opened by the matcher, closed by a decision or by what came later."""

import base64
import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from hub.contracts.store import CommitView

from .clock import now_us
from .partition import Doubt, Pair, pair_of
from .records import Rows
from .scoring import FieldBits

CROWDED = "crowded"
"""Rule of a review whose record had more candidates than were looked at."""

_COLUMNS = "id, one, other, rule, bits, because, model, state, opened_us, changed_us, client, actor, reason"


class State(StrEnum):
    OPEN = "open"
    LATER = "later"
    SAME = "same"
    NOT_SAME = "not-same"
    OBSOLETE = "obsolete"
    """Answered by records that came later, or one of the two is gone."""


WAITING = (State.OPEN, State.LATER)


@dataclass(frozen=True, slots=True)
class Review:
    """``one`` and ``other`` are Patient ids, the smaller first. ``because`` is the evidence field by field, ``model``
    the version of the weights. ``client``, ``actor`` and ``reason`` are of the decision."""

    id: str
    one: str
    other: str
    rule: str
    bits: float
    because: tuple[FieldBits, ...]
    model: str
    state: State
    opened_us: int
    changed_us: int
    client: str | None
    actor: str | None
    reason: str | None


def review(rows: Rows, review_id: str) -> Review | None:
    found = rows(f"SELECT {_COLUMNS} FROM identity_review WHERE id = ?", (review_id,))  # noqa: S608
    return _review(found[0]) if found else None


def reviews(
    rows: Rows, *, states: Sequence[State] = WAITING, patient_id: str | None = None, count: int = 100, offset: int = 0
) -> list[Review]:
    """In the order in which they were opened; those put off (``later``) come after the open ones."""
    sql = f"SELECT {_COLUMNS} FROM identity_review WHERE state IN ({','.join('?' * len(states))})"  # noqa: S608
    values: list[object] = list(states)
    if patient_id is not None:
        sql += " AND (one = ? OR other = ?)"
        values += [patient_id, patient_id]
    sql += " ORDER BY state = 'later', opened_us, id LIMIT ? OFFSET ?"
    return [_review(row) for row in rows(sql, [*values, count, offset])]


def count(rows: Rows, states: Sequence[State], patient_id: str | None = None) -> int:
    marks = ",".join("?" * len(states))
    sql = f"SELECT count(*) FROM identity_review WHERE state IN ({marks})"  # noqa: S608 - only marks
    values: list[object] = list(states)
    if patient_id is not None:
        sql += " AND (one = ? OR other = ?)"
        values += [patient_id, patient_id]
    return int(rows(sql, values)[0][0])


def review_id(pair: Pair) -> str:
    """The same for the same two Patients, for ever; a valid FHIR id."""
    digest = hashlib.sha256(f"review {pair[0]} {pair[1]}".encode()).digest()
    return base64.b32encode(digest[:16]).decode("ascii").rstrip("=").lower()


def open_review(view: CommitView, doubt: Doubt, model: str, rule: str | None = None) -> None:
    """What was decided stays decided, what was put off stays put off. One question for two persons is enough."""
    pair = pair_of(doubt.one.patient_id, doubt.other.patient_id)
    if _asked(view, pair):
        return
    because = json.dumps(doubt.judgement.score.fields, separators=(",", ":"))
    view.execute(
        f"INSERT INTO identity_review ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, 'open', ?, ?, NULL, NULL, NULL)"  # noqa: S608
        " ON CONFLICT (id) DO UPDATE SET rule = excluded.rule, bits = excluded.bits, because = excluded.because,"
        " model = excluded.model, state = CASE WHEN state = 'obsolete' THEN 'open' ELSE state END",
        (review_id(pair), *pair, rule or doubt.judgement.rule, doubt.judgement.score.bits, because, model,
         now_us(view), now_us(view)),
    )  # fmt: skip


def _asked(view: CommitView, pair: Pair) -> bool:
    """Whether a question between other records of the same two persons waits already."""
    sql = (
        "SELECT r.id FROM identity_link AS l JOIN identity_review AS r ON r.{near} = l.patient_id"
        " JOIN identity_link AS o ON o.patient_id = r.{far}"
        " WHERE l.person_id = (SELECT person_id FROM identity_link WHERE patient_id = ?)"
        " AND o.person_id = (SELECT person_id FROM identity_link WHERE patient_id = ?)"
        " AND r.state IN ('open', 'later') AND r.id <> ? LIMIT 1"
    )
    values = (*pair, review_id(pair))
    return any(view.rows(sql.format(near=near, far=far), values) for near, far in (("one", "other"), ("other", "one")))


def put_aside(view: CommitView, patient_ids: Iterable[str], but: Iterable[Pair] = ()) -> None:
    """Close what waits about these Patients, but for the pairs ``but``."""
    kept = {review_id(pair) for pair in but}
    for one in _waiting(view, patient_ids):
        if one[0] not in kept:
            _close(view, one[0])


def tidy(view: CommitView, patient_ids: Iterable[str]) -> None:
    """Close what waits about these Patients where both are one person by now, or one is gone."""
    for id_, one, other in _waiting(view, patient_ids):
        persons = view.rows("SELECT person_id FROM identity_link WHERE patient_id IN (?, ?)", (one, other))
        if len(persons) < 2 or persons[0] == persons[1]:
            _close(view, id_)


def counterparts(rows: Rows, patient_ids: Iterable[str]) -> set[str]:
    """The Patients that questions about these ask about."""
    return {patient for _, one, other in _waiting_rows(rows, patient_ids) for patient in (one, other)}


def _waiting(view: CommitView, patient_ids: Iterable[str]) -> list[tuple[str, str, str]]:
    return _waiting_rows(view.rows, patient_ids)


def _waiting_rows(rows: Rows, patient_ids: Iterable[str]) -> list[tuple[str, str, str]]:
    found: dict[str, tuple[str, str, str]] = {}
    for patient_id in patient_ids:
        for column in ("one", "other"):
            sql = f"SELECT id, one, other FROM identity_review WHERE {column} = ? AND state IN ('open', 'later')"  # noqa: S608
            found.update((row[0], (row[0], row[1], row[2])) for row in rows(sql, (patient_id,)))
    return list(found.values())


def _close(view: CommitView, id_: str) -> None:
    view.execute("UPDATE identity_review SET state = 'obsolete', changed_us = ? WHERE id = ?", (now_us(view), id_))


def _review(row: tuple[Any, ...]) -> Review:
    because = tuple((field, level, bits) for field, level, bits in json.loads(row[5]))
    return Review(row[0], row[1], row[2], row[3], row[4], because, row[6], State(row[7]), *row[8:])
