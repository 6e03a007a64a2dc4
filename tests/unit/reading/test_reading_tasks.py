"""From the study to the report: the Task is opened, claimed and completed inside the commits that concern it."""

from collections.abc import Callable
from typing import Any

import pytest

from hub.contracts.caller import Scope
from hub.contracts.codes import EXTENSION, READ_STUDY, TASK_CODE
from hub.contracts.errors import Conflict, ExchangeError, Forbidden, Incorrect, NotFound, Precondition
from hub.contracts.submission import Channel
from hub.fhir.model import decode

County = Any
Report = Callable[..., dict[str, Any]]

OF_STUDY = {"imagingStudy": [{"reference": "ImagingStudy/s1"}]}
CLINIC_SCOPE = Scope(owners=frozenset({"qingshan"}))


def claimed(task: dict[str, Any], centre: str = "imaging-centre") -> dict[str, Any]:
    owner = {"reference": f"Organization/{centre}", "display": "李文"}
    return {**task, "status": "in-progress", "owner": owner}


def completed(task: dict[str, Any], report: str) -> dict[str, Any]:
    return {**task, "status": "completed",
            "output": [{"type": {"text": "report"}, "valueReference": {"reference": report}}]}  # fmt: skip


def claim(county: County) -> dict[str, Any]:
    (task,) = county.tasks()
    county.send("centre", claimed(task), if_match=1)
    (task,) = county.tasks()
    return dict(task)


@pytest.mark.parametrize("channel", [Channel.DICOM, Channel.ECG])
def test_a_study_through_the_gateway_or_an_ecg_opens_one_task(county: County, channel: Channel) -> None:
    county.study(channel=channel)
    (task,) = county.tasks()
    decode(county.store.read("Task", task["id"], CLINIC_SCOPE).body, "Task")
    assert task["status"] == "requested"
    assert task["code"]["coding"][0] == {"system": TASK_CODE, "code": READ_STUDY, "display": "Read study"}
    assert task["focus"]["reference"] == "ImagingStudy/s1"
    assert task["for"]["reference"] == "Patient/p1"
    assert task["requester"]["reference"] == "Organization/qingshan"
    assert task["priority"] == "routine"
    assert "owner" not in task


def test_a_study_merely_posted_by_fhir_opens_none(county: County) -> None:
    county.study(channel=Channel.FHIR)
    assert county.tasks() == []


def test_a_new_version_of_a_study_opens_no_second_task(county: County) -> None:
    county.study()
    county.study(description="with late instances")
    assert len(county.tasks()) == 1


def test_a_study_that_has_its_final_report_opens_none(county: County, report: Report) -> None:
    county.study(channel=Channel.FHIR)
    county.send("clinic", report(**OF_STUDY))
    county.study(description="through the gateway")
    assert county.tasks() == []


def test_a_preliminary_report_leaves_the_study_to_be_read(county: County, report: Report) -> None:
    county.study(channel=Channel.FHIR)
    county.send("clinic", report("preliminary", **OF_STUDY))
    county.study(description="through the gateway")
    assert len(county.tasks()) == 1


def test_a_report_on_the_order_alone_counts_for_its_study(county: County, report: Report) -> None:
    order = [{"reference": "ServiceRequest/order1"}]
    county.study(channel=Channel.FHIR)
    county.order()
    county.send("clinic", report(basedOn=order))
    county.study(basedOn=order)
    assert county.tasks() == []


def test_a_report_on_one_study_of_an_order_does_not_close_the_other(county: County, report: Report) -> None:
    order = [{"reference": "ServiceRequest/order1"}]
    county.study(channel=Channel.FHIR)
    county.order()
    county.study(channel=Channel.FHIR, basedOn=order)
    county.send("clinic", report(basedOn=order, **OF_STUDY))
    county.study("s22", basedOn=order)
    assert [task["focus"]["reference"] for task in county.tasks()] == ["ImagingStudy/s22"]


def test_an_emergency_and_a_stat_order_make_the_task_stat(county: County) -> None:
    county.study(extension=[{"url": f"{EXTENSION}/emergency", "valueBoolean": True}])
    county.order(priority="stat")
    county.study("s22", basedOn=[{"reference": "ServiceRequest/order1"}])
    assert [task["priority"] for task in county.tasks()] == ["stat", "stat"]


