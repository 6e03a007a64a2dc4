"""Images that stay at their hospital, with Orthanc as its archive: found among the rest, fetched when looked at."""

import io
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pydicom
import pytest
from dicom_clients import association, find, keys
from dicom_objects import image, part10
from dicom_parts import CENTRE, QINGSHAN, RecordingHub
from pydicom.dataset import Dataset
from pynetdicom import AE, evt

from dicom_gateway import recurring
from dicom_gateway.archive import Archive
from dicom_gateway.distant import directory, following
from dicom_gateway.instance_store import ArchiveInstanceStore
from dicom_gateway.server import DicomServer
from hub.contracts.archives import DistantArchive
from hub.contracts.caller import Caller, Role
from hub.contracts.site import ZONE
from tests.servers.dicom_peers import DICOM_WEB_PLUGIN, Orthanc, free_port, missing, orthanc, until

pytestmark = pytest.mark.skipif(missing("Orthanc", DICOM_WEB_PLUGIN), reason="Orthanc with DICOMweb is not installed")

COUNTY = Caller("county-pacs", Role.CLINIC, "county")
STUDY_ROOT, STUDY_ROOT_MOVE, STUDY_ROOT_GET = (f"1.2.840.10008.5.1.4.1.2.2.{number}" for number in (1, 2, 3))
IAN = "1.2.840.10008.5.1.4.33"
DICOM = {"Accept": "application/dicom"}


def days_ago(days: int) -> str:
    return (datetime.now(ZONE) - timedelta(days=days)).strftime("%Y%m%d")


def ct(number: int, study: str = "1.2.3", **more: Any) -> bytes:
    return part10(image(
        SpecificCharacterSet="GB18030", PatientName="陈秀英", PatientID="C7", StudyInstanceUID=study,
        SeriesInstanceUID=f"{study}.1", SOPInstanceUID=f"{study}.1.{number}", InstanceNumber=number,
        StudyDescription="胸部CT", **more,
    ))  # fmt: skip


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(directory, "TRUSTED_SECONDS", 0.02)
    monkeypatch.setattr(following, "POLL_SECONDS", 0.02)
    monkeypatch.setattr(recurring, "POLL_SECONDS", 0.02)


@pytest.fixture
def pacs(request: pytest.FixtureRequest, server: Any, tmp_path: Path) -> Iterator[Orthanc]:
    """With DICOMweb, but where it is asked another way."""
    dicom_web = getattr(request.node, "callspec", None) is None or request.node.callspec.params["way"] == "wado-rs"
    with orthanc(tmp_path / "orthanc", server.port, dicom_web=dicom_web) as made:
        yield made


def register(way: str, pacs: Orthanc, hub: RecordingHub, server: DicomServer, sweep_days: int = 0) -> DistantArchive:
    made = DistantArchive(
        "county-pacs", "county", "PACS", "127.0.0.1", pacs.dicom_port, pacs.url if way == "wado-rs" else "",
        retrieve=way, sweep_days=sweep_days, requests_per_second=1000,
    )  # fmt: skip
    hub.titles["PACS"] = COUNTY
    hub.distant.append(made)
    assert until(lambda: server.archive.distant.directory.all())
    return made


def notify(server: Any, study: str) -> int:
    """The archive says that it has something new (IAN); the status."""
    told = Dataset()
    told.StudyInstanceUID, told.ReferencedSeriesSequence = study, []
    with association(server, IAN, ae_title="PACS") as made:
        status, _attributes = made.send_n_create(told, IAN, "1.2.3.4.5")
        return int(status.Status)


def studies(ask: Callable[..., Any]) -> dict[str, Any]:
    answer = ask("/studies", CENTRE)
    return {one["0020000D"]["Value"][0]: one for one in answer.json()} if answer.status_code == 200 else {}


