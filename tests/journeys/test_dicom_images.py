"""Images through the real doors: DCMTK sends, dicomweb-client reads, the hub knows of the study."""

import importlib.util
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from types import ModuleType
from typing import Any

import pydicom
import pytest
from dicomweb_client.api import DICOMwebClient
from dicomweb_client.session_utils import create_session

from tests.journeys.running_hub import RunningHub, wait_for

ROOT = Path(__file__).resolve().parents[2]
UNKNOWN_CALLER = "Calling AE Title Not Recognized"
pytestmark = pytest.mark.skipif(shutil.which("storescu") is None, reason="DCMTK is not installed")


@pytest.fixture(scope="module")
def county() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_county", ROOT / "samples" / "dicom" / "make_county.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHub]:
    """One hub for all of these, with two processes at its DICOM door; each test has studies of its own."""
    running = RunningHub(tmp_path_factory.mktemp("dicom") / "data", HUB_DICOM__PROCESSES="2").start(workers=1)
    try:
        running.register("qingshan", "clinic", "qingshan", "--ae-title", "QINGSHAN")
        running.register("baihe", "clinic", "baihe", "--ae-title", "BAIHE")
        running.register("centre", "reader", "imaging-centre")
        running.register("operator", "admin", "county-it")
        yield running
    finally:
        running.stop()


@contextmanager
def web(hub: RunningHub, client: str) -> Iterator[DICOMwebClient]:
    session = create_session()
    session.headers["Authorization"] = f"Bearer {hub.clients[client]['token']}"
    yield DICOMwebClient(f"{hub.http}/dicom-web", session=session)
    session.close()


def storescu(hub: RunningHub, *files: Path, ae_title: str = "QINGSHAN") -> "subprocess.CompletedProcess[str]":
    host, port = str(hub.doors["dicom"]).rsplit(":", 1)
    return subprocess.run(
        ["storescu", "-aet", ae_title, "-aec", str(hub.doors["ae_title"]), host, port, *map(str, files)],
        capture_output=True, text=True, check=False, timeout=60, env={**os.environ, "TCP_NODELAY": "1"},
    )  # fmt: skip


def studies(hub: RunningHub, client: str, uid: str) -> list[dict[str, Any]]:
    with hub.session(client) as session:
        answer = session.get("/fhir/ImagingStudy", params={"identifier": f"urn:dicom:uid|urn:oid:{uid}"})
        assert answer.status_code == 200, answer.text
        return [entry["resource"] for entry in answer.json().get("entry", [])]


def test_a_ct_series_becomes_images_a_study_and_a_reading_task(
    hub: RunningHub, county: ModuleType, tmp_path: Path
) -> None:
    files = county.make(tmp_path, date(2026, 11, 20))["ct"]
    sent = pydicom.dcmread(files[0])
    uid = sent.StudyInstanceUID
    first, last = files[:-1], files[-1]
    assert storescu(hub, *first).returncode == 0
    with web(hub, "qingshan") as images:
        (found,) = images.search_for_studies(search_filters={"PatientName": "陈秀英"})
        assert found["00201208"]["Value"] == [23]
        assert len(images.retrieve_study_metadata(uid)) == 23
        assert images.retrieve_instance_frames(uid, sent.SeriesInstanceUID, sent.SOPInstanceUID, [1]) == [
            sent.PixelData
        ]
    (study,) = wait_for(lambda: studies(hub, "qingshan", uid))
    assert (study["numberOfInstances"], study["description"]) == (23, "胸部CT平扫")
    assert storescu(hub, last).returncode == 0
    assert wait_for(lambda: studies(hub, "qingshan", uid)[0]["numberOfInstances"] == 24)
    (study,) = studies(hub, "centre", uid)
    assert study["meta"]["versionId"] == "2"
    with hub.session("centre") as session:
        patient = session.get(f"/fhir/{study['subject']['reference']}").json()
        tasks = session.get("/fhir/Task", params={"focus": f"ImagingStudy/{study['id']}"}).json()
    assert patient["name"][0]["text"] == "陈秀英"
    assert len(tasks["entry"]) == 1
    assert studies(hub, "baihe", uid) == []
    with web(hub, "centre") as images:
        assert len(images.retrieve_series(uid, sent.SeriesInstanceUID)) == 24
    with web(hub, "baihe") as images:
        assert images.search_for_studies(search_filters={"StudyInstanceUID": uid}) == []
    with hub.session("baihe") as session:
        assert session.get(f"/dicom-web/studies/{uid}/metadata").status_code == 404


def test_processes_share_the_door_and_each_study_is_told_once(
    hub: RunningHub, county: ModuleType, tmp_path: Path
) -> None:
    serving = {line["pid"] for text in hub.log().splitlines() if (line := json.loads(text))["event"] == "dicom.serving"}
    assert len(serving) == 2
    files = [county.make(tmp_path / str(day), date(2026, 10, day))["dr"][0] for day in range(1, 9)]
    with ThreadPoolExecutor(len(files)) as senders:
        assert {one.returncode for one in senders.map(lambda file: storescu(hub, file), files)} == {0}
    for file in files:
        uid = pydicom.dcmread(file, stop_before_pixels=True).StudyInstanceUID
        (study,) = wait_for(lambda uid=uid: studies(hub, "qingshan", uid))  # type: ignore[misc]
        assert (study["numberOfInstances"], study["meta"]["versionId"]) == (1, "1")


