"""From the physician's order to the modality's list and back: a real hub, DCMTK's findscu as the modality."""

import re
import shutil
import subprocess
import uuid
from typing import Any

import pytest
from pydicom.dataset import Dataset
from pynetdicom import AE

from tests.journeys.county import County
from tests.journeys.running_hub import wait_for

MPPS = "1.2.840.10008.3.1.2.3.3"
pytestmark = pytest.mark.skipif(shutil.which("findscu") is None, reason="DCMTK is not installed")


def worklist(county: County, patient_number: str, ae_title: str = "QINGSHAN", modality: str = "") -> list[str]:
    """Accession numbers that the device sees for a patient."""
    host, port = str(county.hub.doors["dicom"]).rsplit(":", 1)
    command = ["findscu", "-v", "-W", "-aet", ae_title, "-aec", "HUB", host, port, "-k", f"PatientID={patient_number}",
               "-k", "AccessionNumber", "-k", f"ScheduledProcedureStepSequence[0].Modality={modality}"]  # fmt: skip
    done = subprocess.run(command, capture_output=True, check=True, timeout=30)
    said = (done.stdout + done.stderr).decode("gb18030", "replace").split("(Pending)")[1:]
    return [found[1].strip() for one in said if (found := re.search(r"\(0008,0050\) SH \[([^\]]+)\]", one))]


def admitted(county: County) -> tuple[str, dict[str, Any]]:
    number = county.new("W")
    return number, county.admit(number, county.resident())


def test_an_order_stands_on_the_clinics_worklist_until_it_is_revoked(county: County) -> None:
    number, patient = admitted(county)
    order = county.order("qingshan", patient["id"], "胸部正位片", occurrenceDateTime="2026-12-01T09:30:00+08:00")
    (accession,) = worklist(county, number)
    assert worklist(county, number, modality="DX") == worklist(county, number, modality="CR") == [accession]
    assert worklist(county, number, modality="CT") == worklist(county, number, "BAIHE") == []
    shown = county.get("qingshan", "/dicom-web/worklist", **{"ae-title": "QINGSHAN"})
    assert f"ServiceRequest/{order['id']}" in [one["order"] for one in shown["orders"] if one["shown"]]
    county.ask("qingshan", "PUT", f"/fhir/ServiceRequest/{order['id']}", json=order | {"status": "revoked"})
    assert wait_for(lambda: worklist(county, number) == [], 5)


def test_images_of_an_order_are_tied_to_it_and_its_report_ends_it(county: County) -> None:
    number, patient = admitted(county)
    order = county.order("qingshan", patient["id"], "胸部正位片")
    (accession,) = worklist(county, number)
    image = county.image(number, AccessionNumber=accession)
    uid = f"urn:dicom:uid|urn:oid:{image.StudyInstanceUID}"
    (study,) = wait_for(lambda: county.find("qingshan", "ImagingStudy", identifier=uid))
    assert study["basedOn"][0]["reference"] == f"ServiceRequest/{order['id']}"
    (task,) = wait_for(lambda: county.find("qingshan", "Task", focus=f"ImagingStudy/{study['id']}"))
    assert task["basedOn"] == [{"reference": f"ServiceRequest/{order['id']}"}]


def test_images_under_anothers_accession_number_are_not_tied_to_the_order(county: County) -> None:
    number, patient = admitted(county)
    county.order("qingshan", patient["id"], "胸部正位片")
    (accession,) = worklist(county, number)
    image = county.image(county.new("W"), AccessionNumber=accession)
    uid = f"urn:dicom:uid|urn:oid:{image.StudyInstanceUID}"
    (study,) = wait_for(lambda: county.find("qingshan", "ImagingStudy", identifier=uid))
    assert "reference" not in study["basedOn"][0]


def test_a_modality_takes_its_order_off_the_list_and_ends_it(county: County) -> None:
    number, patient = admitted(county)
    order = county.order("qingshan", patient["id"], "胸部正位片")
    (accession,) = worklist(county, number)
    study = f"2.25.{uuid.uuid4().int}"
    step = perform(county, number, accession, study)
    assert wait_for(lambda: worklist(county, number) == [], 5)
    (task,) = county.find("qingshan", "Task", focus=f"ServiceRequest/{order['id']}")
    assert task["status"] == "in-progress"
    county.image(number, AccessionNumber=accession, StudyInstanceUID=study)
    perform(county, number, accession, study, end=step)
    wait_for(lambda: read(county, order)["status"] == "completed", 5)
    assert read(county, order)["status"] == "completed"
    assert county.get("qingshan", f"/fhir/Task/{task['id']}")["status"] == "completed"


def read(county: County, order: dict[str, Any]) -> dict[str, Any]:
    return dict(county.get("qingshan", f"/fhir/ServiceRequest/{order['id']}"))


def perform(county: County, patient_number: str, accession: str, study: str, end: str = "") -> str:
    """N-CREATE of a step, or N-SET that ends the one named; returns its UID."""
    host, port = str(county.hub.doors["dicom"]).rsplit(":", 1)
    ae = AE(ae_title="QINGSHAN")
    ae.add_requested_context(MPPS)
    association = ae.associate(host, int(port), ae_title="HUB")
    assert association.is_established
    attributes = Dataset()
    if end:
        attributes.PerformedProcedureStepStatus = "COMPLETED"
        status, _answer = association.send_n_set(attributes, MPPS, end)
    else:
        end = f"2.25.{uuid.uuid4().int}"
        scheduled = Dataset()
        scheduled.StudyInstanceUID, scheduled.AccessionNumber = study, accession
        attributes.PerformedProcedureStepStatus, attributes.PatientID = "IN PROGRESS", patient_number
        attributes.ScheduledStepAttributesSequence = [scheduled]
        status, _answer = association.send_n_create(attributes, MPPS, end)
    association.release()
    assert status.Status == 0
    return end


def test_who_performs_anothers_order_sees_it_and_its_images_are_tied_to_it(county: County) -> None:
    resident = county.resident()
    patient = county.admit(county.new("W"), resident)
    performer = [{"reference": "Organization/baihe"}]
    order = county.order("qingshan", patient["id"], "胸部正位片", performer=performer)
    (accession,) = worklist(county, resident, "BAIHE")
    image = county.image(resident, calling="BAIHE", AccessionNumber=accession)
    uid = f"urn:dicom:uid|urn:oid:{image.StudyInstanceUID}"
    (study,) = wait_for(lambda: county.find("baihe", "ImagingStudy", identifier=uid))
    assert study["basedOn"][0]["reference"] == f"ServiceRequest/{order['id']}"