def test_the_first_claim_wins_and_the_second_reader_gets_412(county: County) -> None:
    county.study()
    (task,) = county.tasks()
    county.send("centre", claimed(task), if_match=1)
    with pytest.raises(Precondition):
        county.send("other-centre", claimed(task, "second-centre"), if_match=1)
    (now,) = county.tasks()
    assert now["owner"]["reference"] == "Organization/imaging-centre"


def test_a_claim_without_if_match_is_refused(county: County) -> None:
    county.study()
    with pytest.raises(Precondition):
        county.send("centre", claimed(county.tasks()[0]))
    assert county.tasks()[0]["status"] == "requested"


def test_report_and_task_in_one_transaction_complete_the_work(county: County, report: Report) -> None:
    county.study()
    task = claim(county)
    url = "urn:uuid:6f1c4b0e-0000-4000-8000-000000000001"
    outcomes = county.send("centre", completed(task, url), {**report(**OF_STUDY), "_url": url}, if_match=2)
    (done,) = county.tasks()
    assert done["status"] == "completed"
    assert done["output"][0]["valueReference"]["reference"] in {f"{one.type}/{one.id}" for one in outcomes}
    assert county.store.side_rows("SELECT status FROM reading_task") == [("completed",)]


def test_without_a_final_report_the_task_is_not_completed_and_nothing_is_kept(county: County, report: Report) -> None:
    county.study()
    task = claim(county)
    url = "urn:uuid:6f1c4b0e-0000-4000-8000-000000000002"
    before = county.store.last_sequence()
    for bad in (report("preliminary", **OF_STUDY), report()):
        with pytest.raises(Incorrect) as refusal:
            county.send("centre", {**bad, "_url": url}, completed(task, url), if_match=2)
        assert refusal.value.where == "Task.output"
    assert county.store.last_sequence() == before
    assert county.tasks()[0]["status"] == "in-progress"


def test_another_centre_does_not_complete_the_task(county: County, report: Report) -> None:
    county.study()
    task = claim(county)
    url = "urn:uuid:6f1c4b0e-0000-4000-8000-000000000003"
    with pytest.raises(Forbidden):
        county.send("other-centre", {**report(**OF_STUDY), "_url": url}, completed(task, url), if_match=2)


def test_a_task_given_back_can_be_claimed_again(county: County) -> None:
    county.study()
    task = claim(county)
    released = {name: value for name, value in task.items() if name != "owner"} | {"status": "requested"}
    county.send("centre", released, if_match=2)
    county.send("other-centre", claimed(county.tasks()[0], "second-centre"), if_match=3)
    assert county.tasks()[0]["owner"]["reference"] == "Organization/second-centre"


def test_a_task_is_about_its_study_and_its_patient_for_good(county: County) -> None:
    county.study()
    county.study("s22")
    first = next(task for task in county.tasks() if task["focus"]["reference"] == "ImagingStudy/s1")
    for change in ({"focus": {"reference": "ImagingStudy/s22"}}, {"code": {"text": "other"}}):
        with pytest.raises(Incorrect):
            county.send("centre", {**claimed(first), **change}, if_match=1)


def test_a_clinic_may_ask_for_a_report_on_its_own_study_once(county: County) -> None:
    county.study(channel=Channel.FHIR)
    asked = {
        "resourceType": "Task", "status": "requested", "intent": "order",
        "code": {"coding": [{"system": TASK_CODE, "code": READ_STUDY}]}, "focus": {"reference": "ImagingStudy/s1"},
        "for": {"reference": "Patient/p1"},
    }  # fmt: skip
    with pytest.raises(Forbidden):
        county.send("other-clinic", asked)
    with pytest.raises(Incorrect):
        county.send("clinic", {**asked, "status": "in-progress"})
    county.send("clinic", asked)
    with pytest.raises(Conflict):
        county.send("clinic", asked)
    assert len(county.tasks()) == 1


def test_other_tasks_are_nobodys_business_here(county: County) -> None:
    county.study(channel=Channel.FHIR)
    county.send("clinic", {"resourceType": "Task", "id": "t9", "status": "draft", "intent": "plan"})
    county.send("clinic", {"resourceType": "Task", "id": "t9", "status": "completed", "intent": "plan"})
    assert county.tasks() == []


