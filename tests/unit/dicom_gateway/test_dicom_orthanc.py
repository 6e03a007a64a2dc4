"""Orthanc as the peer that asks: it finds, has sent to itself, and has its own copies vouched for."""

import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from dicom_objects import image, part10
from dicom_parts import QINGSHAN, RecordingHub

from dicom_gateway.instance_store import ArchiveInstanceStore
from dicom_gateway.server import DicomServer

pytestmark = pytest.mark.skipif(
    shutil.which("Orthanc") is None and "HUB_TESTS_REQUIRE_PEERS" not in os.environ, reason="Orthanc is not installed"
)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@pytest.fixture
def orthanc(server: Any, recording_hub: RecordingHub, tmp_path: Path) -> Iterator[httpx.Client]:
    """Its REST interface; it knows us as ``hub``, and we know it as an archive of Qingshan's."""
    folder, dicom, http = tmp_path / "orthanc", free_port(), free_port()
    folder.mkdir()
    recording_hub.titles["ORTHANC"], recording_hub.places["ORTHANC"] = QINGSHAN, ("127.0.0.1", dicom)
    settings = {
        "StorageDirectory": str(folder), "IndexDirectory": str(folder), "DicomAet": "ORTHANC", "DicomPort": dicom,
        "HttpPort": http, "RemoteAccessAllowed": False, "DicomCheckCalledAet": False, "Plugins": [],
        "DefaultEncoding": "Chinese",
        "DicomModalities": {"hub": {
            "AET": "HUB", "Host": "127.0.0.1", "Port": server.port, "AllowStorageCommitment": True,
        }},
    }  # fmt: skip
    (folder / "orthanc.json").write_text(json.dumps(settings), encoding="utf-8")
    peer = subprocess.Popen(
        ["Orthanc", str(folder / "orthanc.json")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    with httpx.Client(base_url=f"http://127.0.0.1:{http}", timeout=30) as client:
        assert until(lambda: answers(client))
        yield client
    peer.terminate()
    peer.wait()


def answers(client: httpx.Client) -> bool:
    try:
        return client.get("/system").status_code == 200
    except httpx.TransportError:
        return False


def until(look: Callable[[], Any], seconds: float = 30) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := look()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


def test_orthanc_finds_fetches_and_has_its_objects_vouched_for(server: DicomServer, orthanc: httpx.Client) -> None:
    for number in (1, 2):
        made = image(
            SpecificCharacterSet="GB18030", PatientName="陈秀英", StudyInstanceUID="1.2.3", SeriesInstanceUID="1.2.3.1",
            SOPInstanceUID=f"1.2.3.1.{number}", InstanceNumber=number,
        )  # fmt: skip
        ArchiveInstanceStore(server.archive).store(part10(made), QINGSHAN)
    asked = {"Level": "Study", "Query": {"PatientID": "P1", "PatientName": "", "StudyInstanceUID": ""}}
    query = orthanc.post("/modalities/hub/query", json=asked).json()["ID"]
    found = orthanc.get(f"/queries/{query}/answers/0/content", params={"simplify": ""}).json()
    assert (found["PatientName"], found["StudyInstanceUID"]) == ("陈秀英", "1.2.3")
    moved = orthanc.post(f"/queries/{query}/retrieve", content="ORTHANC")
    assert moved.status_code == 200, moved.text
    instances = orthanc.get("/instances").json()
    assert len(instances) == 2
    vouched = orthanc.post("/modalities/hub/storage-commitment", json={"Resources": instances}).json()
    report = f"/storage-commitment/{vouched['ID']}"
    assert until(lambda: orthanc.get(report).json()["Status"] != "Pending")
    verdict = orthanc.get(report).json()
    assert verdict["Status"] == "Success", verdict
    assert len(verdict["Success"]) == 2