def test_images_outlive_a_kill_and_a_restart(hub: RunningHub, county: ModuleType, tmp_path: Path) -> None:
    files = county.make(tmp_path, date(2026, 11, 19))["dr"]
    sent = pydicom.dcmread(files[0])
    assert storescu(hub, *files, ae_title="BAIHE").returncode == 0
    hub.kill()
    hub.start()
    (study,) = wait_for(lambda: studies(hub, "baihe", sent.StudyInstanceUID))
    assert study["modality"][0]["code"] == "DX"
    with web(hub, "baihe") as images:
        again = images.retrieve_instance(sent.StudyInstanceUID, sent.SeriesInstanceUID, sent.SOPInstanceUID)
    assert again.PixelData == sent.PixelData
    assert storescu(hub, *files, ae_title="BAIHE").returncode == 0


def test_every_way_of_writing_chinese_reads_right(hub: RunningHub, county: ModuleType, tmp_path: Path) -> None:
    files = county.make_names(tmp_path, date(2026, 11, 18))
    assert storescu(hub, *files.values()).returncode == 0
    with web(hub, "qingshan") as images:
        for key, (_label, name, _encoding) in county.NAMES.items():
            (found,) = images.search_for_studies(search_filters={"PatientName": name.split("=")[-1]})
            assert found["00100020"]["Value"] == [f"N-{key}"], key


def test_other_bytes_under_a_known_uid_go_to_quarantine(hub: RunningHub, county: ModuleType, tmp_path: Path) -> None:
    (path,) = county.make(tmp_path, date(2026, 11, 17))["dr"]
    assert storescu(hub, path).returncode == 0
    changed = pydicom.dcmread(path)
    changed.PatientID = "990101196204150099"
    changed.save_as(tmp_path / "header.dcm")
    changed.PixelData = bytes(len(changed.PixelData))
    changed.save_as(tmp_path / "pixels.dcm")
    storescu(hub, tmp_path / "header.dcm")
    storescu(hub, tmp_path / "pixels.dcm")
    with hub.session("qingshan") as session:
        items = [item for item in session.get("/quarantine").json()["items"] if item["key"] == changed.SOPInstanceUID]
        assert [item["state"] for item in items] == ["refused", "reconcile"]
        original = session.get(f"/quarantine/{items[1]['id']}/original").content
    assert original[-1000:] == (tmp_path / "header.dcm").read_bytes()[-1000:]
    with web(hub, "qingshan") as images:
        (metadata,) = images.retrieve_study_metadata(changed.StudyInstanceUID)
        assert metadata["00100020"]["Value"] == [county.PATIENT]


def test_nobody_comes_in_unregistered(hub: RunningHub, county: ModuleType, tmp_path: Path) -> None:
    (path,) = county.make(tmp_path, date(2026, 11, 16))["dr"]
    refused = storescu(hub, path, ae_title="STRANGER")
    assert refused.returncode != 0
    assert UNKNOWN_CALLER in refused.stdout + refused.stderr
    with hub.session("operator") as session:
        assert session.get("/dicom-web/studies").status_code == 403
        assert session.get("/dicom-web/studies", headers={"Authorization": ""}).status_code == 401
    hub.register("late", "clinic", "late", "--ae-title", "STRANGER")
    assert storescu(hub, path, ae_title="STRANGER").returncode == 0


def test_every_way_to_an_image_asks_who_is_there(hub: RunningHub, county: ModuleType, tmp_path: Path) -> None:
    (path,) = county.make(tmp_path, date(2026, 11, 14))["dr"]
    assert storescu(hub, path).returncode == 0
    sent = pydicom.dcmread(path, stop_before_pixels=True)
    study, series, instance = sent.StudyInstanceUID, sent.SeriesInstanceUID, sent.SOPInstanceUID
    one = f"/dicom-web/studies/{study}/series/{series}/instances/{instance}"
    ends = ("", "/metadata", "/rendered", "/thumbnail", "/frames/1", "/frames/1/rendered", "/bulkdata/7FE00010")
    ways = [one + end for end in ends]
    ways.append(f"/dicom-web/wado?requestType=WADO&studyUID={study}&seriesUID={series}&objectUID={instance}")
    for client, status in (("qingshan", 200), ("centre", 200), ("baihe", 404), ("operator", 403)):
        with hub.session(client) as session:
            for way in ways:
                assert session.get(way).status_code == status, (client, way)
                assert session.get(way, headers={"Authorization": ""}).status_code == 401
    with hub.session("qingshan") as session:
        assert session.get(f"{one}/rendered?viewport=100,100").headers["content-type"] == "image/jpeg"
        assert session.options("/dicom-web/studies").headers["allow"] == "GET, OPTIONS, POST"


def test_images_stored_over_http_make_a_study_too(hub: RunningHub, county: ModuleType, tmp_path: Path) -> None:
    (path,) = county.make(tmp_path, date(2026, 11, 15))["dr"]
    sent = pydicom.dcmread(path)
    with web(hub, "baihe") as images:
        images.store_instances([sent])
        assert len(images.search_for_studies(search_filters={"StudyInstanceUID": sent.StudyInstanceUID})) == 1
    assert wait_for(lambda: studies(hub, "baihe", sent.StudyInstanceUID))
