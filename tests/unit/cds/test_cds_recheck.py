"""Exam rows in the commit of their resources, and the recheck of orders that arrive."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from hub.contracts.caller import Caller, Role
from hub.contracts.errors import NotFound
from hub.contracts.submission import Channel, Entry, Method, Origin, Submission
from hub.exams.cli import import_windows

from .county import County, ago, order, organization, patient, report


def _issue(county: County, number: str) -> dict[str, Any] | None:
    found = hashlib.sha256(f"ServiceRequest/{number}".encode()).hexdigest()[:24]
    try:
        return county.read("DetectedIssue", f"dup-{found}")
    except NotFound:
        return None


def _place(county: County, number: str, name: str, organization: str = "hospital", **more: Any) -> None:
    placed = order(number, name, **({"status": "active", "authoredOn": ago(seconds=1)} | more))
    county.send(placed, organization=organization, role=Role.PHYSICIAN)


def test_an_order_that_duplicates_brings_a_detected_issue(county: County) -> None:
    county.send(report("r1", "胸部CT平扫"))
    _place(county, "o1", "胸部CT平扫")
    issue = _issue(county, "o1")
    assert issue is not None
    assert issue["code"]["coding"][0]["code"] == "DUPTHPY"
    assert [each["reference"] for each in issue["implicated"]] == ["ServiceRequest/o1", "DiagnosticReport/r1"]
    assert issue["patient"]["reference"] == "Patient/p1"


def test_an_order_that_does_not_duplicate_brings_none(county: County) -> None:
    county.send(report("r1", "头颅CT"))
    _place(county, "o1", "胸部CT平扫")
    assert _issue(county, "o1") is None


@pytest.mark.parametrize("more", [{"status": "draft"}, {"status": "completed"}, {"authoredOn": ago(days=40)}])
def test_what_is_not_ordered_now_is_not_checked_again(county: County, more: dict[str, Any]) -> None:
    county.send(report("r1", "胸部CT平扫"))
    _place(county, "o1", "胸部CT平扫", **more)
    assert _issue(county, "o1") is None


def test_history_that_a_platform_loads_is_not_checked(county: County) -> None:
    county.send(report("r1", "胸部CT平扫"))
    county.send(order("o1", "胸部CT平扫", status="active"), organization="vendor", role=Role.PLATFORM)
    assert _issue(county, "o1") is None


def test_of_two_clinics_that_order_at_the_same_moment_one_is_told(county: County) -> None:
    county.send(patient("p2"), organization="clinic-b")

    def place(which: tuple[str, str, str]) -> None:
        number, owner, who = which
        _place(county, number, "胸部CT平扫", organization=owner, subject={"reference": f"Patient/{who}"})

    for turn in range(5):
        names = [(f"a{turn}", "clinic", "p1"), (f"b{turn}", "clinic-b", "p2")]
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(place, names))
        assert any(_issue(county, number) for number, _, _ in names)


def test_of_two_equal_orders_in_one_bundle_the_later_is_told(county: County) -> None:
    both = [order(number, "胸部CT平扫", status="active", authoredOn=ago(seconds=1)) for number in ("o1", "o2")]
    county.send(*both, organization="hospital", role=Role.PHYSICIAN)
    assert _issue(county, "o1") is None and _issue(county, "o2") is not None


def test_a_changed_report_replaces_its_row(county: County) -> None:
    county.send(report("r1", "胸部CT平扫"))
    county.send(report("r1", "头颅CT平扫"))
    assert county.cards(order("a", "胸部CT平扫")) == []
    assert len(county.cards(order("a", "头颅CT平扫"))) == 1


def test_a_deleted_report_is_no_prior(county: County) -> None:
    county.send(report("r1", "胸部CT平扫"))
    origin = Origin(Caller("clinic-feed", Role.CLINIC, "clinic"), Channel.FHIR, county.checker._now())
    gone = Submission((Entry(Method.DELETE, "DiagnosticReport", id="r1"),), origin)
    county.store.submit(county.store.prepare(gone)).result(10)
    assert county.store.side_rows("SELECT * FROM exams_row") == []
    assert county.cards(order("a", "胸部CT平扫")) == []


def test_a_report_that_comes_after_its_results_claims_them(county: County) -> None:
    result = {
        "resourceType": "Observation", "id": "o1", "status": "final", "code": {"text": "肌酐"},
        "subject": {"reference": "Patient/p1"}, "effectiveDateTime": ago(days=1),
        "valueQuantity": {"value": 80},
    }  # fmt: skip
    county.send(result)
    county.send(report("r1", "肾功能", result=[{"reference": "Observation/o1"}]))
    [card] = county.cards(order("a", "肌酐"))
    assert card["extension"]["hub.verdict"]["priors"] == ["DiagnosticReport/r1"]
    county.send(result | {"valueQuantity": {"value": 90}})
    [card] = county.cards(order("a", "肌酐"))
    assert card["extension"]["hub.verdict"]["priors"] == ["DiagnosticReport/r1"]


def test_a_clotted_specimen_makes_no_prior(county: County) -> None:
    specimen = {
        "resourceType": "Specimen", "id": "s1", "status": "available", "subject": {"reference": "Patient/p1"},
        "collection": {"collectedDateTime": ago(days=1)},
    }  # fmt: skip
    result = {
        "resourceType": "Observation", "id": "o1", "status": "final", "code": {"text": "肌酐"},
        "subject": {"reference": "Patient/p1"}, "effectiveDateTime": ago(hours=2),
        "specimen": {"reference": "Specimen/s1"}, "valueQuantity": {"value": 80},
    }  # fmt: skip
    county.send(specimen, result)
    assert len(county.cards(order("a", "肌酐"))) == 1
    county.send(specimen | {"status": "unsatisfactory"})
    assert county.cards(order("a", "肌酐")) == []


def test_the_anchor_is_the_collection_not_the_report(county: County) -> None:
    specimen = {
        "resourceType": "Specimen", "id": "s1", "status": "available", "subject": {"reference": "Patient/p1"},
        "collection": {"collectedDateTime": ago(days=9)},
    }  # fmt: skip
    result = {
        "resourceType": "Observation", "id": "o1", "status": "final", "code": {"text": "钾"},
        "subject": {"reference": "Patient/p1"}, "effectiveDateTime": ago(days=1),
        "specimen": {"reference": "Specimen/s1"}, "valueQuantity": {"value": 4.1},
    }  # fmt: skip
    county.send(specimen, result)
    assert county.cards(order("a", "钾")) == []


def test_a_site_window_holds_at_once(county: County) -> None:
    county.send(report("r1", "胸部CT平扫"))
    admin = Caller("operator", Role.ADMIN, "hospital")
    import_windows(county.store, admin, "item,min_days,limit_days\n胸部CT平扫,2,3\n", "organization", "hospital")
    assert county.cards(order("a", "胸部CT平扫")) == []
    import_windows(county.store, admin, "item,min_days,limit_days\n胸部CT平扫,2,28\n", "organization", "hospital")
    [card] = county.cards(order("a", "胸部CT平扫"))
    assert card["extension"]["hub.verdict"]["verdict"] == "reusable" and card["indicator"] == "info"
    assert "+" in card["extension"]["hub.verdict"]["tables"]
    import_windows(county.store, admin, "", "organization", "hospital")
    assert county.cards(order("a", "胸部CT平扫"))[0]["indicator"] == "warning"


def test_a_consortium_window_holds_for_its_members_alone(county: County) -> None:
    county.send(report("r1", "胸部CT平扫"), organization("lianheti", "医共体"))
    county.send(
        organization("hospital", "县人民医院", partOf={"reference": "Organization/lianheti"}), organization="hospital"
    )
    county.send(organization("clinic", "卫生院", partOf={"reference": "Organization/lianheti"}), organization="clinic")
    admin = Caller("operator", Role.ADMIN, "hospital")
    table = "item,min_days,limit_days\n胸部CT平扫,2,3\n"
    import_windows(county.store, admin, table, "consortium", "elsewhere")
    assert len(county.cards(order("a", "胸部CT平扫"))) == 1
    import_windows(county.store, admin, table, "consortium", "lianheti")
    assert county.cards(order("a", "胸部CT平扫")) == []
