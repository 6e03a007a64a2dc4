"""What every ResourceStore promises of create, update, delete, their versions and their preconditions."""

import re
from datetime import datetime

import pytest

from hub.contracts.caller import EVERYTHING, Scope
from hub.contracts.errors import Forbidden, Gone, Incorrect, NotFound, Precondition
from hub.contracts.submission import Entry, Method
from tests.contracts.resource_stores import (
    BAIHE,
    CENTRE,
    OWN,
    PLATFORM,
    QINGSHAN,
    County,
    create,
    delete,
    observation,
    patient,
    update,
)

ID = re.compile(r"[A-Za-z0-9\-.]{1,64}\Z")


def test_what_was_created_is_read_back_with_its_id_version_and_time(county: County) -> None:
    outcome = county.create(patient(gender="male"))
    assert outcome.status == 201
    assert outcome.version == 1
    assert ID.match(outcome.id)
    body = county.read(outcome.reference)
    assert body["id"] == outcome.id
    assert body["meta"] == {"versionId": "1", "lastUpdated": outcome.last_updated}
    assert body["gender"] == "male"
    assert datetime.fromisoformat(outcome.last_updated).tzinfo is not None
    assert county.store.read("Patient", outcome.id, EVERYTHING).body == outcome.body


def test_digits_and_the_order_of_elements_stay_as_sent(county: County) -> None:
    sent = (
        b'{ "resourceType" : "Observation", "valueQuantity":{"value":19.00,"unit":"g"}, "status":"final",'
        b'"code":{"text":"Hb \\u8840"}, "component":[{"code":{"text":"a"},"valueQuantity":{"value":1.10e2}}] }'
    )
    outcome = county.one(Entry(Method.CREATE, "Observation", sent))
    body = county.store.read("Observation", outcome.id, EVERYTHING).body
    assert b'"valueQuantity":{"value":19.00,"unit":"g"},"status":"final"' in body
    assert b'{"value":1.10e2}' in body


def test_an_id_in_a_created_body_is_ignored_and_other_meta_kept(county: County) -> None:
    outcome = county.create(patient(id="mine", meta={"versionId": "7", "tag": [{"code": "t"}], "source": "urn:x"}))
    assert outcome.id != "mine"
    assert county.read(outcome.reference)["meta"] == {
        "versionId": "1",
        "lastUpdated": outcome.last_updated,
        "tag": [{"code": "t"}],
        "source": "urn:x",
    }


def test_an_update_makes_the_next_version_and_keeps_the_one_before(county: County) -> None:
    first = county.create(patient(gender="male"))
    second = county.one(update(patient(gender="female", id=first.id)))
    assert (second.status, second.version) == (200, 2)
    assert county.read(first.reference)["gender"] == "female"
    old = county.store.read_version("Patient", first.id, 1, EVERYTHING)
    assert b'"gender":"male"' in old.body
    assert old.body == first.body
    assert second.last_updated > first.last_updated


def test_an_identical_update_makes_no_new_version(county: County) -> None:
    first = county.create(patient(meta={"tag": [{"code": "a"}]}))
    same = county.one(update(patient(id=first.id, meta={"tag": [{"code": "a"}]})))
    assert (same.status, same.version, same.last_updated) == (200, 1, first.last_updated)
    changed = county.one(update(patient(id=first.id, meta={"tag": [{"code": "b"}]})))
    assert changed.version == 2
    assert county.store.last_sequence() == 2


def test_an_update_to_a_new_id_creates_it(county: County) -> None:
    outcome = county.one(update(patient(id="P-1.a")))
    assert (outcome.status, outcome.id, outcome.version) == (201, "P-1.a", 1)
    assert county.read("Patient/P-1.a")["id"] == "P-1.a"


def test_the_body_of_an_update_states_the_id_of_its_request(county: County) -> None:
    for body in (patient(), patient(id="other")):
        with pytest.raises(Incorrect) as refusal:
            county.one(update(body, id="P1"))
        assert refusal.value.http_status == 400
        assert refusal.value.where == "Patient.id"


def test_if_match_lets_the_first_writer_win(county: County) -> None:
    county.one(update(patient(id="P1")))
    county.one(update(patient(id="P1", gender="male"), if_match='W/"1"'))
    for stale in ('W/"1"', '"1"', 'W/"x"', "*"):
        with pytest.raises(Precondition) as refusal:
            county.one(update(patient(id="P1", gender="female"), if_match=stale))
        assert refusal.value.http_status == 412
    with pytest.raises(Precondition):
        county.one(update(patient(id="P2"), if_match='W/"1"'))
    assert county.read("Patient/P1")["gender"] == "male"


def test_a_deleted_resource_is_gone_but_its_versions_stay(county: County) -> None:
    first = county.create(patient("77"))
    outcome = county.one(delete(first.reference))
    assert (outcome.status, outcome.version) == (204, 2)
    with pytest.raises(Gone):
        county.read(first.reference)
    with pytest.raises(Gone):
        county.store.read_version("Patient", first.id, 2, EVERYTHING)
    assert county.store.read_version("Patient", first.id, 1, EVERYTHING).body == first.body
    assert county.ids("Patient?identifier=77") == []
    assert county.ids(f"Patient?_id={first.id}") == []
    assert county.total("Patient?") == 0


def test_deleting_twice_or_what_never_was_is_no_error(county: County) -> None:
    first = county.create(patient())
    county.one(delete(first.reference))
    assert county.one(delete(first.reference)).version == 2
    assert county.one(delete("Patient/never")).status == 204
    assert county.store.last_sequence() == 2


