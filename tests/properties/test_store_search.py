"""A search finds what a plain walk over all resources finds, whatever is asked and however the store answers it."""

import random
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub.contracts.caller import EVERYTHING, Caller, Role, Scope
from hub.contracts.site import ZONE
from hub.store.sqlite import SqliteResourceStore
from tests.contracts.resource_stores import County, Json, delete, update

Meets = Callable[[Json], bool]
CODES = ("718-7", "6690-2", "2160-0")
SYSTEMS = ("http://loinc.org", "http://example.org/codes", None)
DAYS = [f"2024-0{month}-{day:02d}" for month in (1, 2) for day in (1, 15, 28)]
FAMILIES = ("Wang", "Wei", "Wu", "王", "王小")
CLINICS = [Caller(f"his-{n}", Role.CLINIC, f"clinic-{n}") for n in range(3)]


class World:
    """A store and the same resources in a plain dictionary, with their owners and whom they are shared with."""

    def __init__(self, county: County, seed: int) -> None:
        self.county = county
        self.random = random.Random(seed)
        self.kept: dict[str, tuple[Json, set[str]]] = {}
        for number in range(12):
            self.write(self.patient(f"p{number}"))
        for number in range(90):
            self.write(self.observation(f"o{number}"))
        for _ in range(40):  # changed again
            self.write(self.observation(f"o{self.random.randrange(90)}"))
        for _ in range(12):
            id_ = f"o{self.random.randrange(90)}"
            if id_ in self.kept:
                county.one(delete(f"Observation/{id_}"))
                del self.kept[id_]
        for id_ in self.random.sample(sorted(self.kept), 15):
            kind = "Patient" if id_.startswith("p") else "Observation"
            county.store.act(lambda view, k=kind, i=id_: view.share(k, i, "clinic-2"), CLINICS[0]).result(60)  # type: ignore[misc]
            self.kept[id_][1].add("clinic-2")

    def write(self, resource: Json) -> None:
        owner = CLINICS[self.random.randrange(2)]
        self.county.one(update(resource), by=owner)
        readers = self.kept[resource["id"]][1] if resource["id"] in self.kept else {owner.organization}
        self.kept[resource["id"]] = (resource, readers)

    def patient(self, id_: str) -> Json:
        r = self.random
        return {
            "resourceType": "Patient",
            "id": id_,
            "identifier": [{"system": r.choice(["urn:a", "urn:b"]), "value": str(r.randrange(6))}],
            "name": [{"family": r.choice(FAMILIES)} for _ in range(r.randrange(1, 3))],
            "gender": r.choice(["male", "female"]),
        }

    def observation(self, id_: str) -> Json:
        r = self.random
        coding = {"code": r.choice(CODES)}
        if system := r.choice(SYSTEMS):
            coding["system"] = system
        made: Json = {
            "resourceType": "Observation",
            "id": id_,
            "status": r.choice(["final", "amended"]),
            "code": {"coding": [coding]},
        }
        if r.random() < 0.9:
            made["subject"] = {"reference": f"Patient/p{r.randrange(14)}"}
        if (form := r.random()) < 0.6:
            made["effectiveDateTime"] = r.choice(DAYS)
        elif form < 0.85:
            start, end = sorted(r.sample(DAYS, 2))
            made["effectivePeriod"] = {"start": start, "end": end} if r.random() < 0.7 else {"start": start}
        if r.random() < 0.8:
            made["valueQuantity"] = {"value": r.randrange(8) / 2, "unit": "g", "code": r.choice(["g", "mg"])}
        return made

    def expected(self, kind: str, criteria: list[tuple[str, Meets]], reader: str | None) -> list[str]:
        return sorted(
            id_
            for id_, (resource, readers) in self.kept.items()
            if resource["resourceType"] == kind
            and (reader is None or reader in readers)
            and all(meets(resource) for _, meets in criteria)
        )