@pytest.mark.parametrize("way", ["wado-rs", "c-get", "c-move"])
def test_a_study_it_tells_of_is_found_among_the_rest_and_comes_when_it_is_looked_at(
    way: str, pacs: Orthanc, archive: Archive, ask: Callable[..., Any], server: DicomServer, recording_hub: RecordingHub
) -> None:
    register(way, pacs, recording_hub, server)
    files = {number: ct(number) for number in (1, 2)}
    for content in files.values():
        pacs.put(content)
    ArchiveInstanceStore(archive).store(part10(image(StudyInstanceUID="1.9")), QINGSHAN)
    assert notify(server, "1.2.3") == 0
    found = until(lambda: "1.2.3" in (now := studies(ask)) and now)
    assert found["1.2.3"]["00100010"]["Value"] == [{"Alphabetic": "陈秀英"}]
    assert found["1.2.3"]["00080056"]["Value"] == ["NEARLINE"]
    assert found["1.2.3"]["00080054"]["Value"] == ["HUB", "PACS"]
    assert found["1.2.3"]["00201208"]["Value"] == [2]
    assert found["1.9"]["00080056"]["Value"] == ["ONLINE"]
    assert [one["0020000D"]["Value"][0] for one in ask("/studies").json()] == ["1.9"]  # another organization's client
    assert ask("/studies/1.2.3").status_code == 404
    asked = keys("STUDY", StudyInstanceUID="1.2.3", InstanceAvailability="", RetrieveAETitle="")
    _status, answers = find(server, STUDY_ROOT, asked, ae_title="PACS")
    assert [(one.InstanceAvailability, one.RetrieveAETitle) for one in answers] == [("NEARLINE", ["HUB", "PACS"])]
    assert archive.distant.cache.size_bytes() == 0

    opened = ask("/studies/1.2.3/metadata", CENTRE).json()
    assert [one["00100010"]["Value"] for one in opened] == [[{"Alphabetic": "陈秀英"}]] * 2
    if way == "wado-rs":
        assert archive.distant.cache.size_bytes() == 0, "a viewer opens without the pixels"
        pixels = opened[0]["7FE00010"]["BulkDataURI"].removeprefix("http://hub.test/dicom-web")
        assert bytes(range(128)) in ask(pixels, CENTRE).content

    frame = ask("/studies/1.2.3/series/1.2.3.1/instances/1.2.3.1.2/frames/1", CENTRE)
    assert frame.status_code == 200, frame.text
    assert bytes(range(128)) in frame.content
    whole = ask("/studies/1.2.3/series/1.2.3.1/instances/1.2.3.1.1", CENTRE, headers=DICOM)
    assert pydicom.dcmread(io.BytesIO(whole.content)) == pydicom.dcmread(io.BytesIO(files[1]))
    metadata = ask("/studies/1.2.3/metadata", CENTRE).json()
    assert [one["00080018"]["Value"][0] for one in metadata] == ["1.2.3.1.1", "1.2.3.1.2"]
    assert {tag: values["vr"] for tag, values in metadata[0].items() if tag != "00083002"} == {
        tag: values["vr"] for tag, values in opened[0].items() if tag != "00083002"
    }

    assert until(lambda: [s for s in recording_hub.submissions if s.origin.caller == COUNTY])
    (submission,) = (s for s in recording_hub.submissions if s.origin.caller == COUNTY)
    told = msgspec.json.decode(submission.entries[1].body)
    assert told["endpoint"] == [{"reference": "Endpoint/archive-county-pacs", "display": "county-pacs"}]
    assert told["extension"][0]["valueCode"] == "NEARLINE"
    assert told["numberOfInstances"] == 2


def test_the_sweep_finds_the_latest_days_first_and_then_goes_back(
    pacs: Orthanc, ask: Callable[..., Any], server: DicomServer, recording_hub: RecordingHub
) -> None:
    pacs.put(ct(1, "1.5", StudyDate=days_ago(0)))
    pacs.put(ct(1, "1.6", StudyDate=days_ago(4)))
    pacs.put(ct(1, "1.7", StudyDate=days_ago(40)))
    register("wado-rs", pacs, recording_hub, server, sweep_days=6)
    assert until(lambda: {"1.5", "1.6"} <= set(studies(ask)))
    state = until(
        lambda: (now := server.archive.index.distant_archives.of("county-pacs")).earliest_day <= days_ago(5) and now
    )
    assert state.latest_us
    assert set(studies(ask)) == {"1.5", "1.6"}


