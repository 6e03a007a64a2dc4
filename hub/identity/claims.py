"""Which person holds a checked number: never two, and never by having come first with a mistake."""

from collections.abc import Iterable

from hub.contracts.codes import RESIDENT_ID
from hub.contracts.store import CommitView

from .evidence import number_key
from .partition import Record
from .records import by_keys


def settle(view: CommitView, numbers: Iterable[str]) -> None:
    """Give each number to the person most of whose records state it without contradicting it, of equals to the one
    with most records that state it, of these to the oldest."""
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
        if record.evidence.number == number:
            by_person.setdefault(record.person_id, []).append(record)

    def rank(person: str) -> tuple[int, int, int]:
        its = by_person[person]
        return -sum(not one.evidence.contradicts for one in its), -len(its), min(one.n for one in its)

    return min(by_person, key=rank) if by_person else None
