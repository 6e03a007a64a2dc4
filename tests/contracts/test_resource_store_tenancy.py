"""What lies outside a Scope does not exist: not by id, version or history, not in a search, a count, a chain, an
include, a page or a change."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from hub.contracts.caller import EVERYTHING, Scope
from hub.contracts.errors import NotFound
from hub.contracts.store import CommitView, SideTable
from tests.contracts.resource_stores import (
    BAIHE,
    OWN,
    PLATFORM,
    QINGSHAN,
    County,
    delete,
    observation,
    opened,
    patient,
    update,
)

LINKS = SideTable("identity", "CREATE TABLE IF NOT EXISTS identity_link (patient_id TEXT PRIMARY KEY, person_id TEXT)")

SEARCHES = (
    "Observation?",
    "Observation?_id=o-a,o-b,o-shared,o-sent,o-p",
    "Observation?code=718-7",
    "Observation?code=http://loinc.org|718-7&_sort=-date",
    "Observation?code:not=1",
    "Observation?status=final",
    "Observation?patient=a,b,s,p",
    "Observation?patient=a,b,s,p&code=718-7&_sort=-date",
    "Observation?patient=a,b,s,p&code=718-7&date=gt2000",
    "Observation?subject:Patient.identifier=a,b,s,p",
    "Observation?patient.birthdate=gt1900",
    "Observation?date=gt2000",
    "Observation?date=2024-01-01&_sort=date",
    "Observation?value-quantity=gt1",
    "Observation?_sort=value-quantity",
    "Observation?_sort=-_lastUpdated",
    "Observation?_sort=code",
    "Observation?_lastUpdated=gt2000",
    "Observation?encounter:missing=true",
)


@dataclass(frozen=True)
class Reach:
    """Who asks, and which Observations and Patients that lets them see."""

    scope: Scope
    observations: str
    patients: str


REACHES = {
    "clinic": Reach(OWN["qingshan"], "o-a o-shared", "a"),
    "other clinic": Reach(OWN["baihe"], "o-b o-shared", "b s"),
    "both clinics": Reach(Scope(frozenset({"qingshan", "baihe"})), "o-a o-b o-shared", "a b s"),
    "platform": Reach(Scope(frozenset({"district"}), sender="district"), "o-p o-sent", "p"),
    "platform and its clinic": Reach(
        Scope(frozenset({"district", "qingshan"}), sender="district"), "o-a o-p o-sent o-shared", "a p"
    ),
    "county": Reach(EVERYTHING, "o-a o-b o-p o-sent o-shared", "a b p s"),
    "one patient": Reach(Scope(frozenset(), patients=frozenset({"a"})), "o-a o-sent", "a"),
    "one person": Reach(Scope(frozenset(), person="one"), "o-a o-b o-sent", "a b"),
    "stranger": Reach(Scope(frozenset({"elsewhere"})), "", ""),
    "nobody": Reach(Scope(frozenset()), "", ""),
    "no such person": Reach(Scope(frozenset(), person="none"), "", ""),
    "a patient that is not there": Reach(Scope(frozenset(), patients=frozenset({"x"})), "", ""),
    "other types": Reach(Scope(None, types=frozenset({"Patient"})), "", "a b p s"),
    "hidden type": Reach(Scope(None, hidden_types=frozenset({"Observation"})), "", "a b p s"),
}


@pytest.fixture
def county(backend: str, tmp_path: Path) -> Iterator[County]:
    """Patients a (Qingshan's), b and s (Baihe's), p (the district platform's own). o-shared is Baihe's, of s, and
    shared with Qingshan; o-sent is Liqiao's, of a, sent by the platform for them."""
    county = County(opened(backend, tmp_path, side_tables=[LINKS]))
    for id_, by in (("a", QINGSHAN), ("b", BAIHE), ("s", BAIHE), ("p", PLATFORM)):
        county.one(update(patient(id_, id=id_, birthDate="1980-01-01")), by=by)
    more = {"effectiveDateTime": "2024-01-01", "valueQuantity": {"value": 5.0}}
    for id_, subject, by, owner in (
        ("o-a", "a", QINGSHAN, "qingshan"),
        ("o-b", "b", BAIHE, "baihe"),
        ("o-shared", "s", BAIHE, "baihe"),
        ("o-p", "p", PLATFORM, "district"),
        ("o-sent", "a", PLATFORM, "liqiao"),
    ):
        county.one(update(observation(f"Patient/{subject}", id=id_, **more)), by=by, owners=[owner])

    def arrange(view: CommitView) -> None:
        view.share("Observation", "o-shared", "qingshan")
        for patient_id in ("a", "b"):
            view.execute("INSERT INTO identity_link VALUES (?, 'one')", (patient_id,))

    county.store.act(arrange, QINGSHAN).result(60)
    yield county
    assert county.verified() == []
    county.store.close()


@pytest.mark.parametrize("who", REACHES)
def test_a_search_and_its_count_give_the_readable_alone(county: County, who: str) -> None:
    reach = REACHES[who]
    for text in SEARCHES:
        expected = reach.observations.split()
        if ".identifier" in text or ".birthdate" in text:
            seen = reach.patients.split()
            subjects = {"o-a": "a", "o-b": "b", "o-shared": "s", "o-p": "p", "o-sent": "a"}
            expected = [one for one in expected if subjects[one] in seen]
        for count in (1, 50):
            assert sorted(county.ids(f"{text}&_count={count}", reach.scope)) == expected, text
        assert county.total(text, reach.scope) == len(expected), text
        assert county.search(f"{text}&_total=accurate", reach.scope).total == len(expected), text
    assert sorted(county.ids("Patient?identifier=a,b,p,s", reach.scope)) == reach.patients.split()


@pytest.mark.parametrize("who", REACHES)
def test_reads_versions_and_histories_give_the_readable_alone(county: County, who: str) -> None:
    reach = REACHES[who]
    for kind, ids, readable in (
        ("Observation", "o-a o-b o-p o-sent o-shared", reach.observations),
        ("Patient", "a b p s", reach.patients),
    ):
        for id_ in ids.split():
            if id_ in readable.split():
                assert county.store.read(kind, id_, reach.scope).id == id_
                assert county.store.read_version(kind, id_, 1, reach.scope).id == id_
                assert len(county.store.history(kind, id_, reach.scope, count=9)) == 1
                continue
            with pytest.raises(NotFound):
                county.store.read(kind, id_, reach.scope)
            with pytest.raises(NotFound):
                county.store.read_version(kind, id_, 1, reach.scope)
            with pytest.raises(NotFound):
                county.store.history(kind, id_, reach.scope, count=9)


@pytest.mark.parametrize("who", REACHES)
def test_includes_add_the_readable_alone(county: County, who: str) -> None:
    reach = REACHES[who]
    page = county.search("Observation?_include=Observation:subject&_count=50", reach.scope)
    subjects = {"o-a": "a", "o-b": "b", "o-shared": "s", "o-p": "p", "o-sent": "a"}
    expected = {subjects[match.id] for match in page.matches} & set(reach.patients.split())
    assert {one.id for one in page.included} == expected
    page = county.search("Patient?_revinclude=Observation:patient&_count=50", reach.scope)
    seen = {match.id for match in page.matches}
    expected = {one for one in reach.observations.split() if subjects[one] in seen}
    assert {one.id for one in page.included} == expected


def test_absence_and_secrecy_look_the_same(county: County) -> None:
    refusals = []
    for id_ in ("o-b", "never-there"):
        with pytest.raises(NotFound) as refusal:
            county.store.read("Observation", id_, OWN["qingshan"])
        refusals.append((refusal.value.what, refusal.value.where, refusal.value.remedy, refusal.value.http_status))
    assert refusals[0] == refusals[1]


def test_what_is_shared_stays_shared_through_its_versions_and_goes_with_its_deletion(county: County) -> None:
    county.one(update(observation("Patient/s", id="o-shared", status="amended")), by=BAIHE)
    assert county.ids("Observation?status=amended", OWN["qingshan"]) == ["o-shared"]
    assert "o-shared" not in county.ids("Observation?status=final", OWN["qingshan"])
    assert len(county.store.history("Observation", "o-shared", OWN["qingshan"], count=9)) == 2
    county.one(delete("Observation/o-shared"), by=BAIHE)
    assert county.ids("Observation?", OWN["qingshan"]) == ["o-a"]
    county.one(update(observation("Patient/s", id="o-shared")), by=BAIHE)
    assert sorted(county.ids("Observation?", OWN["qingshan"])) == ["o-a", "o-shared"]
    assert sorted(county.ids("Observation?")) == ["o-a", "o-b", "o-p", "o-sent", "o-shared"]


def test_a_shared_patient_may_be_referred_to(county: County) -> None:
    county.store.act(lambda view: view.share("Patient", "s", "qingshan"), BAIHE).result(60)
    outcome = county.create(observation("Patient/s"), by=QINGSHAN, own_patients_only=True)
    assert outcome.status == 201
    assert set(county.ids("Observation?patient=s&code=718-7", OWN["qingshan"])) == {"o-shared", outcome.id}
