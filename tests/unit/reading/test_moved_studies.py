"""What follows a study that is moved to the right patient, or taken away."""

from collections.abc import Callable
from typing import Any

from hub.contracts.codes import DICOM_UID
from hub.contracts.submission import Channel

County = Any
Report = Callable[..., dict[str, Any]]


def patient(id_: str) -> dict[str, Any]:
    return {"resourceType": "Patient", "id": id_, "name": [{"text": id_}]}


def study_of(patient_id: str, status: str = "available") -> dict[str, Any]:
    return {
        "resourceType": "ImagingStudy", "id": "s1", "status": status, "subject": {"reference": f"Patient/{patient_id}"},
        "identifier": [{"system": DICOM_UID, "value": "urn:oid:2.25.2"}],
    }  # fmt: skip


def moved(county: County, patient_id: str, status: str = "available") -> None:
    county.send("clinic", study_of(patient_id, status), channel=Channel.DICOM)


def reported(county: County, report: Report) -> str:
    (task,) = county.tasks()
    county.send("centre", task | {"status": "in-progress"}, if_match=1)
    measured = {
        "resourceType": "Observation", "id": "o1", "status": "final", "code": {"text": "结节"},
        "subject": {"reference": "Patient/p1"}, "valueQuantity": {"value": 19.0},
    }  # fmt: skip
    about = report(imagingStudy=[{"reference": "ImagingStudy/s1"}], result=[{"reference": "Observation/o1"}])
    sent = county.send("centre", measured, about)
    done = county.read(f"Task/{task['id']}") | {"status": "completed", "output": [{
        "type": {"text": "report"}, "valueReference": {"reference": sent[1].reference}}]}  # fmt: skip
    county.send("centre", done)
    return str(sent[1].reference)


def test_the_task_follows_its_study_to_another_patient_and_back(county: County) -> None:
    county.study()
    county.send("clinic", patient("p2"))
    moved(county, "p2")
    (task,) = county.tasks()
    assert task["for"] == {"reference": "Patient/p2"}
    county.send("centre", task | {"status": "in-progress"}, if_match=2)
    moved(county, "p1")
    (task,) = county.tasks()
    assert (task["for"], task["status"]) == ({"reference": "Patient/p1"}, "in-progress")


def test_the_report_and_its_results_follow_and_keep_their_digits(county: County, report: Report) -> None:
    county.study()
    county.send("clinic", patient("p2"))
    name = reported(county, report)
    before = county.read("Observation/o1")
    moved(county, "p2")
    assert county.read(name)["subject"] == {"reference": "Patient/p2"}
    after = county.read("Observation/o1")
    assert after["subject"] == {"reference": "Patient/p2"}
    assert after["valueQuantity"] == before["valueQuantity"]
    moved(county, "p1")
    assert county.read(name)["subject"] == {"reference": "Patient/p1"}


def test_a_report_on_two_studies_is_left_to_a_person(county: County, report: Report) -> None:
    county.study()
    county.study("s22")
    county.send("clinic", patient("p2"))
    both = [{"reference": "ImagingStudy/s1"}, {"reference": "ImagingStudy/s22"}]
    (sent,) = county.send("centre", report(imagingStudy=both))
    moved(county, "p2")
    assert county.read(sent.reference)["subject"] == {"reference": "Patient/p1"}


def test_of_a_study_that_is_gone_nothing_is_to_be_read_until_it_comes_back(county: County) -> None:
    county.study()
    (task,) = county.tasks()
    moved(county, "p1", "entered-in-error")
    assert county.read(f"Task/{task['id']}")["status"] == "cancelled"
    assert county.tasks() == []
    moved(county, "p1")
    (again,) = county.tasks()
    assert (again["status"], again["id"] == task["id"]) == ("requested", False)
