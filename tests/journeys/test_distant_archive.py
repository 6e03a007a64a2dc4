"""Images that stay at the county hospital: its Orthanc is registered, its studies are found, opened, lost and found
again, while those of the clinic go on as ever; and what the clinic sends goes on to the hospital, whoever is killed
meanwhile."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian

from hub.contracts.site import ZONE
from tests.journeys.running_hub import RunningHub, wait_for
from tests.servers.dicom_peers import DICOM_WEB_PLUGIN, Orthanc, free_port, missing, orthanc

pytestmark = pytest.mark.skipif(missing("Orthanc", DICOM_WEB_PLUGIN), reason="Orthanc with DICOMweb is not installed")

FHIR = {"Content-Type": "application/fhir+json"}
DICOM = {"Accept": "application/dicom"}
PORTS = (free_port(), free_port())


def part10(study: str, day: str, number: int = 1) -> bytes:
    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.SpecificCharacterSet = "GB18030"
    made.SOPClassUID, made.SOPInstanceUID = UID("1.2.840.10008.5.1.4.1.1.2"), UID(f"{study}.1.{number}")
    made.StudyInstanceUID, made.SeriesInstanceUID = UID(study), UID(f"{study}.1")
    made.PatientID, made.PatientName, made.PatientBirthDate, made.PatientSex = "C100", "周若兰", "19580312", "F"
    made.StudyDate, made.StudyTime, made.Modality, made.BodyPartExamined = day, "091500", "CT", "CHEST"
    made.StudyDescription, made.SeriesNumber, made.InstanceNumber = "胸部CT平扫", 1, number
    made.SamplesPerPixel, made.PhotometricInterpretation = 1, "MONOCHROME2"
    made.Rows = made.Columns = 16
    made.BitsAllocated, made.BitsStored, made.HighBit, made.PixelRepresentation = 16, 12, 11, 0
    made.PixelData = bytes(range(256)) * 2
    made["PixelData"].VR = "OW"
    buffer = io.BytesIO()
    made.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def hospital(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("hospital") / "orthanc"


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHub]:
    folder = tmp_path_factory.mktemp("distant") / "data"
    folder.mkdir()
    (folder / "settings.toml").write_text(
        '[[dicom.routes]]\nname = "to the county hospital"\nto = "PACS"\norganization = ["qingshan"]\n', "utf-8"
    )
    running = RunningHub(folder, HUB_DELIVERY__POLL_SECONDS="0.1").start(workers=1)
    try:
        running.register("qingshan", "clinic", "qingshan")
        running.register("county-his", "clinic", "county", "--ae-title", f"PACS@127.0.0.1:{PORTS[0]}")
        running.register("centre", "reader", "imaging-centre")
        running.register("operator", "admin", "county-it")
        yield running
    finally:
        running.stop()


def archive_command(hub: RunningHub, *arguments: str) -> Any:
    done = subprocess.run(
        [sys.executable, "-m", "hub", "archive", *arguments, "--data-dir", str(hub.folder), "--json"],
        capture_output=True, text=True, check=False, env={**os.environ, **hub.environment},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def state(operator: httpx.Client) -> str:
    (one,) = operator.get("/archives").json()["items"]
    return str(one["state"])


def availability(reader: httpx.Client, study: str) -> list[str]:
    answer = reader.get("/dicom-web/studies", params={"StudyInstanceUID": study})
    return [one["00080056"]["Value"][0] for one in answer.json()] if answer.status_code == 200 else []


def open_image(reader: httpx.Client, study: str, number: int = 1) -> httpx.Response:
    path = f"/dicom-web/studies/{study}/series/{study}.1/instances/{study}.1.{number}"
    return reader.get(path, headers=DICOM)


def test_images_that_stay_at_the_hospital_are_found_opened_lost_and_found_again(
    hub: RunningHub, hospital: Path
) -> None:
    today = datetime.now(ZONE).strftime("%Y%m%d")
    with hub.session("centre") as reader, hub.session("operator") as operator, hub.session("county-his") as his:
        with orthanc(hospital, int(hub.doors["dicom"].rpartition(":")[2]), ports=PORTS) as pacs:
            for number in (1, 2):
                pacs.put(part10("1.2.826.1", today, number))
            pacs.put(part10("1.2.826.2", "20190607"))
            told = archive_command(
                hub, "add", "county-pacs", "--organization", "county", "--organization-name", "县人民医院",
                "--dicomweb", pacs.url, "--sweep-days", "2", "--sweep-every", "1", "--pace", "50",
            )  # fmt: skip
            assert told["endpoint"] == "Endpoint/archive-county-pacs"
            assert wait_for(lambda: availability(reader, "1.2.826.1") == ["NEARLINE"], 30)
            assert open_image(reader, "1.2.826.1").content[128:132] == b"DICM"
            rendered = reader.get("/dicom-web/studies/1.2.826.1/series/1.2.826.1.1/instances/1.2.826.1.1.2/rendered")
            assert rendered.headers["content-type"] == "image/jpeg"

            known = wait_for(
                lambda: reader.get("/fhir/ImagingStudy", params={"identifier": "urn:oid:1.2.826.1"}).json().get("entry")
            )
            study = known[0]["resource"]
            assert {"reference": "Endpoint/archive-county-pacs", "display": "county-pacs"} in study["endpoint"]
            patient = reader.get(f"/fhir/{study['subject']['reference']}").json()
            assert patient["name"][0]["text"] == "周若兰"
            tasks = reader.get("/fhir/Task", params={"code": "read-study"}).json()
            assert tasks.get("total", 0) == 0, "the hospital reads its own studies"

            posted = {
                "resourceType": "ImagingStudy", "status": "available", "subject": study["subject"],
                "identifier": [{"system": "urn:dicom:uid", "value": "urn:oid:1.2.826.2"}],
                "endpoint": [{"reference": "Endpoint/archive-county-pacs"}],
            }  # fmt: skip
            assert his.post("/fhir/ImagingStudy", json=posted, headers=FHIR).status_code == 201
            assert wait_for(lambda: availability(reader, "1.2.826.2") == ["NEARLINE"], 30)
            assert open_image(reader, "1.2.826.2").status_code == 200
            assert state(operator) == "reachable"
            _the_clinic_sends(hub, pacs)

        hub_page = wait_for(lambda: "无法连接 unreachable" in (page := operator.get("/").text) and page, 60)
        assert "county-pacs" in hub_page
        assert state(operator) == "unreachable"
        assert wait_for(lambda: reader.get("/fhir/Endpoint/archive-county-pacs").json()["status"] == "error")
        assert availability(reader, "1.2.826.2") == ["OFFLINE"]
        assert open_image(reader, "1.2.826.1").status_code == 200, "what was looked at before is here"
        assert open_image(reader, "1.2.900.1").status_code == 200
        for number in (2, 3, 4):
            store(hub, part10("1.2.900.1", "20261101", number))
        hub.kill()
        hub.start(workers=1)

    with hub.session("centre") as reader, hub.session("operator") as operator:
        assert open_image(reader, "1.2.900.1", 4).status_code == 200
        with orthanc(hospital, int(hub.doors["dicom"].rpartition(":")[2]), ports=PORTS) as pacs:
            pacs.put(part10("1.2.826.3", today))
            assert wait_for(lambda: availability(reader, "1.2.826.3") == ["NEARLINE"], 90)
            assert open_image(reader, "1.2.826.3").status_code == 200
            assert state(operator) == "reachable"
            there = {"Level": "Instance", "Query": {"StudyInstanceUID": "1.2.900.1"}}
            assert wait_for(lambda: len(pacs.http.post("/tools/find", json=there).json()) == 4, 60)
            (route,) = operator.get("/routes").json()["items"]
            assert wait_for(lambda: operator.get("/routes").json()["items"][0]["waiting"] == 0), route


def store(hub: RunningHub, content: bytes) -> None:
    body = b"--edge\r\nContent-Type: application/dicom\r\n\r\n" + content + b"\r\n--edge--"
    headers = {"Content-Type": 'multipart/related; type="application/dicom"; boundary=edge'}
    with hub.session("qingshan") as clinic:
        stored = clinic.post("/dicom-web/studies", content=body, headers=headers)
        assert stored.status_code == 200, stored.text


def _the_clinic_sends(hub: RunningHub, pacs: Orthanc) -> None:
    """What a clinic stores here is here, and goes on to the hospital."""
    with hub.session("qingshan") as clinic, hub.session("operator") as operator:
        before = len(pacs.http.get("/instances").json())
        store(hub, part10("1.2.900.1", "20261101"))
        assert wait_for(lambda: len(pacs.http.get("/instances").json()) == before + 1)
        (route,) = wait_for(lambda: [one for one in operator.get("/routes").json()["items"] if one["sent"]])
        assert (route["destination"], route["sent"], route["waiting"]) == ("PACS", 1, 0)
        assert clinic.get("/routes").status_code == clinic.get("/archives").status_code == 403