def test_a_console_gets_distant_studies_from_us_as_if_they_were_here(
    pacs: Orthanc, ask: Callable[..., Any], server: DicomServer, recording_hub: RecordingHub
) -> None:
    register("wado-rs", pacs, recording_hub, server)
    for number in (1, 2, 3):
        pacs.put(ct(number))
    notify(server, "1.2.3")
    assert until(lambda: "1.2.3" in studies(ask))
    received: list[str] = []

    def store(event: Any) -> int:
        received.append(event.dataset.SOPInstanceUID)
        return 0

    port = free_port()
    console = AE(ae_title="PACS2")
    console.add_supported_context("1.2.840.10008.5.1.4.1.1.2", ["1.2.840.10008.1.2.1"])
    listening = console.start_server(("127.0.0.1", port), block=False, evt_handlers=[(evt.EVT_C_STORE, store)])
    recording_hub.titles["PACS2"], recording_hub.places["PACS2"] = COUNTY, ("127.0.0.1", port)
    try:
        with association(server, STUDY_ROOT_MOVE, ae_title="PACS2") as made:
            answers = list(made.send_c_move(keys("STUDY", StudyInstanceUID="1.2.3"), "PACS2", STUDY_ROOT_MOVE))
        status = answers[-1][0]
        assert (status.Status, status.NumberOfCompletedSuboperations) == (0, 3)
    finally:
        listening.shutdown()
    assert sorted(received) == ["1.2.3.1.1", "1.2.3.1.2", "1.2.3.1.3"]


def test_what_the_archive_deletes_is_gone_and_said_to_be(
    pacs: Orthanc, ask: Callable[..., Any], server: DicomServer, recording_hub: RecordingHub
) -> None:
    register("wado-rs", pacs, recording_hub, server)
    kept = pacs.put(ct(1))
    pacs.put(ct(2))
    notify(server, "1.2.3")
    assert until(lambda: "1.2.3" in studies(ask))
    pacs.http.delete(f"/instances/{kept}").raise_for_status()
    gone = ask("/studies/1.2.3/series/1.2.3.1/instances/1.2.3.1.1", CENTRE, headers=DICOM)
    assert gone.status_code == 410
    assert "does not hold" in gone.json()["issue"][0]["diagnostics"]
    assert until(lambda: studies(ask)["1.2.3"]["00201208"]["Value"] == [1])
    for study in pacs.http.get("/studies").json():
        pacs.http.delete(f"/studies/{study}").raise_for_status()
    notify(server, "1.2.3")
    assert until(lambda: studies(ask)["1.2.3"]["00080056"]["Value"] == ["UNAVAILABLE"])
    told = recording_hub.submissions
    assert until(lambda: told and b"UNAVAILABLE" in told[-1].entries[-1].body)


def test_what_lived_at_the_archive_and_is_sent_to_us_stays_here(
    pacs: Orthanc, ask: Callable[..., Any], server: DicomServer, recording_hub: RecordingHub, archive: Archive
) -> None:
    register("wado-rs", pacs, recording_hub, server)
    pacs.put(ct(1))
    notify(server, "1.2.3")
    assert until(lambda: "1.2.3" in studies(ask))
    ArchiveInstanceStore(archive).store(ct(1), COUNTY)
    rows = archive.index.rows("SELECT count(*) FROM distant_instance")
    assert rows == [(0,)]
    pacs.http.post("/tools/reset")
    whole = ask("/studies/1.2.3/series/1.2.3.1/instances/1.2.3.1.1", CENTRE, headers=DICOM)
    assert whole.content == ct(1)


def test_a_notification_counts_only_from_an_archive_that_is_registered(
    server: DicomServer, recording_hub: RecordingHub
) -> None:
    recording_hub.titles["PACS"] = COUNTY
    assert notify(server, "1.2.3") == 0x0124
    assert server.archive.index.rows("SELECT count(*) FROM distant_study") == [(0,)]
