"""An archive that hangs, is dead, or talks nonsense: told at once, left alone, and nobody else's business."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from dicom_objects import image, part10
from dicom_parts import CENTRE, QINGSHAN, RecordingHub

from dicom_gateway.archive import Archive
from dicom_gateway.distant import dicomweb
from dicom_gateway.distant.attributes import arrival_of, header_of
from dicom_gateway.distant.breaker import FAILURES, FIRST_SECONDS, LONGEST_SECONDS, closed_until_us
from dicom_gateway.distant.following import ArchiveFollower
from dicom_gateway.instance_store import ArchiveInstanceStore
from dicom_gateway.settings import DicomSettings
from hub.blobs.folder import FolderBlobStore
from hub.contracts.archives import DistantArchive
from hub.contracts.caller import EVERYTHING
from hub.contracts.errors import Busy
from hub.contracts.site import ZONE
from tests.servers.dicom_peers import DICOM_WEB_PLUGIN, blackhole, free_port, missing, orthanc, until

DICOM = {"Accept": "application/dicom"}


@pytest.fixture
def patience_seconds() -> float:
    return 0.3


@pytest.fixture
def settings(settings: DicomSettings, patience_seconds: float) -> DicomSettings:
    return replace(
        settings,
        distant_connect_seconds=patience_seconds,
        distant_silence_seconds=patience_seconds,
        distant_fetch_seconds=max(5.0, patience_seconds),
    )


def known(archive: Archive, registered: DistantArchive, study: str, number: int = 1) -> None:
    """The index knows of an object at the archive."""
    uids = {
        "0020000D": study, "0020000E": f"{study}.1", "00080018": f"{study}.1.{number}",
        "00080016": "1.2.840.10008.5.1.4.1.1.2",
    }  # fmt: skip
    attributes = {tag: {"vr": "UI", "Value": [uid]} for tag, uid in uids.items()}
    header = header_of(attributes, {}, {})
    assert header is not None
    arrival = arrival_of(registered, header, {}, 1, announced=False)
    studies = archive.index.distant_studies
    studies.hear_of(registered.name, [study], 1).result()
    told = studies.of(registered.name, study)
    assert told is not None
    studies.settle(told, [arrival]).result()


def fetch(ask: Callable[..., Any], study: str) -> Any:
    return ask(f"/studies/{study}/series/{study}.1/instances/{study}.1.1", CENTRE, headers=DICOM)


@pytest.mark.parametrize("way", ["wado-rs", "c-get"])
def test_a_hanging_archive_is_told_with_reason_and_then_left_alone(
    way: str, archive: Archive, ask: Callable[..., Any], recording_hub: RecordingHub
) -> None:
    with blackhole() as port:
        url = f"http://127.0.0.1:{port}/dicom-web" if way == "wado-rs" else ""
        registered = DistantArchive("hole", "county", "HOLE", "127.0.0.1", port, url, retrieve=way)  # type: ignore[arg-type]
        recording_hub.distant.append(registered)
        known(archive, registered, "1.2")
        for _ in range(FAILURES):
            answer = fetch(ask, "1.2")
            assert answer.status_code in (503, 504)
            assert answer.json()["issue"][0]["code"] == "transient"
        left_alone = fetch(ask, "1.2")
        assert left_alone.status_code == 503
        assert "cannot be reached" in left_alone.json()["issue"][0]["diagnostics"]
        assert 1 <= int(left_alone.headers["retry-after"]) <= FIRST_SECONDS
        (study,) = ask("/studies?StudyInstanceUID=1.2", CENTRE).json()
        assert study["00080056"]["Value"] == ["OFFLINE"]
        state = archive.index.distant_archives.of("hole")
        assert (state.failures, state.reached_us) == (FAILURES, None)


@pytest.mark.skipif(missing("Orthanc", DICOM_WEB_PLUGIN), reason="Orthanc with DICOMweb is not installed")
@pytest.mark.parametrize("patience_seconds", [60.0])
def test_a_hanging_archive_slows_neither_another_nor_what_is_here(
    archive: Archive, ask: Callable[..., Any], recording_hub: RecordingHub, tmp_path: Path
) -> None:
    """Forty readers wait for the one that hangs; what others ask meanwhile is answered before any of these is."""
    content = part10(image(StudyInstanceUID="1.3", SeriesInstanceUID="1.3.1", SOPInstanceUID="1.3.1.1"))
    here = image(StudyInstanceUID="1.4", SeriesInstanceUID="1.4.1", SOPInstanceUID="1.4.1.1")
    ArchiveInstanceStore(archive).store(part10(here), QINGSHAN)
    with orthanc(tmp_path / "orthanc", free_port()) as pacs, ThreadPoolExecutor(50) as readers:
        pacs.put(content)
        with blackhole() as port:
            hole = DistantArchive("hole", "county", url=f"http://127.0.0.1:{port}/dicom-web")
            other = DistantArchive("pacs", "county", url=pacs.url)
            recording_hub.distant += [hole, other]
            for number in range(40):
                known(archive, hole, f"1.2.{number}")
            known(archive, other, "1.3")
            waiting = [readers.submit(fetch, ask, f"1.2.{number}") for number in range(40)]
            assert until(lambda: "hole" in getattr(archive.distant, "_pools", {}))
            first = [readers.submit(fetch, ask, study) for study in ("1.4", "1.3")]
            assert [one.result().status_code for one in first] == [200, 200]
            assert not any(one.done() for one in waiting)
        assert {one.result().status_code for one in waiting} <= {502, 503, 504}


class Other(BaseHTTPRequestHandler):
    """Gives one and the same object to whatever is asked."""

    content = part10(image(StudyInstanceUID="1.2", SeriesInstanceUID="1.2.1", SOPInstanceUID="1.2.1.9"))

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/dicom")
        self.send_header("Content-Length", str(len(self.content)))
        self.end_headers()
        self.wfile.write(self.content)

    def log_message(self, format: str, *arguments: object) -> None:
        """Nothing."""


def test_a_full_disk_takes_nothing_for_the_cache(
    tmp_path: Path, blobs: FolderBlobStore, settings: DicomSettings, recording_hub: RecordingHub
) -> None:
    registered = DistantArchive("pacs", "county", url=f"http://127.0.0.1:{free_port()}/dicom-web")
    recording_hub.distant.append(registered)
    full = replace(settings, free_space_floor_bytes=1 << 62)
    archive = Archive(tmp_path / "dicom", full, blobs, recording_hub.quarantine, recording_hub.archives)
    known(archive, registered, "1.2")
    (row,) = archive.index.instances(EVERYTHING, "1.2")
    with pytest.raises(Busy) as refused:
        archive.files.at_hand(row)
    assert refused.value.http_status == 507
    assert archive.index.distant_archives.of("pacs").failures == 0, "nobody was asked"
    archive.close()


class Trickling(Other):
    """Gives it byte by byte."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/dicom")
        self.send_header("Content-Length", str(len(self.content)))
        self.end_headers()
        with suppress(OSError):
            for at in range(len(self.content)):
                self.wfile.write(self.content[at : at + 1])
                time.sleep(0.01)


