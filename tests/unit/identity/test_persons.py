"""Persons across clinics, through the one write path."""

from typing import Any

from hub.contracts.caller import EVERYTHING, Scope
from hub.identity.reaction import person_number

County = Any
NUMBER = "990101196204150026"
OLD_NUMBER = "990101620415002"
QINGSHAN = Scope(owners=frozenset({"qingshan"}))


def test_two_clinics_records_of_one_number_and_name_are_one_person(county: County) -> None:
    first = county.patient("qingshan", "q1", NUMBER)
    second = county.patient("baihe", "b1", OLD_NUMBER, "陈 秀英")
    person = county.persons.person_of("q1")
    assert person is not None and person == county.persons.person_of("b1")
    assert first.person == second.person == f"Person/{person}"
    assert list(county.persons.sources("b1")) == ["b1", "q1"]


def test_the_same_number_under_another_name_and_the_same_name_without_number_stay_apart(county: County) -> None:
    county.patient("qingshan", "q1", NUMBER)
    county.patient("baihe", "b1", NUMBER, "陈建国")
    county.patient("baihe", "b2", None)
    county.patient("baihe", "b3", NUMBER, "无名氏")
    county.patient("baihe", "b4", NUMBER, None)
    assert len({county.persons.person_of(id_) for id_ in ("q1", "b1", "b2", "b3", "b4")}) == 5
    assert list(county.persons.sources("q1")) == ["q1"]


def test_who_stood_apart_joins_his_own_kind(county: County) -> None:
    county.patient("qingshan", "q1", NUMBER)
    county.patient("baihe", "b1", NUMBER, "陈建国")
    county.patient("qingshan", "q2", NUMBER, "陈建国")
    assert county.persons.person_of("q2") == county.persons.person_of("b1")


def test_a_corrected_number_leaves_one_person_and_joins_another_exactly(county: County) -> None:
    other = "11010519491231002X"
    county.patient("qingshan", "q1", NUMBER)
    county.patient("baihe", "b1", NUMBER)
    county.patient("qingshan", "q2", other)
    person = county.persons.person_of("q1")
    county.patient("baihe", "b1", other)
    assert county.persons.person_of("b1") == county.persons.person_of("q2")
    assert county.persons.person_of("q1") == person
    assert list(county.persons.sources("q1")) == ["q1"]


def test_a_person_keeps_its_number_while_its_only_record_changes(county: County) -> None:
    county.patient("qingshan", "q1", None, "无名氏")
    person = county.persons.person_of("q1")
    county.patient("qingshan", "q1", NUMBER)
    assert county.persons.person_of("q1") == person == person_number("q1", 1)


def test_a_deleted_record_is_linked_to_nobody_and_its_number_is_free(county: County) -> None:
    county.patient("qingshan", "q1", NUMBER)
    person = county.persons.person_of("q1")
    county.delete("qingshan", "q1")
    assert county.persons.person_of("q1") is None
    county.patient("baihe", "b1", NUMBER)
    assert county.persons.person_of("b1") not in (None, person)


def test_the_receipt_of_anything_about_a_patient_names_the_person(county: County) -> None:
    county.patient("qingshan", "q1", NUMBER)
    observation = {
        "resourceType": "Observation", "id": "o1", "status": "final", "code": {"text": "血常规"},
        "subject": {"reference": "Patient/q1"},
    }  # fmt: skip
    assert county.send("qingshan", observation).person == f"Person/{county.persons.person_of('q1')}"
    assert county.send("qingshan", {"resourceType": "Organization", "id": "x1", "name": "x"}).person is None


def test_the_view_links_only_what_the_asker_may_read(county: County) -> None:
    county.patient("qingshan", "q1", NUMBER)
    county.patient("baihe", "b1", NUMBER)
    person = county.persons.person_of("q1")
    everything = county.persons.view(person, EVERYTHING)
    assert {link["target"]["reference"] for link in everything["link"]} == {"Patient/q1", "Patient/b1"}
    own = county.persons.view(person, QINGSHAN)
    assert [link["target"]["reference"] for link in own["link"]] == ["Patient/q1"]
    assert own["id"] == everything["id"]
    assert county.persons.view(person, Scope(owners=frozenset({"elsewhere"}))) is None
    assert county.persons.view("nobody", EVERYTHING) is None


def test_the_sources_stay_as_they_were_sent(county: County) -> None:
    county.patient("qingshan", "q1", OLD_NUMBER)
    county.patient("baihe", "b1", NUMBER)
    stored = county.store.read("Patient", "q1", EVERYTHING)
    assert stored.version == 1
    assert OLD_NUMBER.encode() in stored.body
    assert NUMBER.encode() not in stored.body
