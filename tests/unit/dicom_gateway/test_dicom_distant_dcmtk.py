"""DCMTK's dcmqrscp as a distant archive and as the destination of a route."""

import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from dicom_objects import data_set_of, image, part10
from dicom_parts import CENTRE, QINGSHAN, RecordingAudit, RecordingHub

from dicom_gateway import recurring
from dicom_gateway.archive import Archive
from dicom_gateway.distant import directory, following
from dicom_gateway.instance_store import ArchiveInstanceStore
from dicom_gateway.routing.rule import Route
from dicom_gateway.server import DicomServer
from dicom_gateway.settings import DicomSettings
from hub.blobs.folder import FolderBlobStore
from hub.contracts.archives import DistantArchive
from hub.contracts.caller import Caller, Role
from hub.security.policy import Policy
from tests.servers.dicom_peers import dcmqrscp, free_port, missing, until

pytestmark = pytest.mark.skipif(missing("dcmqrscp", "storescu"), reason="DCMTK is not installed")

COUNTY = Caller("county-pacs", Role.CLINIC, "county")


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(directory, "TRUSTED_SECONDS", 0.02)
    monkeypatch.setattr(following, "POLL_SECONDS", 0.02)
    monkeypatch.setattr(recurring, "POLL_SECONDS", 0.02)


@pytest.mark.parametrize("way", ["c-get", "c-move"])
def test_dcmqrscp_is_looked_through_and_gives_what_is_looked_at(
    way: Any, server: Any, archive: Archive, ask: Callable[..., Any], recording_hub: RecordingHub, tmp_path: Path
) -> None:
    port = free_port()
    with dcmqrscp(tmp_path / "dcmtk", port, {"HUB": server.port}):
        made = part10(image(
            SpecificCharacterSet="GB18030", PatientName="陈秀英", StudyInstanceUID="1.2.3", SeriesInstanceUID="1.2.3.1",
            SOPInstanceUID="1.2.3.1.1",
        ))  # fmt: skip
        (tmp_path / "one.dcm").write_bytes(made)
        subprocess.run(["storescu", "-aec", "PACS", "127.0.0.1", str(port), str(tmp_path / "one.dcm")], check=True)
        recording_hub.titles["PACS"] = COUNTY
        recording_hub.distant.append(
            DistantArchive("county-pacs", "county", "PACS", "127.0.0.1", port, retrieve=way, requests_per_second=1000)
        )
        archive.index.distant_studies.hear_of("county-pacs", ["1.2.3"], 1).result()
        (found,) = until(lambda: (answer := ask("/studies", CENTRE)).status_code == 200 and answer.json())
        assert found["00100010"]["Value"] == [{"Alphabetic": "陈秀英"}]
        got = ask("/studies/1.2.3/series/1.2.3.1/instances/1.2.3.1.1", CENTRE, headers={"Accept": "application/dicom"})
        assert got.status_code == 200, got.text
        assert data_set_of(got.content) == data_set_of(made)


def test_dcmqrscp_takes_what_is_routed_to_it(
    settings: DicomSettings, blobs: FolderBlobStore, audit: RecordingAudit, recording_hub: RecordingHub, tmp_path: Path
) -> None:
    port = free_port()
    recording_hub.titles["PACS"], recording_hub.places["PACS"] = COUNTY, ("127.0.0.1", port)
    with dcmqrscp(tmp_path / "dcmtk", port, {"HUB": free_port()}) as area:
        routed = replace(settings, routes=(Route("all", "PACS"),))
        server = DicomServer(routed, recording_hub, Policy(), tmp_path / "dicom", blobs, audit)
        server.start()
        try:
            for number in (1, 2):
                made = part10(image(StudyInstanceUID="1.2", SOPInstanceUID=f"1.2.{number}"))
                ArchiveInstanceStore(server.archive).store(made, QINGSHAN)
            assert until(lambda: len([file for file in area.iterdir() if file.suffix == ".dcm"]) == 2)
            assert until(lambda: not any(one.waiting for one in server.archive.index.route_items.status()))
        finally:
            server.stop(1)