def test_a_final_report_and_its_results_are_readable_for_who_sent_the_study(county: County, report: Report) -> None:
    county.study()
    result = {
        "resourceType": "Observation", "id": "o1", "status": "final", "code": {"text": "结节"},
        "subject": {"reference": "Patient/p1"},
    }  # fmt: skip
    draft = {**report("preliminary", **OF_STUDY, result=[{"reference": "Observation/o1"}]), "id": "r1"}
    county.send("centre", result, draft)
    for reference in ("DiagnosticReport/r1", "Observation/o1"):
        with pytest.raises(NotFound):
            county.read(reference, CLINIC_SCOPE)
    county.send("centre", {**draft, "status": "final"})
    for reference in ("DiagnosticReport/r1", "Observation/o1"):
        county.read(reference, CLINIC_SCOPE)
        with pytest.raises(NotFound):
            county.read(reference, Scope(owners=frozenset({"baihe"})))


def test_a_report_that_names_its_study_by_uid_alone_counts_too(county: County, report: Report) -> None:
    county.study()
    (study,) = county.read("ImagingStudy/s1")["identifier"]
    county.send("centre", {**report(imagingStudy=[{"identifier": study}]), "id": "r1"})
    county.read("DiagnosticReport/r1", CLINIC_SCOPE)


def test_who_ordered_may_read_the_report_too(county: County, report: Report) -> None:
    county.study()
    county.order(who="other-clinic")
    county.send("centre", {**report(**OF_STUDY, basedOn=[{"reference": "ServiceRequest/order1"}]), "id": "r1"})
    county.read("DiagnosticReport/r1", Scope(owners=frozenset({"baihe"})))


def test_a_reading_task_is_cancelled_by_its_sender_and_not_deleted(county: County) -> None:
    from datetime import UTC, datetime

    from hub.contracts.caller import Caller, Role
    from hub.contracts.submission import Entry, Method, Origin, Submission

    county.study()
    (task,) = county.tasks()
    origin = Origin(Caller("qingshan", Role.CLINIC, "qingshan"), Channel.FHIR, datetime.now(UTC))
    with pytest.raises(ExchangeError):
        submission = Submission((Entry(Method.DELETE, "Task", id=task["id"]),), origin)
        county.store.submit(county.store.prepare(submission)).result()
    county.send("clinic", {**task, "status": "cancelled"})
    assert county.tasks()[0]["status"] == "cancelled"


BASED_ON = {"basedOn": [{"reference": "ServiceRequest/order1"}]}


def test_a_final_report_completes_its_order_and_a_preliminary_one_does_not(county: County, report: Report) -> None:
    county.study()
    county.order(quantityQuantity={"value": 1})
    draft = {**report("preliminary", **OF_STUDY, **BASED_ON), "id": "r1"}
    county.send("centre", draft)
    assert county.read("ServiceRequest/order1")["status"] == "active"
    county.send("centre", {**draft, "status": "final"})
    order = county.read("ServiceRequest/order1")
    assert (order["status"], order["meta"]["versionId"], order["quantityQuantity"]) == ("completed", "2", {"value": 1})
    county.send("centre", {**draft, "status": "amended"})
    assert county.read("ServiceRequest/order1")["meta"]["versionId"] == "2"


@pytest.mark.parametrize(
    "more",
    [{"status": "revoked"}, {"intent": "proposal"}, {"occurrenceTiming": {"repeat": {"frequency": 1, "period": 1,
      "periodUnit": "mo"}}}],
)  # fmt: skip
def test_an_order_that_is_over_or_recurs_or_is_none_stays_as_it_is(
    county: County, report: Report, more: dict[str, Any]
) -> None:
    county.study(channel=Channel.FHIR)
    county.order(**more)
    county.send("centre", report(**BASED_ON))
    assert county.read("ServiceRequest/order1")["meta"]["versionId"] == "1"


def test_a_stranger_completes_nobodys_order_and_who_is_asked_to_perform_it_does(county: County, report: Report) -> None:
    county.study(channel=Channel.FHIR)
    county.order()
    county.order("order2", performer=[{"reference": "Organization/baihe"}])
    both = [{"reference": "ServiceRequest/order1"}, {"reference": "ServiceRequest/order2"}]
    county.send("other-clinic", report(basedOn=both))
    assert county.read("ServiceRequest/order1")["status"] == "active"
    assert county.read("ServiceRequest/order2")["status"] == "completed"


def test_a_tracing_that_names_its_order_by_the_placers_number_has_its_urgency(county: County) -> None:
    number = {"system": "urn:placer", "value": "P1"}
    county.study(channel=Channel.FHIR)
    county.order(priority="stat", identifier=[number])
    county.study("s22", channel=Channel.ECG, basedOn=[{"type": "ServiceRequest", "identifier": number}])
    (task,) = county.tasks()
    assert (task["priority"], task["basedOn"]) == ("stat", [{"reference": "ServiceRequest/order1"}])
