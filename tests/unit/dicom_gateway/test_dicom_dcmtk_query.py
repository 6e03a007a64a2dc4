"""DCMTK queries: findscu, on the gateway alone."""

import re
import shutil
import subprocess
from typing import Any

import pytest
from dicom_objects import image, part10
from dicom_parts import QINGSHAN

from dicom_gateway.instance_store import ArchiveInstanceStore
from dicom_gateway.server import DicomServer

pytestmark = pytest.mark.skipif(shutil.which("findscu") is None, reason="DCMTK is not installed")


def dcmtk(server: Any, tool: str, *arguments: str) -> str:
    """What the tool says, with its exit status first."""
    command = [tool, "-v", "-aet", "QINGSHAN", "-aec", "HUB", *arguments, "127.0.0.1", str(server.port)]
    done = subprocess.run(command, capture_output=True, check=False, timeout=60)
    return f"{done.returncode} " + (done.stdout + done.stderr).decode("gb18030", "replace")


def test_findscu_walks_from_study_to_image(server: DicomServer) -> None:
    store = ArchiveInstanceStore(server.archive)
    for number in (1, 2, 3):
        made = image(
            SpecificCharacterSet="GB18030", PatientName="陈秀英", StudyInstanceUID="1.2.3", SeriesInstanceUID="1.2.3.1",
            SOPInstanceUID=f"1.2.3.1.{number}", InstanceNumber=number,
        )  # fmt: skip
        store.store(part10(made), QINGSHAN)
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
