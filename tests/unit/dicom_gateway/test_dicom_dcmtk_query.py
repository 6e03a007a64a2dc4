"""DCMTK queries and retrieves: findscu, getscu, movescu, on the gateway alone."""

import re
import shutil
import socket
import subprocess
from pathlib import Path
from typing import Any

import pydicom
import pytest
from dicom_objects import data_set_of, image, part10
from dicom_parts import QINGSHAN, RecordingHub

from dicom_gateway.instance_store import ArchiveInstanceStore
from dicom_gateway.server import DicomServer

pytestmark = pytest.mark.skipif(shutil.which("findscu") is None, reason="DCMTK is not installed")


def dcmtk(server: Any, tool: str, *arguments: str) -> str:
    """What the tool says, with its exit status first."""
    command = [tool, "-v", "-aet", "QINGSHAN", "-aec", "HUB", *arguments, "127.0.0.1", str(server.port)]
    done = subprocess.run(command, capture_output=True, check=False, timeout=60)
    return f"{done.returncode} " + (done.stdout + done.stderr).decode("gb18030", "replace")


def fill(server: DicomServer) -> list[bytes]:
    """A series of three, by a patient with a Chinese name."""
    contents = [
        part10(
            image(
                SpecificCharacterSet="GB18030", PatientName="陈秀英", StudyInstanceUID="1.2.3",
                SeriesInstanceUID="1.2.3.1", SOPInstanceUID=f"1.2.3.1.{number}", InstanceNumber=number,
            )
        )
        for number in (1, 2, 3)
    ]  # fmt: skip
    for content in contents:
        ArchiveInstanceStore(server.archive).store(content, QINGSHAN)
    return contents


def test_findscu_walks_from_study_to_image(server: DicomServer) -> None:
    fill(server)
    said = dcmtk(server, "findscu", "-S", "-k", "QueryRetrieveLevel=STUDY", "-k", "PatientID=P1", "-k", "PatientName",
                 "-k", "NumberOfStudyRelatedInstances", "-k", "StudyInstanceUID")  # fmt: skip
    assert said.startswith("0 ")
    assert re.search(r"\(0020,1208\) IS \[3 ?\]", said)
    assert "陈秀英" in said
    said = dcmtk(server, "findscu", "-P", "-k", "QueryRetrieveLevel=IMAGE", "-k", "PatientID=P1", "-k",
                 "StudyInstanceUID=1.2.3", "-k", "SeriesInstanceUID=1.2.3.1", "-k", "SOPInstanceUID")  # fmt: skip
    assert len(re.findall(r"\(0008,0018\) UI \[1\.2\.3\.1\.\d.?\]", said)) == 3
    said = dcmtk(server, "findscu", "-S", "-k", "QueryRetrieveLevel=IMAGE", "-k", "SOPInstanceUID")
    assert "DataSetDoesNotMatchSOPClass" in said


def test_findscu_may_take_its_query_back(server: DicomServer) -> None:
    """Of an attribute for which the objects must be read, so that there is something left to stop."""
    store = ArchiveInstanceStore(server.archive)
    for _number in range(300):
        store.store(part10(image()), QINGSHAN)
    said = dcmtk(server, "findscu", "-S", "--cancel", "2", "-k", "QueryRetrieveLevel=STUDY", "-k", "StudyInstanceUID",
                 "-k", "ProtocolName")  # fmt: skip
    assert said.startswith("0 ")
    assert "MatchingTerminatedDueToCancelRequest" in said


def received(folder: Path) -> list[bytes]:
    return sorted(data_set_of(path.read_bytes()) for path in folder.iterdir())


def test_getscu_fetches_a_series_as_it_is_stored(server: DicomServer, tmp_path: Path) -> None:
    stored = [data_set_of(content) for content in fill(server)]
    folder = tmp_path / "got"
    folder.mkdir()
    said = dcmtk(server, "getscu", "-S", "+B", "-od", str(folder), "-k", "QueryRetrieveLevel=SERIES",
                 "-k", "StudyInstanceUID=1.2.3", "-k", "SeriesInstanceUID=1.2.3.1")  # fmt: skip
    assert said.startswith("0 "), said
    assert received(folder) == sorted(stored)


def test_movescu_has_a_study_sent_to_itself(server: DicomServer, recording_hub: RecordingHub, tmp_path: Path) -> None:
    fill(server)
    folder = tmp_path / "moved"
    folder.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    recording_hub.places["QINGSHAN"] = ("127.0.0.1", port)
    said = dcmtk(server, "movescu", "-S", "-aem", "QINGSHAN", "+P", str(port), "-od", str(folder),
                 "-k", "QueryRetrieveLevel=STUDY", "-k", "StudyInstanceUID=1.2.3")  # fmt: skip
    assert said.startswith("0 "), said
    assert {pydicom.dcmread(path).SOPInstanceUID for path in folder.iterdir()} == {f"1.2.3.1.{n}" for n in (1, 2, 3)}
    said = dcmtk(server, "movescu", "-S", "-aem", "NOWHERE", "-k", "QueryRetrieveLevel=STUDY", "-k",
                 "StudyInstanceUID=1.2.3")  # fmt: skip
    assert "MoveDestinationUnknown" in said
