"""Whatever comes in, in whatever order: each record has one person, a person at most one number, and nobody is joined
whom the rules keep apart."""

import itertools
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.contracts.caller import Caller, Role
from hub.contracts.codes import RESIDENT_ID
from hub.contracts.errors import ExchangeError
from hub.contracts.resident_id import check_character
from hub.contracts.store import CommitView, Written
from hub.contracts.submission import Entry, Method
from hub.fhir.model import decode
from hub.identity import actions, merges
from hub.identity.reaction import IdentityReaction, Linker
from hub.identity.survivorship import person_of
from hub.store.sqlite import SqliteResourceStore

HUB = Caller("hub", Role.SERVICE, "hub")
NUMBERS = [first + check_character(first) for first in ("99010119620415002", "99010119620415004", "99010119800101003")]
INVALID = NUMBERS[0][:17] + ("1" if NUMBERS[0][17] != "1" else "2")
NAMES = ["陈秀英", "陳 秀英", "陈秀瑛", "陈英秀", "陈秀兰", "陈建国", "陈秀英之女", ""]
LETTERS = "abcdef"


@dataclass(frozen=True)
class Said:
    """One version of one source record."""

    record: str
    numbers: tuple[str, ...] = ()
    name: str = ""
    born: str | None = None
    gender: str | None = None
    phone: str | None = None
    address: str | None = None
    deleted: bool = False

    def body(self) -> dict[str, Any]:
        body: dict[str, Any] = {"resourceType": "Patient", "id": self.record}
        if self.name:
            body["name"] = [{"text": self.name}]
        if self.numbers:
            body["identifier"] = [{"system": RESIDENT_ID, "value": number} for number in self.numbers]
        if self.phone:
            body["telecom"] = [{"system": "phone", "value": self.phone}]
        if self.address:
            body["address"] = [{"text": self.address}]
        body |= {k: v for k, v in (("birthDate", self.born), ("gender", self.gender)) if v}
        return body


said = st.builds(
    Said,
    record=st.sampled_from(LETTERS),
    numbers=st.lists(st.sampled_from([*NUMBERS, INVALID]), max_size=2).map(tuple),
    name=st.sampled_from(NAMES),
    born=st.sampled_from([None, "1962-04-15", "1962-04-15", "1962-04-16", "1980-01-01"]),
    gender=st.sampled_from([None, "female", "female", "male"]),
    phone=st.sampled_from([None, "13800138001", "13912345670"]),
    address=st.sampled_from([None, "青山县河口村3组12号"]),
    deleted=st.sampled_from([False, False, False, True]),
)


@dataclass
class Tables:
    links: dict[str, str]
    numbers: dict[str, tuple[str, ...]]
    claims: list[tuple[str, str]]
    waiting: set[frozenset[str]]
    founders: dict[str, str]
    last: dict[str, Said] = field(default_factory=dict)

    @property
    def groups(self) -> set[frozenset[str]]:
        by_person: dict[str, set[str]] = {}
        for record, person in self.links.items():
            by_person.setdefault(person, set()).add(record)
        return {frozenset(records) for records in by_person.values()}

    def golden(self) -> dict[str, bytes]:
        """The Person of every group as JSON."""
        return {
            person: msgspec.json.encode(
                person_of(person, [self.last[one].body() for one, its in self.links.items() if its == person])
            )
            for person in set(self.links.values())
        }


@pytest.fixture(scope="module")
def store() -> Iterator[SqliteResourceStore]:
    with tempfile.TemporaryDirectory() as folder:
        opened = SqliteResourceStore(Path(folder), reactions=[IdentityReaction()])
        yield opened
        opened.close()


Step = Said | tuple[str, str, str]
"""A version of a record, or an act: (same | not-same | merge, one, other)."""


def play(store: SqliteResourceStore, history: Sequence[Step]) -> Tables:
    """The tables after this history, from the beginning, in one commit. Acts that are refused change nothing."""

    def run(view: CommitView) -> Tables:
        for table in ("link", "key", "claim", "event", "review", "assertion", "merge", "retired"):
            view.execute(f"DELETE FROM identity_{table}")
        versions = dict.fromkeys(LETTERS, 0)
        last: dict[str, Said] = {}
        linker = Linker()
        for step in history:
            if isinstance(step, Said):
                versions[step.record] += 1
                linker([written(step, versions[step.record])], view)
                last[step.record] = step
            else:
                act(view, *step)
        tables = read(view)
        tables.last = last
        return tables

    tables: Tables = store.act(run, HUB).result()
    return tables


def act(view: CommitView, kind: str, one: str, other: str) -> None:
    try:
        if kind == "same":
            actions.assert_same(view, one, other, "seen")
        elif kind == "not-same":
            actions.assert_not_same(view, one, other, "seen")
        elif kind == "merge" or not any(m.undone_us is None for m in merges.merges_of(view.rows, one)):
            merge_id = merges.merge(view, one, other, "said so")
            if kind == "merge-and-back":
                merges.unmerge(view, merge_id, "wrong")
    except ExchangeError:
        pass


def read(view: CommitView) -> Tables:
    from hub.identity import records
    from hub.identity.judging import numbers_of

    links = dict(view.rows("SELECT patient_id, person_id FROM identity_link"))
    kept = {one.patient_id: one for one in records.of_patients(view.rows, links)}
    return Tables(
        links,
        {patient: tuple(sorted(numbers_of(one.evidence))) for patient, one in kept.items()},
        view.rows("SELECT value, person_id FROM identity_claim ORDER BY value"),
        {
            frozenset((links.get(one, ""), links.get(other, "")))
            for one, other in view.rows("SELECT one, other FROM identity_review WHERE state IN ('open', 'later')")
        },
        dict(view.rows("SELECT own, patient_id FROM identity_link")),
    )


