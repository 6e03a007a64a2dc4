"""Which versions of which reports are queued, for whom."""

import asyncio
import json
from typing import Any

import pytest

from hub.contracts.caller import Scope
from hub.contracts.errors import NotFound
from hub.delivery.follower import DeliveryFollower, delivery_key
from hub.delivery.following import follow

County = Any
HOOK = "http://127.0.0.1:9/reports"


@pytest.fixture
def county(county: County) -> County:
    county.registry.urls["qingshan"] = [HOOK]
    county.study()
    return county


def payload(county: County) -> Any:
    return json.loads(county.store.side_rows("SELECT payload FROM delivery_item")[0][0])


@pytest.mark.parametrize("status", ["final", "amended", "corrected", "appended"])
def test_a_final_report_of_the_centre_is_queued_for_who_sent_the_study(county: County, status: str) -> None:
    county.report(status=status)
    county.follow()
    assert county.items() == [("r1", 1, "waiting")]


@pytest.mark.parametrize("status", ["registered", "partial", "preliminary", "cancelled", "entered-in-error"])
def test_what_is_not_final_is_not_sent(county: County, status: str) -> None:
    county.report(status=status)
    county.follow()
    assert county.items() == []


@pytest.mark.parametrize("status", ["cancelled", "entered-in-error"])
def test_what_was_sent_and_then_withdrawn_is_told(county: County, status: str) -> None:
    county.report()
    county.follow()
    county.report(status=status)
    county.follow()
    county.follow()
    assert county.items() == [("r1", 1, "waiting"), ("r1", 2, "waiting")]


def test_each_version_is_queued_once_however_often_the_log_is_read(county: County) -> None:
    county.report()
    county.follow()
    county.report(status="amended")
    county.follow()
    county.follow()
    assert county.items() == [("r1", 1, "waiting"), ("r1", 2, "waiting")]


def test_a_clinics_own_report_and_one_that_answers_nothing_go_nowhere(county: County) -> None:
    county.report("own", who="clinic")
    county.report("loose", imagingStudy=[])
    county.follow()
    assert county.items() == []


def test_without_a_registered_place_nothing_is_queued(county: County) -> None:
    county.registry.urls.clear()
    county.report()
    county.follow()
    assert county.items() == []


def test_every_place_of_the_organization_is_served(county: County) -> None:
    county.registry.urls["qingshan"].append("mllp://127.0.0.1:9")
    county.report()
    county.follow()
    assert county.items() == [("r1", 1, "waiting")] * 2


def test_who_ordered_gets_the_report_too(county: County) -> None:
    county.registry.urls["county-hospital"] = ["http://127.0.0.1:9/hospital"]
    order = {
        "resourceType": "ServiceRequest", "id": "o1", "status": "active", "intent": "order",
        "subject": {"reference": "Patient/p1"},
    }  # fmt: skip
    county.send("hospital", order)
    county.report(basedOn=[{"reference": "ServiceRequest/o1"}])
    county.follow()
    rows = county.store.side_rows("SELECT organization FROM delivery_item ORDER BY organization")
    assert rows == [("county-hospital",), ("qingshan",)]


def test_an_order_named_by_identifier_counts_where_it_is_the_only_one(county: County) -> None:
    county.registry.urls = {"county-hospital": ["http://127.0.0.1:9/hospital"], "qingshan": [HOOK]}
    number = {"system": "urn:hospital:orders", "value": "A|1,2"}

    def order(who: str, id_: str) -> None:
        county.send(who, {"resourceType": "ServiceRequest", "id": id_, "status": "active", "intent": "order",
                          "subject": {"reference": "Patient/p1"}, "identifier": [number]})  # fmt: skip

    order("hospital", "o1")
    county.report("r1", imagingStudy=[], basedOn=[{"identifier": number}])
    county.report("r2", imagingStudy=[], basedOn=[{"identifier": {"value": number["value"]}}])
    county.follow()
    assert county.items() == [("r1", 1, "waiting")]
    order("clinic", "o2")
    county.report("r3", imagingStudy=[], basedOn=[{"identifier": number}])
    county.follow()
    assert county.items() == [("r1", 1, "waiting")]


def test_a_platform_carries_and_reads_the_report_for_an_owner_without_a_place(county: County) -> None:
    county.registry.urls = {"district-platform": ["http://127.0.0.1:9/district"]}
    county.study("district", owner="township-7")
    county.send("district", {"resourceType": "ImagingStudy", "id": "s7", "status": "available",
                             "subject": {"reference": "Patient/p1"}}, owner="township-7")  # fmt: skip
    county.report(imagingStudy=[{"reference": "ImagingStudy/s7"}])
    county.follow()
    assert county.store.side_rows("SELECT organization FROM delivery_item") == [("district-platform",)]
    county.store.read("DiagnosticReport", "r1", Scope(owners=frozenset({"district-platform"})))
    with pytest.raises(NotFound):
        county.store.read("DiagnosticReport", "r1", Scope(owners=frozenset({"somebody-else"})))


def test_the_bundle_carries_results_patient_and_study_but_no_other_clinics_records(county: County) -> None:
    result = {"resourceType": "Observation", "id": "o1", "status": "final", "code": {"text": "结节"},
              "subject": {"reference": "Patient/p1"}}  # fmt: skip
    elsewhere = {"resourceType": "Practitioner", "id": "d1", "name": [{"text": "张"}]}
    county.send("centre", result)
    county.send("hospital", elsewhere)
    county.report(result=[{"reference": "Observation/o1"}], performer=[{"reference": "Practitioner/d1"}])
    county.follow()
    kinds = {entry["resource"]["resourceType"] for entry in payload(county)["entry"]}
    assert kinds == {"DiagnosticReport", "Observation", "Patient", "ImagingStudy"}


def test_a_report_that_cannot_be_translated_is_seen_and_holds_nobody_up(county: County) -> None:
    county.registry.urls["qingshan"] = ["mllp://127.0.0.1:9"]
    county.report("bad", conclusion="untranslatable")
    county.report("good")
    county.follow()
    assert county.items() == [("bad", 1, "dead"), ("good", 1, "waiting")]


def test_the_key_is_the_same_for_ever_and_different_for_every_version_and_place() -> None:
    key = delivery_key("r1", 1, HOOK)
    assert key == delivery_key("r1", 1, HOOK)
    assert len(key) == 20 and key.isalnum()
    assert len({key, delivery_key("r1", 2, HOOK), delivery_key("r2", 1, HOOK), delivery_key("r1", 1, HOOK + "/x")}) == 4


def test_the_log_is_followed_from_where_the_last_run_ended(county: County) -> None:
    seen: list[str] = []

    class Watching(DeliveryFollower):
        def follow(self, changes: Any) -> None:
            changes = list(changes)
            seen.extend(f"{change.id}/{change.version}" for change in changes)
            super().follow(changes)

    async def run(wanted: int) -> None:
        stop = asyncio.Event()
        follower = Watching(county.store, county.registry, lambda resources, control_id: b"")
        running = asyncio.create_task(
            follow(county.store, county.cursors(), follower, stop, types=frozenset({"DiagnosticReport"}),
                   poll_seconds=0.01)
        )  # fmt: skip
        for _ in range(1000):
            if len(seen) >= wanted and county.cursors().load("delivery") == county.store.last_sequence():
                break
            await asyncio.sleep(0.01)
        stop.set()
        await running

    county.report()
    asyncio.run(run(1))
    county.restart()
    county.report(status="amended")
    asyncio.run(run(2))
    assert seen == ["r1/1", "r1/2"]
    assert [version for _, version, _ in county.items()] == [1, 2]
