"""From the physician's order to the modality's list and back: a real hub, DCMTK's findscu as the modality."""

import re
import shutil
import subprocess
from typing import Any

import pytest

from tests.journeys.county import County
from tests.journeys.running_hub import wait_for

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