def written(one: Said, version: int) -> Written:
    raw = msgspec.json.encode(one.body())
    entry = Entry(Method.DELETE if one.deleted else Method.UPDATE, "Patient", raw, id=one.record)
    resource = None if one.deleted else decode(raw, "Patient")
    return Written(
        "Patient", one.record, version, b"" if one.deleted else raw, resource, "clinic", one.record, entry, 1, 1,
        deleted=one.deleted,
    )  # fmt: skip


acts = st.tuples(
    st.sampled_from(["same", "not-same", "merge", "merge-and-back"]), st.sampled_from(LETTERS), st.sampled_from(LETTERS)
).filter(lambda step: step[1] != step[2])
histories = st.lists(st.one_of(said, said, said, acts), max_size=14)


@settings(max_examples=200, deadline=None)
@given(histories)
def test_each_live_record_has_one_person_and_a_person_at_most_one_number(
    store: SqliteResourceStore, history: list[Step]
) -> None:
    tables = play(store, history)
    assert set(tables.links) == {record for record, one in tables.last.items() if not one.deleted}
    for group in tables.groups:
        assert len({number for record in group for number in tables.numbers[record]}) <= 2
        single = {number for record in group for number in tables.numbers[record] if len(tables.numbers[record]) == 1}
        assert len(single) <= 1


@settings(max_examples=150, deadline=None)
@given(histories)
def test_a_number_is_held_by_one_person_that_states_it(store: SqliteResourceStore, history: list[Step]) -> None:
    tables = play(store, history)
    holders = [person for _, person in tables.claims]
    assert len(set(holders)) == len(holders)
    for value, person in tables.claims:
        assert any(value in tables.numbers[record] for record, its in tables.links.items() if its == person)
    for record, numbers in tables.numbers.items():
        assert len(numbers) != 1 or numbers[0] in {value for value, _ in tables.claims}, record


@settings(max_examples=150, deadline=None)
@given(st.lists(said, min_size=2, max_size=5, unique_by=lambda one: one.record), st.data())
def test_order_makes_no_difference_but_for_what_a_person_is_asked(
    store: SqliteResourceStore, history: list[Said], data: st.DataObject
) -> None:
    first = play(store, history)
    other = play(store, data.draw(st.sampled_from(list(itertools.permutations(history)))))
    for one, another in itertools.combinations(sorted(first.links), 2):
        joined = first.links[one] == first.links[another]
        if joined != (other.links[one] == other.links[another]):
            assert any(
                {tables.links[one], tables.links[another]} & pair
                for tables in (first, other)
                for pair in tables.waiting
            ), (one, another)


@settings(max_examples=80, deadline=None)
@given(histories)
def test_a_replay_gives_the_same_links_reviews_and_person_numbers(
    store: SqliteResourceStore, history: list[Step]
) -> None:
    assert play(store, history) == play(store, history)


@settings(max_examples=100, deadline=None)
@given(st.lists(said, min_size=1, max_size=8), said)
def test_joining_and_leaving_again_leaves_the_others_as_they_were(
    store: SqliteResourceStore, history: list[Said], visitor: Said
) -> None:
    others = [one for one in history if one.record != visitor.record]
    before = play(store, others)
    after = play(store, [*others, visitor, Said(visitor.record, deleted=True)])
    assert (after.links, after.claims) == (before.links, before.claims)


@settings(max_examples=100, deadline=None)
@given(histories, st.tuples(st.sampled_from(LETTERS), st.sampled_from(LETTERS)).filter(lambda two: two[0] != two[1]))
def test_a_merge_that_is_undone_leaves_every_golden_record_byte_for_byte(
    store: SqliteResourceStore, history: list[Step], pair: tuple[str, str]
) -> None:
    before = play(store, history)
    after = play(store, [*history, ("merge-and-back", *pair)])
    assert after.links == before.links
    assert after.golden() == before.golden()


@settings(max_examples=120, deadline=None)
@given(histories, histories)
def test_not_same_beats_everything_that_came_before_and_comes_after(
    store: SqliteResourceStore, history: list[Step], later: list[Step]
) -> None:
    start: list[Step] = [Said("a", NUMBERS[:1], "陈秀英"), Said("b", NUMBERS[:1], "陈秀英")]
    kept = [step for step in later if not (isinstance(step, tuple) and set(step[1:]) == {"a", "b"})]
    tables = play(store, [*history, *start, ("not-same", "a", "b"), *kept])
    if "a" in tables.links and "b" in tables.links:
        assert tables.links["a"] != tables.links["b"]


@settings(max_examples=80, deadline=None)
@given(st.lists(said, max_size=12))
def test_a_person_has_the_number_of_a_record_that_is_in_it(store: SqliteResourceStore, history: list[Said]) -> None:
    """So a number is never given to other records again, and parting a person gives each part its own."""
    founders: dict[str, str] = {}
    for length in range(1, len(history) + 1):
        tables = play(store, history[:length])
        for person, record in tables.founders.items():
            assert founders.setdefault(person, record) == record
        for group in tables.groups:
            (person,) = {tables.links[record] for record in group}
            assert founders[person] in group
