"""Whatever comes in, in whatever order: each record has one person, and a person holds at most one resident number."""

import itertools
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.contracts.caller import Caller, Role
from hub.contracts.codes import RESIDENT_ID
from hub.contracts.resident_id import check_character
from hub.contracts.store import CommitView, Written
from hub.contracts.submission import Entry, Method
from hub.fhir.model import decode
from hub.identity.decide import FirstRule
from hub.identity.reaction import IdentityReaction, Linker
from hub.store.sqlite import SqliteResourceStore

HUB = Caller("hub", Role.SERVICE, "hub")
NUMBERS = [first + check_character(first) for first in ("99010119620415002", "99010119800101003")]
INVALID = NUMBERS[0][:17] + ("1" if NUMBERS[0][17] != "1" else "2")
NAMES = ["陈秀英", "陈 秀英", "陈建国", "无名氏", ""]
LETTERS = "abcde"


@dataclass(frozen=True)
class Said:
    """One version of one source record; ``numbers`` empty and no name is a deletion."""

    record: str
    numbers: tuple[str, ...]
    name: str
    deleted: bool = False

    def key(self) -> tuple[str, str] | None:
        """What the rule says, told a second time in the simplest way."""
        valid = set(self.numbers) & set(NUMBERS)
        name = self.name.replace(" ", "")
        return (valid.pop(), name) if len(valid) == 1 and name in ("陈秀英", "陈建国") else None


said = st.builds(
    Said,
    record=st.sampled_from(LETTERS),
    numbers=st.lists(st.sampled_from([*NUMBERS, INVALID]), max_size=2).map(tuple),
    name=st.sampled_from(NAMES),
    deleted=st.sampled_from([False, False, False, True]),
)

Tables = tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]


@pytest.fixture(scope="module")
def store() -> Iterator[SqliteResourceStore]:
    with tempfile.TemporaryDirectory() as folder:
        opened = SqliteResourceStore(Path(folder), reactions=[IdentityReaction()])
        yield opened
        opened.close()


def play(store: SqliteResourceStore, history: Sequence[Said]) -> Tables:
    """The tables after this history, from the beginning, in one commit."""

    def run(view: CommitView) -> Tables:
        for table in ("link", "claim", "event"):
            view.execute(f"DELETE FROM identity_{table}")
        versions = dict.fromkeys(LETTERS, 0)
        linker = Linker(FirstRule())
        for one in history:
            versions[one.record] += 1
            linker([written(one, versions[one.record])], view)
        return (
            view.rows("SELECT patient_id, person_id, number, name_key FROM identity_link ORDER BY patient_id"),
            view.rows("SELECT value, name_key, person_id FROM identity_claim ORDER BY value, name_key"),
        )

    tables: Tables = store.act(run, HUB).result()
    return tables


def written(one: Said, version: int) -> Written:
    body: dict[str, Any] = {"resourceType": "Patient", "id": one.record}
    if one.name:
        body["name"] = [{"text": one.name}]
    if one.numbers:
        body["identifier"] = [{"system": RESIDENT_ID, "value": number} for number in one.numbers]
    raw = msgspec.json.encode(body)
    entry = Entry(Method.DELETE if one.deleted else Method.UPDATE, "Patient", raw, id=one.record)
    resource = None if one.deleted else decode(raw, "Patient")
    return Written(
        "Patient", one.record, version, b"" if one.deleted else raw, resource, "clinic", one.record, entry, 1, 1,
        deleted=one.deleted,
    )  # fmt: skip


def last_word(history: Sequence[Said]) -> dict[str, Said]:
    return {one.record: one for one in history}


def partition(tables: Tables) -> set[frozenset[str]]:
    by_person: dict[str, set[str]] = {}
    for record, person, *_ in tables[0]:
        by_person.setdefault(person, set()).add(record)
    return {frozenset(records) for records in by_person.values()}


def expected(history: Sequence[Said]) -> set[frozenset[str]]:
    groups: dict[Any, set[str]] = {}
    for record, one in last_word(history).items():
        if not one.deleted:
            groups.setdefault(one.key() or record, set()).add(record)
    return {frozenset(records) for records in groups.values()}


@settings(max_examples=150, deadline=None)
@given(st.lists(said, max_size=14))
def test_who_is_one_person_follows_from_the_last_word_of_each_record_alone(
    store: SqliteResourceStore, history: list[Said]
) -> None:
    assert partition(play(store, history)) == expected(history)


@settings(max_examples=40, deadline=None)
@given(st.lists(said, min_size=2, max_size=4, unique_by=lambda one: one.record), st.data())
def test_the_order_in_which_records_come_makes_no_difference(
    store: SqliteResourceStore, history: list[Said], data: st.DataObject
) -> None:
    orders = list(itertools.permutations(history))
    first = play(store, history)
    other = play(store, data.draw(st.sampled_from(orders)))
    assert partition(first) == partition(other)


@settings(max_examples=100, deadline=None)
@given(st.lists(said, max_size=14))
def test_a_person_holds_one_number_and_a_number_under_one_name_has_one_person(
    store: SqliteResourceStore, history: list[Said]
) -> None:
    links, claims = play(store, history)
    holders = [person for _, _, person in claims]
    assert len(set(holders)) == len(holders)
    assert len({(value, name) for value, name, _ in claims}) == len(claims)
    assert set(holders) <= {person for _, person, *_ in links}
    numbers: dict[str, set[str]] = {}
    for _, person, number, _ in links:
        numbers.setdefault(person, set()).update([number] if number else [])
    assert all(len(held) <= 1 for held in numbers.values())


@settings(max_examples=60, deadline=None)
@given(st.lists(said, max_size=14))
def test_a_replay_gives_the_same_links_and_the_same_person_numbers(
    store: SqliteResourceStore, history: list[Said]
) -> None:
    assert play(store, history) == play(store, history)


@settings(max_examples=60, deadline=None)
@given(st.lists(said, min_size=1, max_size=10), said)
def test_joining_and_leaving_again_leaves_the_others_as_they_were(
    store: SqliteResourceStore, history: list[Said], visitor: Said
) -> None:
    others = [one for one in history if one.record != visitor.record]
    before = play(store, others)
    after = play(store, [*others, visitor, Said(visitor.record, (), "", deleted=True)])
    assert after == before


@settings(max_examples=60, deadline=None)
@given(st.lists(said, max_size=14))
def test_a_person_number_is_never_given_to_other_records_again(store: SqliteResourceStore, history: list[Said]) -> None:
    """Once its last record has left, a person does not come back."""
    alive: set[str] = set()
    gone: set[str] = set()
    for length in range(1, len(history) + 1):
        now = {person for _, person, *_ in play(store, history[:length])[0]}
        gone |= alive - now
        assert not now & gone
        alive = now