def test_an_archive_that_sends_byte_by_byte_is_given_up(
    archive: Archive, ask: Callable[..., Any], recording_hub: RecordingHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dicomweb, "OBJECT_SECONDS", 0.3)
    with HTTPServer(("127.0.0.1", 0), Trickling) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        registered = DistantArchive("slow", "county", url=f"http://127.0.0.1:{server.server_port}/dicom-web")
        recording_hub.distant.append(registered)
        known(archive, registered, "1.2")
        answer = fetch(ask, "1.2")
        server.shutdown()
        thread.join()
    assert answer.status_code == 504
    assert "too slowly" in answer.json()["issue"][0]["diagnostics"]
    assert archive.index.distant_archives.of("slow").failures == 1


@pytest.mark.parametrize("cut", [0, 100])
def test_another_object_or_half_of_one_is_not_taken(
    cut: int, archive: Archive, ask: Callable[..., Any], recording_hub: RecordingHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Other, "content", Other.content[: len(Other.content) - cut])
    with HTTPServer(("127.0.0.1", 0), Other) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        registered = DistantArchive("wrong", "county", url=f"http://127.0.0.1:{server.server_port}/dicom-web")
        recording_hub.distant.append(registered)
        known(archive, registered, "1.2")
        answer = fetch(ask, "1.2")
        server.shutdown()
        thread.join()
    assert answer.status_code == 502
    said = answer.json()["issue"][0]["diagnostics"]
    assert ("cannot be read" if cut else "another object") in said
    assert archive.distant.cache.size_bytes() == 0
    assert archive.index.distant_archives.of("wrong").failures == 0


