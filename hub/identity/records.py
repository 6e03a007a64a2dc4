"""Source Patients as identity keeps them, read by Patient, by person, or by the keys they can be found by."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

import msgspec

from .evidence import Evidence, keys_of
from .partition import Pair, Record


class Rows(Protocol):
    """A SELECT on this room's tables: ``CommitView.rows`` inside a commit, ``ResourceReader.side_rows`` outside."""

    def __call__(self, sql: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]: ...


MOST_PER_KEY = 100
_AT_ONCE = 64
_SELECT = "SELECT n, patient_id, person_id, own, evidence FROM identity_link"

encode = msgspec.msgpack.Encoder().encode
decode = msgspec.msgpack.Decoder(Evidence).decode


@dataclass(frozen=True, slots=True)
class Found:
    """``crowded``: a key had more records than are looked at, so that the right one may be missing."""

    records: tuple[Record, ...]
    crowded: bool = False


def of_patient(rows: Rows, patient_id: str) -> Record | None:
    found = rows(f"{_SELECT} WHERE patient_id = ?", (patient_id,))
    return _record(found[0]) if found else None


def of_patients(rows: Rows, patient_ids: Iterable[str]) -> list[Record]:
    return [_record(row) for row in _chunks(rows, f"{_SELECT} WHERE patient_id IN ", patient_ids)]


def of_persons(rows: Rows, person_ids: Iterable[str], most: int) -> list[Record]:
    """Every record of these persons, the oldest first, of each at most ``most``."""
    found: list[Record] = []
    for person_id in dict.fromkeys(person_ids):
        sql = f"{_SELECT} WHERE person_id = ? ORDER BY n LIMIT ?"
        found += [_record(row) for row in rows(sql, (person_id, most))]
    return found


def sharing_keys(rows: Rows, evidence: Evidence, but: str | None = None) -> Found:
    """Records that share a blocking key with ``evidence``, other than that of Patient ``but``."""
    return by_keys(rows, keys_of(evidence), but)


def by_keys(rows: Rows, keys: Sequence[int], but: str | None = None) -> Found:
    numbers: dict[int, None] = {}
    crowded = False
    for start in range(0, len(keys), _AT_ONCE):
        some = keys[start : start + _AT_ONCE]
        limit = MOST_PER_KEY * len(some)
        found = rows(f"SELECT n FROM identity_key WHERE key IN {_marks(len(some))} LIMIT {limit + 1}", some)  # noqa: S608
        if len(found) > MOST_PER_KEY:  # perhaps one key alone: ask each, so that no key hides another's
            found = []
            for key in some:
                one = rows(f"SELECT n FROM identity_key WHERE key = ? LIMIT {MOST_PER_KEY + 1}", (key,))  # noqa: S608
                crowded = crowded or len(one) > MOST_PER_KEY
                found += one[:MOST_PER_KEY]
        numbers.update(dict.fromkeys(n for (n,) in found))
    records = (_record(row) for row in _chunks(rows, f"{_SELECT} WHERE n IN ", numbers))
    return Found(tuple(one for one in records if one.patient_id != but), crowded)


def said(rows: Rows, patient_ids: Sequence[str]) -> dict[Pair, bool]:
    """What people said of any of these Patients and another: one person, or not; a no outweighs every yes."""
    found: dict[Pair, bool] = {}
    for column in ("one", "other"):
        sql = f"SELECT one, other, same FROM identity_assertion WHERE {column} IN "  # noqa: S608
        for one, other, same in _chunks(rows, sql, patient_ids):
            found[one, other] = bool(same) and found.get((one, other), True)
    return found


def _chunks(rows: Rows, sql: str, values: Iterable[object]) -> Iterator[tuple[Any, ...]]:
    waiting = list(values)
    for start in range(0, len(waiting), _AT_ONCE):
        some = waiting[start : start + _AT_ONCE]
        yield from rows(sql + _marks(_padded(len(some))), some + [None] * (_padded(len(some)) - len(some)))


def _padded(count: int) -> int:
    """Few different statements, so that each stays prepared."""
    return next(size for size in (1, 2, 4, 8, 16, 32, _AT_ONCE) if size >= count)


@lru_cache
def _marks(count: int) -> str:
    return f"({','.join('?' * count)})"


def _record(row: tuple[Any, ...]) -> Record:
    n, patient_id, person_id, own, evidence = row
    return Record(n, patient_id, person_id, own, decode(evidence))
