"""A store behaves like a dictionary of version lists, whatever is done to it in whatever order."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub.contracts.caller import EVERYTHING, Caller, Role, Scope
from hub.contracts.errors import ExchangeError, Gone, NotFound, Precondition
from hub.contracts.submission import Entry, Method
from hub.store.sqlite import SqliteResourceStore
from tests.contracts.resource_stores import County, create, delete, patient, update

CLINICS = [Caller(f"his-{n}", Role.CLINIC, f"clinic-{n}") for n in range(2)]
examples = itertools.count()


@pytest.fixture(scope="module")
def county(tmp_path_factory: pytest.TempPathFactory) -> Iterator[County]:
    county = County(SqliteResourceStore(tmp_path_factory.mktemp("model")))
    yield county
    assert county.verified() == []
    county.store.close()


@dataclass
class Kept:
    """One resource of the model: its owner and, for each version, (method, identifier, gender) or a deletion."""

    owner: str
    versions: list[tuple[str, str, str | None]] = field(default_factory=list)

    @property
    def deleted(self) -> bool:
        return self.versions[-1][0] == "DELETE"

    @property
    def number(self) -> str:
        return self.versions[-1][1]


IDS = st.sampled_from("abc")
NUMBERS = st.sampled_from("123")
GENDERS = st.sampled_from(["male", "female", "other"])
STEPS = st.one_of(
    st.tuples(st.just("update"), IDS, NUMBERS, GENDERS, st.sampled_from([None, 0, 1])),
    st.tuples(st.just("delete"), IDS, st.sampled_from([None, 0, 1])),
    st.tuples(st.just("create-if-none"), NUMBERS, GENDERS),
    st.tuples(st.just("update-if-one"), NUMBERS, GENDERS),
)


class Model:
    def __init__(self, mark: str) -> None:
        self.mark = mark
        self.kept: dict[str, Kept] = {}

    def holders(self, number: str, owner: str) -> list[str]:
        return [
            id_ for id_, one in self.kept.items() if not one.deleted and one.number == number and one.owner == owner
        ]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.tuples(st.sampled_from(CLINICS), STEPS), max_size=25))
def test_versions_histories_and_conditions_follow_the_model(county: County, steps: list[tuple[Caller, tuple]]) -> None:
    model = Model(f"x{next(examples)}")
    for caller, (what, *arguments) in steps:
        globals()["_" + what.replace("-", "_")](county, model, caller, *arguments)
    for id_, kept in model.kept.items():
        versions = county.store.history("Patient", id_, EVERYTHING, count=100)
        assert [one.version for one in versions] == list(range(len(kept.versions), 0, -1))
        for stored, (method, number, gender) in zip(reversed(versions), kept.versions, strict=True):
            assert stored.method == method
            assert stored.owner == kept.owner
            if method == "DELETE":
                assert stored.body == b""
                continue
            body = msgspec.json.decode(stored.body)
            assert body["identifier"][0]["value"] == f"{model.mark}-{number}"
            assert body.get("gender") == gender
            assert county.store.read_version("Patient", id_, stored.version, EVERYTHING).body == stored.body
        for owner in ("clinic-0", "clinic-1"):
            scope = Scope(frozenset({owner}))
            if owner != kept.owner:
                with pytest.raises(NotFound):
                    county.store.read("Patient", id_, scope)
            elif kept.deleted:
                with pytest.raises(Gone):
                    county.store.read("Patient", id_, scope)
            else:
                assert county.store.read("Patient", id_, scope).version == len(kept.versions)
    for number in "123":
        for owner in ("clinic-0", "clinic-1"):
            found = county.ids(f"Patient?identifier={model.mark}-{number}", Scope(frozenset({owner})))
            assert sorted(found) == sorted(model.holders(number, owner))


def _body(model: Model, number: str, gender: str) -> dict:
    return patient(f"{model.mark}-{number}", gender=gender)


def _condition(model: Model, number: str) -> str:
    return f"identifier=https://example.org/his|{model.mark}-{number}"


def _update(
    county: County, model: Model, caller: Caller, name: str, number: str, gender: str, match: int | None
) -> None:
    id_ = f"{model.mark}-{name}"
    kept = model.kept.get(id_)
    current = len(kept.versions) if kept else 0
    if_match = None if match is None else f'W/"{current + match}"'
    entry = update(_body(model, number, gender) | {"id": id_}, if_match=if_match)
    if match is not None and (match == 1 or kept is None or kept.deleted):
        with pytest.raises(Precondition):
            county.one(entry, by=caller)
        return
    outcome = county.one(entry, by=caller)
    if kept is None:
        kept = model.kept[id_] = Kept(caller.organization)
        assert outcome.status == 201
    elif kept.deleted:
        assert outcome.status == 201
    elif kept.versions[-1][1:] == (number, gender):
        assert (outcome.status, outcome.version) == (200, current)
        return
    kept.versions.append(("PUT", number, gender))
    assert outcome.version == current + 1


def _delete(county: County, model: Model, caller: Caller, name: str, match: int | None) -> None:
    id_ = f"{model.mark}-{name}"
    kept = model.kept.get(id_)
    current = len(kept.versions) if kept else 0
    if match is not None and (match == 1 or kept is None):
        with pytest.raises(Precondition):
            county.one(delete(f"Patient/{id_}", if_match=f'W/"{current + match}"'), by=caller)
        return
    assert county.one(delete(f"Patient/{id_}"), by=caller).status == 204
    if kept and not kept.deleted:
        kept.versions.append(("DELETE", "", None))


def _create_if_none(county: County, model: Model, caller: Caller, number: str, gender: str) -> None:
    holders = model.holders(number, caller.organization)
    entry = create(_body(model, number, gender), condition=_condition(model, number))
    if len(holders) > 1:
        with pytest.raises(Precondition):
            county.one(entry, by=caller)
        return
    outcome = county.one(entry, by=caller)
    if holders:
        assert (outcome.status, outcome.id) == (200, holders[0])
    else:
        assert outcome.status == 201
        model.kept[outcome.id] = Kept(caller.organization, [("POST", number, gender)])


def _update_if_one(county: County, model: Model, caller: Caller, number: str, gender: str) -> None:
    holders = model.holders(number, caller.organization)
    entry = update(_body(model, number, gender), condition=_condition(model, number))
    if len(holders) > 1:
        with pytest.raises(Precondition):
            county.one(entry, by=caller)
        return
    outcome = county.one(entry, by=caller)
    if not holders:
        model.kept[outcome.id] = Kept(caller.organization, [("PUT", number, gender)])
        return
    kept = model.kept[holders[0]]
    assert outcome.id == holders[0]
    if kept.versions[-1][1:] != (number, gender):
        kept.versions.append(("PUT", number, gender))
    assert outcome.version == len(kept.versions)


DECIMALS = st.from_regex(r"-?(0|[1-9][0-9]{0,8})(\.[0-9]{1,9})?([eE][+-]?[1-9])?\Z", fullmatch=True)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(digits=DECIMALS, text=st.text(max_size=40))
def test_every_digit_and_character_survives(county: County, digits: str, text: str) -> None:
    note = msgspec.json.encode(text)
    body = (
        b'{"resourceType":"Observation","status":"final","code":{"text":"x"},"note":[{"text":%b}],'
        b'"valueQuantity":{"value":%b}}' % (note, digits.encode())
    )
    try:
        outcome = county.one(Entry(Method.CREATE, "Observation", body))
    except ExchangeError:
        return  # an empty or blank string is no FHIR string
    stored = county.store.read("Observation", outcome.id, EVERYTHING).body
    assert b'"valueQuantity":{"value":%b}}' % digits.encode() in stored
    assert msgspec.json.decode(stored)["note"][0]["text"] == text


def test_the_folder_alone_holds_the_store(tmp_path: Path) -> None:
    county = County(SqliteResourceStore(tmp_path))
    outcome = county.create(patient())
    county.store.close()
    again = County(SqliteResourceStore(tmp_path))
    assert again.read(outcome.reference)["id"] == outcome.id
    again.store.close()
