"""Objects that go on to others by rule: to Orthanc, to another DICOMweb, to one that is away for a while."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from dicom_objects import image, part10
from dicom_parts import QINGSHAN, RecordingAudit, RecordingHub
from pynetdicom import AE, evt

from dicom_gateway.archive import Archive, Sender
from dicom_gateway.file_meta import read_file_meta
from dicom_gateway.routing.rule import Received, Route
from dicom_gateway.server import DicomServer
from dicom_gateway.settings import DicomSettings
from hub.blobs.folder import FolderBlobStore
from hub.contracts.caller import Caller, Role
from hub.security.policy import Policy
from tests.servers.dicom_peers import DICOM_WEB_PLUGIN, blackhole, free_port, missing, orthanc, until

CT = "1.2.840.10008.5.1.4.1.1.2"
COUNTY = Caller("county", Role.CLINIC, "county")
Serve = Callable[..., DicomServer]

needs_orthanc = pytest.mark.skipif(
    missing("Orthanc", DICOM_WEB_PLUGIN), reason="Orthanc with DICOMweb is not installed"
)


@pytest.mark.parametrize(
    ("conditions", "takes"),
    [
        ({}, True),
        ({"from_ae_titles": frozenset({"QS_CT"})}, True),
        ({"from_ae_titles": frozenset({"OTHER"})}, False),
        ({"organizations": frozenset({"qingshan"}), "modalities": frozenset({"CT", "MR"})}, True),
        ({"organizations": frozenset({"qingshan"}), "modalities": frozenset({"DX"})}, False),
        ({"body_parts": frozenset({"CHEST"})}, True),
        ({"to": "QS_CT"}, False),
    ],
)
def test_a_rule_takes_what_meets_every_condition_and_sends_nothing_back(
    conditions: dict[str, Any], takes: bool
) -> None:
    route = Route(**({"name": "r", "to": "PACS"} | conditions))
    assert route.takes(Received("qingshan", "QS_CT", "CT", "chest")) is takes


@pytest.fixture
def serve(
    tmp_path: Path, settings: DicomSettings, blobs: FolderBlobStore, recording_hub: RecordingHub, audit: RecordingAudit
) -> Iterator[Serve]:
    """``serve(routes…)``: a gateway on the same folder each time."""
    running: list[DicomServer] = []

    def served(*routes: Route, port: int = 0) -> DicomServer:
        made = DicomServer(
            replace(settings, routes=routes, retry_seconds=0.2), recording_hub, Policy(), tmp_path / "dicom", blobs,
            audit,
        )  # fmt: skip
        made.start(port=port)
        running.append(made)
        return made

    yield served
    for one in running:
        one.stop(1)


def store(archive: Archive, number: int, ae_title: str = "QINGSHAN", **more: Any) -> None:
    named = {"StudyInstanceUID": "1.2", "SeriesInstanceUID": "1.2.1", "SOPInstanceUID": f"1.2.1.{number}"}
    content = part10(image(**(named | more)))
    file = archive.spool.create()
    file.write(content)
    syntax, at = read_file_meta(content)
    archive.keep(file, at, syntax, Sender(QINGSHAN, ae_title))


class Receiver:
    """A destination that answers each C-STORE with the next of ``statuses``, else success."""

    def __init__(self) -> None:
        self.port = free_port()
        self.received: list[tuple[str, int]] = []
        self.statuses: list[int] = []

    def start(self) -> Any:
        ae = AE(ae_title="PACS")
        ae.add_supported_context(CT, "1.2.840.10008.1.2.1")
        return ae.start_server(("127.0.0.1", self.port), block=False, evt_handlers=[(evt.EVT_C_STORE, self._store)])

    def _store(self, event: Any) -> int:
        if self.statuses:
            return self.statuses.pop(0)
        self.received.append((str(event.request.AffectedSOPInstanceUID), event.request.Priority))
        return 0


def waiting(server: DicomServer) -> int:
    return sum(one.waiting for one in server.archive.index.route_items.status())


def test_what_waits_for_a_destination_outlives_a_restart_and_arrives_when_it_is_back(
    serve: Serve, recording_hub: RecordingHub
) -> None:
    receiver = Receiver()
    recording_hub.titles["PACS"], recording_hub.places["PACS"] = COUNTY, ("127.0.0.1", receiver.port)
    ct = Route("ct", "PACS", modalities=frozenset({"CT"}))
    first = serve(ct)
    for number in range(1, 4):
        store(first.archive, number)
    store(first.archive, 4, SeriesInstanceUID="1.2.2", Modality="SR")
    assert until(lambda: any(one.failures for one in first.archive.index.route_items.status()))
    assert waiting(first) >= 3
    first.stop(1)
    second = serve(ct)
    listening = receiver.start()
    try:
        assert until(lambda: len(receiver.received) >= 3)
        assert until(lambda: waiting(second) == 0)
    finally:
        listening.shutdown()
    assert {uid for uid, _priority in receiver.received} == {"1.2.1.1", "1.2.1.2", "1.2.1.3"}
    (status,) = second.archive.index.route_items.status()
    assert (status.sent, status.failures, status.error) == (3, 0, "")


def test_one_object_that_is_not_taken_holds_up_no_other_and_goes_again(
    serve: Serve, recording_hub: RecordingHub
) -> None:
    receiver = Receiver()
    receiver.statuses = [0xA700]
    recording_hub.titles["PACS"], recording_hub.places["PACS"] = COUNTY, ("127.0.0.1", receiver.port)
    listening = receiver.start()
    try:
        server = serve(Route("all", "PACS", priority="high"))
        for number in range(1, 4):
            store(server.archive, number)
        assert until(lambda: len(receiver.received) == 3)
        assert until(lambda: waiting(server) == 0)
    finally:
        listening.shutdown()
    assert {priority for _uid, priority in receiver.received} == {1}


def test_a_destination_that_hangs_holds_up_no_other(serve: Serve, recording_hub: RecordingHub) -> None:
    receiver = Receiver()
    recording_hub.titles["PACS"], recording_hub.places["PACS"] = COUNTY, ("127.0.0.1", receiver.port)
    listening = receiver.start()
    try:
        with blackhole() as port:
            recording_hub.titles["HOLE"], recording_hub.places["HOLE"] = COUNTY, ("127.0.0.1", port)
            server = serve(Route("first", "HOLE"), Route("second", "PACS"))
            store(server.archive, 1)
            assert until(lambda: receiver.received)
            assert waiting(server) >= 1
    finally:
        listening.shutdown()


def test_rules_hold_for_what_comes_after_they_were_made(serve: Serve, recording_hub: RecordingHub) -> None:
    receiver = Receiver()
    recording_hub.titles["PACS"], recording_hub.places["PACS"] = COUNTY, ("127.0.0.1", receiver.port)
    before = serve()
    store(before.archive, 1)
    before.stop(1)
    listening = receiver.start()
    try:
        after = serve(Route("all", "PACS"))
        store(after.archive, 2)
        assert until(lambda: receiver.received)
        assert until(lambda: waiting(after) == 0)
    finally:
        listening.shutdown()
    assert [uid for uid, _priority in receiver.received] == ["1.2.1.2"]


@needs_orthanc
def test_orthanc_takes_what_is_routed_to_it_and_commits_to_keep_it(
    serve: Serve, recording_hub: RecordingHub, tmp_path: Path
) -> None:
    port = free_port()
    with orthanc(tmp_path / "orthanc", port) as pacs:
        recording_hub.titles["PACS"], recording_hub.places["PACS"] = COUNTY, ("127.0.0.1", pacs.dicom_port)
        server = serve(Route("all", "PACS", commitment=True), port=port)
        for number in (1, 2):
            store(server.archive, number)
        assert until(lambda: len(pacs.http.get("/instances").json()) == 2)
        assert until(lambda: waiting(server) == 0)
        (status,) = server.archive.index.route_items.status()
        assert (status.sent, status.uncommitted) == (2, 0)


@needs_orthanc
def test_a_dicom_web_destination_takes_what_is_routed_to_it(serve: Serve, tmp_path: Path) -> None:
    with orthanc(tmp_path / "orthanc", free_port()) as pacs:
        server = serve(Route("web", url=pacs.url))
        for number in (1, 2):
            store(server.archive, number)
        assert until(lambda: len(pacs.http.get("/instances").json()) == 2)
        assert until(lambda: waiting(server) == 0)
        assert pacs.http.get(f"/instances/{pacs.http.get('/instances').json()[0]}/file").content