@pytest.fixture(scope="module", params=range(2))
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    county = County(SqliteResourceStore(tmp_path_factory.mktemp("search")))
    yield World(county, request.param)
    assert county.verified() == []
    county.store.close()


def _day(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZONE)


def _range(resource: Json) -> tuple[datetime, datetime] | None:
    """First and first-after instant of what ``date`` searches."""
    if "effectiveDateTime" in resource:
        start = _day(resource["effectiveDateTime"])
        return start, start + timedelta(days=1)
    if "effectivePeriod" in resource:
        period = resource["effectivePeriod"]
        end = _day(period["end"]) + timedelta(days=1) if "end" in period else datetime.max.replace(tzinfo=ZONE)
        return _day(period["start"]), end
    return None


def _date(prefix: str, day: str) -> Meets:
    low, high = _day(day), _day(day) + timedelta(days=1)
    compare: dict[str, Callable[[datetime, datetime], bool]] = {
        "eq": lambda start, end: low <= start and end <= high,
        "ne": lambda start, end: not (low <= start and end <= high),
        "gt": lambda start, end: end > high,
        "lt": lambda start, end: start < low,
        "ge": lambda start, end: end > high or (low <= start and end <= high),
        "le": lambda start, end: start < low or (low <= start and end <= high),
        "sa": lambda start, end: start >= high,
        "eb": lambda start, end: end <= low,
    }

    def meets(resource: Json) -> bool:
        found = _range(resource)
        return found is not None and compare[prefix](*found)

    return meets


def _coded(resource: Json, system: str | None, code: str) -> bool:
    coding = resource["code"]["coding"][0]
    return coding["code"] == code and (system is None or coding.get("system", "") == system)


def _value(prefix: str, half: int, unit: str | None) -> Meets:
    wanted = half / 2

    def meets(resource: Json) -> bool:
        quantity: Any = resource.get("valueQuantity")
        if quantity is None or (unit and unit not in (quantity["code"], quantity["unit"])):
            return False
        value = quantity["value"]
        same = wanted - 0.05 <= value < wanted + 0.05
        return {"": same, "ne": not same, "gt": value > wanted, "lt": value < wanted, "ge": value >= wanted}[prefix]

    return meets


def _subjects(names: list[str]) -> Meets:
    return lambda resource: resource.get("subject", {}).get("reference") in [f"Patient/{name}" for name in names]


PATIENT_IDS = st.lists(st.integers(0, 14).map("p{}".format), min_size=1, max_size=3)
OBSERVATION_CRITERIA = st.one_of(
    PATIENT_IDS.map(lambda names: (f"patient={','.join(names)}", _subjects(names))),
    st.sampled_from(CODES).map(lambda code: (f"code={code}", lambda r: _coded(r, None, code))),
    st.tuples(st.sampled_from(["http://loinc.org", "http://example.org/codes", ""]), st.sampled_from(CODES)).map(
        lambda pair: (f"code={pair[0]}|{pair[1]}", lambda r: _coded(r, *pair))
    ),
    st.tuples(*[st.sampled_from(CODES)] * 2).map(
        lambda two: (f"code={two[0]},{two[1]}", lambda r: any(_coded(r, None, code) for code in two))
    ),
    st.sampled_from(CODES).map(lambda code: (f"code:not={code}", lambda r: not _coded(r, None, code))),
    st.sampled_from(["final", "amended"]).map(lambda status: (f"status={status}", lambda r: r["status"] == status)),
    st.tuples(st.sampled_from(["eq", "ne", "gt", "lt", "ge", "le", "sa", "eb"]), st.sampled_from(DAYS)).map(
        lambda pair: (f"date={pair[0]}{pair[1]}", _date(*pair))
    ),
    st.tuples(st.sampled_from(["", "ne", "gt", "lt", "ge"]), st.integers(0, 8), st.sampled_from([None, "g", "mg"])).map(
        lambda v: (f"value-quantity={v[0]}{v[1] / 2}" + (f"||{v[2]}" if v[2] else ""), _value(*v))
    ),
    st.sampled_from(
        [("date:missing=true", lambda r: _range(r) is None), ("date:missing=false", lambda r: _range(r) is not None)]
    ),
    st.sampled_from([("subject:missing=true", lambda r: "subject" not in r)]),
)
SORTS = st.sampled_from(
    ["", "date", "-date", "_id", "-_lastUpdated", "value-quantity", "-value-quantity", "code,-date"]
)
READERS = st.sampled_from([None, "clinic-0", "clinic-1", "clinic-2"])


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    criteria=st.lists(OBSERVATION_CRITERIA, max_size=3),
    sort=SORTS,
    reader=READERS,
    count=st.sampled_from([1, 3, 10, 1000]),
)
def test_observations(
    world: World, criteria: list[tuple[str, Meets]], sort: str, reader: str | None, count: int
) -> None:
    scope = EVERYTHING if reader is None else Scope(frozenset({reader}))
    text = "Observation?" + "&".join([one for one, _ in criteria] + ([f"_sort={sort}"] if sort else []))
    expected = world.expected("Observation", criteria, reader)
    found = world.county.ids(f"{text}&_count={count}", scope)
    assert sorted(found) == expected
    assert world.county.total(text, scope) == len(expected)
    resources = [world.kept[id_][0] for id_ in found]
    if sort.endswith("date") and "," not in sort:
        _check_order(resources, lambda r: (_range(r) or (None,))[0], descending=sort.startswith("-"))
    if sort.endswith("quantity"):
        _check_order(resources, lambda r: r.get("valueQuantity", {}).get("value"), descending=sort.startswith("-"))
    if sort == "_id":
        assert found == sorted(found)


