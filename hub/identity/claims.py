"""Which person holds a checked number: never two, and never by having come first with a mistake."""

from collections.abc import Iterable

from hub.contracts.codes import RESIDENT_ID
from hub.contracts.store import CommitView

from .evidence import number_key
from .partition import Record
from .records import by_keys


def settle(view: CommitView, numbers: Iterable[str]) -> None:
    """Give each number to the person most of whose records state it without contradiction, of equals the oldest."""
    wanted = sorted(set(numbers))
    holders = {number: _holder(view, number) for number in wanted}
    for number in wanted:
        held = view.rows("SELECT person_id FROM identity_claim WHERE system = ? AND value = ?", (RESIDENT_ID, number))
        if held and held[0][0] == holders[number]:
            holders[number] = None
        elif held:
            view.execute("DELETE FROM identity_claim WHERE system = ? AND value = ?", (RESIDENT_ID, number))
    for number, person in holders.items():
        if person is not None:
            claim(view, number, person)


def claim(view: CommitView, number: str, person: str) -> None:
    """For a number that nobody holds; who holds it keeps it."""
    view.execute(
        "INSERT INTO identity_claim (system, value, person_id) VALUES (?, ?, ?) ON CONFLICT (system, value) DO NOTHING",
        (RESIDENT_ID, number, person),
    )


def is_held_by(view: CommitView, number: str, person: str) -> bool:
    held = view.rows("SELECT person_id FROM identity_claim WHERE system = ? AND value = ?", (RESIDENT_ID, number))
    return bool(held) and held[0][0] == person


def _holder(view: CommitView, number: str) -> str | None:
    by_person: dict[str, list[Record]] = {}
    for record in by_keys(view.rows, (number_key(number),)).records:
        if record.evidence.number == number and not record.evidence.contradicts:
            by_person.setdefault(record.person_id, []).append(record)
    if not by_person:
        return None
    return min(by_person, key=lambda person: (-len(by_person[person]), min(one.n for one in by_person[person])))
