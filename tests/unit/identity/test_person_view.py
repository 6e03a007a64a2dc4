"""The Person is a pure function of the sources that may be read."""

import itertools
from typing import Any

import msgspec

from hub.contracts.codes import RESIDENT_ID
from hub.fhir.model import decode
from hub.identity.survivorship import CARD_READ, person_of

NUMBER = "990101196204150026"


def source(id_: str, updated: str, **more: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", "id": id_, "meta": {"lastUpdated": updated}, **more}


OLD = source(
    "a", "2026-01-01T00:00:00Z", gender="male", birthDate="1962-04-16", name=[{"text": "陈秀英"}],
    identifier=[{"system": RESIDENT_ID, "value": "990101620415002"}, {"system": "urn:qs", "value": "1"}],
)  # fmt: skip
NEW = source(
    "b", "2026-02-01T00:00:00Z", gender="female", birthDate="1962-04-15", name=[{"text": "陈秀英"}, {"text": "陈大姐"}],
    identifier=[{"system": RESIDENT_ID, "value": NUMBER}, {"system": "urn:bh", "value": "9"}],
)  # fmt: skip


def test_it_is_a_valid_resource_with_every_source_linked() -> None:
    person = person_of("p1", [OLD, NEW])
    decode(msgspec.json.encode(person), "Person")
    assert [link["target"]["reference"] for link in person["link"]] == ["Patient/b", "Patient/a"]
    assert person["id"] == "p1"


def test_the_checked_number_outweighs_what_a_record_says_of_birth_and_gender() -> None:
    person = person_of("p1", [OLD])
    assert (person["birthDate"], person["gender"]) == ("1962-04-15", "female")
    assert person["identifier"][0] == {"use": "official", "system": RESIDENT_ID, "value": NUMBER}


def test_without_a_number_the_newest_record_speaks() -> None:
    plain = [{**one, "identifier": []} for one in (OLD, NEW)]
    person = person_of("p1", plain)
    assert (person["birthDate"], person["gender"]) == ("1962-04-15", "female")
    assert "identifier" not in person


def test_each_name_and_identifier_stands_once_and_the_order_of_sources_has_no_say() -> None:
    third = source("c", "2026-02-01T00:00:00Z", name=[{"text": "陈秀英"}])
    views = [person_of("p1", order) for order in itertools.permutations([OLD, NEW, third])]
    assert all(view == views[0] for view in views)
    assert [name["text"] for name in views[0]["name"]] == ["陈秀英", "陈大姐"]
    assert [one["value"] for one in views[0]["identifier"]] == [NUMBER, "9", "1"]


def test_the_name_is_that_of_the_card_and_others_are_kept_as_former_ones() -> None:
    read = {"url": CARD_READ, "valueBoolean": True}
    card = source("c", "2025-01-01T00:00:00Z", name=[{"text": "陈秀瑛"}],
                  identifier=[{"system": RESIDENT_ID, "value": NUMBER, "extension": [read]}])  # fmt: skip
    names = person_of("p1", [OLD, NEW, card])["name"]
    assert names == [{"text": "陈秀瑛"}, {"text": "陈秀英", "use": "old"}, {"text": "陈大姐", "use": "old"}]


def test_without_a_card_the_name_is_that_of_the_latest_record_that_agrees_with_its_number() -> None:
    unnumbered = source("d", "2026-03-01T00:00:00Z", name=[{"text": "陈阿英"}])
    assert person_of("p1", [NEW, unnumbered])["name"][0] == {"text": "陈秀英"}
    assert {"text": "陈阿英", "use": "old"} in person_of("p1", [NEW, unnumbered])["name"]


def test_a_newborns_record_brings_neither_name_nor_number_of_the_mother() -> None:
    newborn = source("n", "2026-03-01T00:00:00Z", name=[{"text": "陈秀英之女"}],
                     identifier=[{"system": RESIDENT_ID, "value": NUMBER}])  # fmt: skip
    own = source("o", "2026-02-01T00:00:00Z", name=[{"text": "李小花"}])
    person = person_of("p1", [newborn, own])
    assert person["name"][0] == {"text": "李小花"}
    assert NUMBER not in repr(person)


def test_what_may_not_be_read_leaves_no_trace() -> None:
    person = person_of("p1", [OLD])
    assert "Patient/b" not in repr(person)
    assert "urn:bh" not in repr(person)