def test_an_update_brings_a_deleted_resource_back_as_the_next_version(county: County) -> None:
    first = county.create(patient())
    county.one(delete(first.reference))
    back = county.one(update(patient(id=first.id)))
    assert (back.status, back.version) == (201, 3)
    assert county.read(first.reference)["meta"]["versionId"] == "3"
    assert county.ids("Patient?identifier=1") == [first.id]


def test_history_lists_every_version_newest_first(county: County) -> None:
    county.one(update(patient(id="P1")))
    county.one(update(patient(id="P1", gender="male")))
    county.one(delete("Patient/P1"))
    county.one(update(patient(id="P1", gender="female")))
    versions = county.store.history("Patient", "P1", EVERYTHING, count=10)
    assert [(one.version, one.method, one.deleted) for one in versions] == [
        (4, "PUT", False),
        (3, "DELETE", True),
        (2, "PUT", False),
        (1, "PUT", False),
    ]
    assert versions[1].body == b""
    assert b'"versionId":"2"' in versions[2].body
    page = county.store.history("Patient", "P1", EVERYTHING, count=2, before_version=4)
    assert [one.version for one in page] == [3, 2]
    with pytest.raises(NotFound):
        county.store.history("Patient", "P2", EVERYTHING, count=10)
    with pytest.raises(NotFound):
        county.store.read_version("Patient", "P1", 5, EVERYTHING)


def test_the_owner_of_the_first_version_stays_the_owner(county: County) -> None:
    outcome = county.create(patient(), by=QINGSHAN)
    county.one(update(patient(id=outcome.id, gender="male")), by=CENTRE)
    stored = county.store.read("Patient", outcome.id, EVERYTHING)
    assert (stored.owner, stored.sender) == ("qingshan", "centre")
    assert [one.sender for one in county.store.history("Patient", outcome.id, EVERYTHING, count=2)] == [
        "centre",
        "qingshan-his",
    ]


def test_intake_may_name_another_owner(county: County) -> None:
    receipt = county.submit(create(patient("1")), create(patient("2")), by=PLATFORM, owners=["baihe", "district"])
    owners = [county.store.read("Patient", one.id, EVERYTHING).owner for one in receipt.outcomes]
    assert owners == ["baihe", "district"]


def test_the_gate_is_asked_for_each_change_with_the_current_owner(county: County) -> None:
    asked: list[tuple[str, str, str | None]] = []

    def check(resource_type: str, method: str, owner: str | None) -> None:
        asked.append((resource_type, method, owner))
        if owner == "qingshan":
            raise Forbidden("Not yours.")

    outcome = county.create(patient(), by=QINGSHAN)
    county.submit(create(observation()), update(patient(id="new")), by=BAIHE, check=check)
    assert asked == [("Observation", "POST", None), ("Patient", "PUT", None)]
    for change in (update(patient(id=outcome.id)), delete(outcome.reference)):
        with pytest.raises(Forbidden):
            county.one(change, by=BAIHE, check=check)
    assert county.read(outcome.reference)["meta"]["versionId"] == "1"


def test_what_the_caller_may_not_read_is_not_there_to_change(county: County) -> None:
    outcome = county.create(patient(), by=QINGSHAN)
    for change in (update(patient(id=outcome.id, gender="male")), delete(outcome.reference)):
        with pytest.raises(NotFound):
            county.one(change, by=BAIHE, scope=OWN["baihe"])
    assert county.one(update(patient(id=outcome.id, gender="male")), by=CENTRE, scope=Scope(None)).version == 2


def test_a_resource_of_another_clinics_patient_is_refused_by_path(county: County) -> None:
    theirs = county.create(patient(), by=BAIHE)
    ours = county.create(patient(), by=QINGSHAN)
    with pytest.raises(Incorrect) as refusal:
        county.create(observation(theirs.reference), by=QINGSHAN, own_patients_only=True)
    assert refusal.value.http_status == 422
    assert refusal.value.where == "Observation.subject"
    assert theirs.id not in f"{refusal.value.what}{refusal.value.remedy}"
    assert county.create(observation(ours.reference), own_patients_only=True).status == 201
    assert county.create(observation("Patient/unknown"), own_patients_only=True).status == 201
    assert county.create(observation(theirs.reference), by=CENTRE).status == 201


def test_wrong_bodies_are_refused_before_anything_is_kept(county: County) -> None:
    for body, status in ((b"{", 400), (b'{"resourceType":"Patient","x":1}', 422), (b"", 400), (b"[]", 400)):
        with pytest.raises(Incorrect) as refusal:
            county.one(Entry(Method.CREATE, "Patient", body))
        assert refusal.value.http_status in {status, 422}
    assert county.store.last_sequence() == 0


def test_times_rise_with_the_log(county: County) -> None:
    outcomes = [county.create(patient(str(number))) for number in range(5)]
    times = [one.last_updated for one in outcomes]
    assert times == sorted(set(times))


def test_the_change_log_tells_every_version_once_in_order(county: County) -> None:
    first = county.create(patient(), by=QINGSHAN)
    second = county.create(observation(first.reference), by=BAIHE)
    county.one(delete(first.reference), by=QINGSHAN)
    changes = county.store.changes_since(0, 10)
    assert [
        (one.sequence, one.type, one.version, one.deleted, one.owner, one.sender, one.patient) for one in changes
    ] == [
        (1, "Patient", 1, False, "qingshan", "qingshan-his", first.id),
        (2, "Observation", 1, False, "baihe", "baihe-his", first.id),
        (3, "Patient", 2, True, "qingshan", "qingshan-his", first.id),
    ]
    assert changes[1].id == second.id
    assert [one.sequence for one in county.store.changes_since(1, 1)] == [2]
    assert county.store.changes_since(3, 10) == []
    assert county.store.last_sequence() == 3
