"""Whether the tables of this room agree with one another; also beside a running hub."""

from collections.abc import Iterator

from . import records
from .evidence import keys_of, number_key
from .judging import numbers_of
from .partition import Record
from .records import Rows

_AT_ONCE = 1_000


def verify(rows: Rows) -> Iterator[str]:
    """One sentence for each fault: a record that cannot be found by what it says, a person of two checked numbers, a
    number held by a person none of whose records states it. What changes meanwhile is looked at once more."""
    last = -1
    while some := _links(rows, last):
        for record in some:
            if not _is_found(rows, record) and _still(rows, record):
                yield f"The Patient {record.patient_id} cannot be found by all that it says."
        last = some[-1].n
    for (person,) in rows("SELECT person_id FROM identity_link GROUP BY person_id HAVING count(*) > 1"):
        if _has_two_numbers(rows, person) and _has_two_numbers(rows, person):
            yield f"The person {person} has two checked numbers."
    for value, person in rows("SELECT value, person_id FROM identity_claim"):
        if value not in _numbers(rows, person) and _holds(rows, value, person):
            yield f"The person {person} holds a number that none of its records states."


def _links(rows: Rows, after: int) -> list[Record]:
    numbers = rows("SELECT patient_id FROM identity_link WHERE n > ? ORDER BY n LIMIT ?", (after, _AT_ONCE))
    return sorted(records.of_patients(rows, [patient for (patient,) in numbers]), key=lambda one: one.n)


def _is_found(rows: Rows, record: Record) -> bool:
    sql = "SELECT 1 FROM identity_key WHERE key = ? AND n = ?"
    return all(rows(sql, (key, record.n)) for key in keys_of(record.evidence))


def _still(rows: Rows, record: Record) -> bool:
    """Whether it stands as it stood, and is still not found."""
    return records.of_patient(rows, record.patient_id) == record and not _is_found(rows, record)


def _has_two_numbers(rows: Rows, person: str) -> bool:
    return len(_numbers(rows, person)) > 1


def _numbers(rows: Rows, person: str) -> set[str]:
    """Checked numbers of records that state one alone: those that state two are for a person to sort out."""
    members = records.of_persons(rows, [person], records.MOST_PER_KEY)
    return {number for one in members if one.evidence.number is not None for number in numbers_of(one.evidence)}


def _holds(rows: Rows, number: str, person: str) -> bool:
    """Whether it holds it still, though it is not among its first records nor among those of that number."""
    held = rows("SELECT 1 FROM identity_claim WHERE value = ? AND person_id = ?", (number, person))
    stated = any(one.person_id == person for one in records.by_keys(rows, (number_key(number),)).records)
    return bool(held) and not stated