def _check_order(resources: list[Json], value: Callable[[Json], Any], *, descending: bool) -> None:
    values = [value(resource) for resource in resources]
    stated = [one for one in values if one is not None]
    assert values == stated + [None] * (len(values) - len(stated))
    assert stated == sorted(stated, reverse=descending)


PATIENT_CRITERIA = st.one_of(
    st.sampled_from(["w", "wa", "We", "王", "王小", "wu", "x"]).map(
        lambda start: (
            f"name={start}",
            lambda r: any(name["family"].casefold().startswith(start.casefold()) for name in r["name"]),
        )
    ),
    st.sampled_from(FAMILIES).map(
        lambda exact: (f"family:exact={exact}", lambda r: any(name["family"] == exact for name in r["name"]))
    ),
    st.integers(0, 6).map(lambda n: (f"identifier={n}", lambda r: r["identifier"][0]["value"] == str(n))),
    st.integers(0, 6).map(
        lambda n: (f"identifier=urn:a|{n}", lambda r: r["identifier"][0] == {"system": "urn:a", "value": str(n)})
    ),
    st.just(("identifier=urn:b|", lambda r: r["identifier"][0]["system"] == "urn:b")),
    st.sampled_from(["male", "female"]).map(lambda gender: (f"gender={gender}", lambda r: r["gender"] == gender)),
)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(criteria=st.lists(PATIENT_CRITERIA, max_size=3), reader=READERS, count=st.sampled_from([1, 4, 1000]))
def test_patients_and_what_is_chained_to_them(
    world: World, criteria: list[tuple[str, Meets]], reader: str | None, count: int
) -> None:
    scope = EVERYTHING if reader is None else Scope(frozenset({reader}))
    text = "Patient?" + "&".join(one for one, _ in criteria)
    expected = world.expected("Patient", criteria, reader)
    assert sorted(world.county.ids(f"{text}&_count={count}", scope)) == expected
    assert world.county.total(text, scope) == len(expected)
    if criteria:
        chained = "Observation?" + "&".join(f"subject:Patient.{one}" for one, _ in criteria)
        # Each chain asks for itself; a resource has one subject here, so all of them ask about the same Patient.
        meets = _subjects(expected)
        assert sorted(world.county.ids(f"{chained}&_count={count}", scope)) == world.expected(
            "Observation", [("", meets)], reader
        )