def test_an_archive_that_is_back_is_asked_one_question_first(archive: Archive, recording_hub: RecordingHub) -> None:
    states, breaker = archive.index.distant_archives, archive.distant.breaker
    past_us = time.time_ns() // 1000 - 1
    for _ in range(FAILURES):
        states.failed("county", "hangs", past_us, past_us).result()
    with breaker.asking("county"), pytest.raises(Busy), breaker.asking("county"):
        raise AssertionError("asked while another process tries")
    assert states.of("county").failures == 0


def test_how_long_an_archive_is_left_alone_grows_and_is_bounded() -> None:
    waits = [closed_until_us(failures, 0) / 1e6 for failures in range(1, 20)]
    assert waits[: FAILURES - 1] == [0] * (FAILURES - 1)
    assert waits[FAILURES - 1] == FIRST_SECONDS
    assert waits == sorted(waits)
    assert max(waits) == LONGEST_SECONDS


def test_the_hub_is_told_when_an_archive_cannot_be_reached_and_when_it_can_again(
    archive: Archive, recording_hub: RecordingHub
) -> None:
    registered = DistantArchive("county", "county", url=f"http://127.0.0.1:{free_port()}/dicom-web")
    recording_hub.distant.append(registered)
    follower = ArchiveFollower(registered, archive, recording_hub)
    for _ in range(FAILURES):
        follower.step(datetime.now(ZONE))
        archive.index.distant_archives.failed("county", "hangs", 1, time.time_ns() // 1000 + 60_000_000).result()
    follower.step(datetime.now(ZONE))
    archive.index.distant_archives.reached("county", 2).result()
    follower.step(datetime.now(ZONE))
    told = [one.entries[0].body for one in recording_hub.submissions]
    assert [b'"error"' in body for body in told] == [True, False]
    assert b'"active"' in told[-1]


def test_what_was_evicted_is_fetched_again_and_only_once_for_all_who_ask(
    tmp_path: Path, blobs: FolderBlobStore, settings: DicomSettings, recording_hub: RecordingHub
) -> None:
    if missing("Orthanc", DICOM_WEB_PLUGIN):
        pytest.skip("Orthanc with DICOMweb is not installed")
    made = [
        part10(image(StudyInstanceUID="1.3", SeriesInstanceUID="1.3.1", SOPInstanceUID=f"1.3.1.{number}"))
        for number in (1, 2)
    ]
    small = replace(settings, distant_cache_bytes=len(made[0]) * 3 // 2)
    with orthanc(tmp_path / "orthanc", free_port()) as pacs:
        for content in made:
            pacs.put(content)
        registered = DistantArchive("pacs", "county", url=pacs.url, requests_per_second=1000)
        recording_hub.distant.append(registered)
        archive = Archive(tmp_path / "dicom", small, blobs, recording_hub.quarantine, recording_hub.archives)
        archive.index.distant_studies.hear_of("pacs", ["1.3"], 1).result()
        follower = ArchiveFollower(registered, archive, recording_hub)
        while follower.step(datetime.now(ZONE)):
            pass
        rows = archive.index.instances(EVERYTHING, "1.3")
        fetched = []
        original = archive.distant._checked
        archive.distant._checked = lambda row, path: (fetched.append(row.uid), original(row, path))[1]  # type: ignore
        with ThreadPoolExecutor(8) as readers:
            assert len({one.size_bytes for one in readers.map(archive.files.at_hand, [rows[0]] * 8)}) == 1
        assert fetched == ["1.3.1.1"]
        for row in (rows[1], rows[0]):
            assert archive.files.at_hand(row).sha256
        assert fetched == ["1.3.1.1", "1.3.1.2", "1.3.1.1"]
        assert archive.distant.cache.size_bytes() <= small.distant_cache_bytes
        archive.close()
