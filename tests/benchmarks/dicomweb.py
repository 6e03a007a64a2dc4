"""DICOMweb: searches over 1,200 and 50,000 studies, metadata, frames and whole series; hub and, where it is installed,
Orthanc with its DICOMweb plugin, asked the same by the same client in turn."""

import http.client
import math
import shutil
import sqlite3
import statistics
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import pydicom

from dicom_gateway.character_set import choose
from dicom_gateway.header import Header
from dicom_gateway.study_index.index import StudyIndex
from dicom_gateway.study_index.placing import Arrival, place
from dicom_gateway.transfer_syntaxes import EXPLICIT_VR_LITTLE_ENDIAN
from tests.benchmarks.dicom_images import series
from tests.benchmarks.dicom_systems import System, free_port, orthanc_is_here, start_orthanc
from tests.benchmarks.query_retrieve import _objects, _send
from tests.journeys.running_hub import RunningHub

PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
ROUNDS = 15
JSON = "application/dicom+json"
INSTANCES = 'multipart/related; type="application/dicom"; transfer-syntax=*'
FRAMES = 'multipart/related; type="application/octet-stream"; transfer-syntax=*'
CONNECTIONS = 6
SEARCHES = {
    "all": "/studies",
    "limit=100": "/studies?limit=100",
    "PatientID": "/studies?PatientID=P0000077",
    "a month": "/studies?StudyDate=20260301-20260331",
    "AccessionNumber": "/studies?AccessionNumber=A0000121",
}
PAGES = {
    "limit=100": "/studies?limit=100",
    "PatientID": "/studies?PatientID=P0000077",
    "a month, limit=25": "/studies?StudyDate=20260301-20260331&limit=25",
    "AccessionNumber": "/studies?AccessionNumber=A0000121",
    "a name's beginning, limit=25": "/studies?PatientName=BENCH00003*&limit=25",
}
"""The same number of results however many studies there are."""


@dataclass(frozen=True)
class Door:
    """Root of a system's DICOMweb services, and what a request carries beside its own."""

    name: str
    root: str
    headers: dict[str, str]


class Line:
    """One keep-alive connection."""

    def __init__(self, door: Door) -> None:
        place = urlsplit(door.root)
        self._path, self._headers = place.path, door.headers
        self._connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=300)

    def get(self, path: str, accept: str) -> tuple[int, int]:
        """Status and length of an answer that is read to its end."""
        self._connection.request("GET", self._path + path, headers={**self._headers, "Accept": accept})
        answer, size = self._connection.getresponse(), 0
        while piece := answer.read(1 << 20):
            size += len(piece)
        return answer.status, size

    def close(self) -> None:
        self._connection.close()


def run(folder: Path, small: bool) -> Iterator[tuple[str, str, str]]:
    if shutil.which("storescu") is None:
        yield "DICOMweb", "not measured: DCMTK's storescu is missing", "apt-get install dcmtk"
        return
    few, many, slices = (600, 3_000, 40) if small else (1_200, 50_000, 200)
    objects, images = _objects(folder / "few", few), series(folder / "ct", slices)
    with ExitStack() as running:
        started = [_hub(folder / "hub", running)]
        if orthanc_is_here() and PLUGIN.exists():
            started.append(_orthanc(folder / "orthanc", running))
        for _door, system in started:
            _send(system, *objects, folder / "ct")
            system.settle()
        doors = [door for door, _system in started]
        ratios = []
        for name, path in SEARCHES.items():
            median = _medians(doors, partial(_answered, path=path, accept=JSON), ROUNDS)
            ratios.append(median[-1] / median[0])
            yield _row(f"QIDO over {few:,} studies: {name}", doors, median)
        if len(doors) > 1:
            mean = math.exp(statistics.mean(map(math.log, ratios)))
            yield f"QIDO over {few:,} studies, geometric mean", f"{mean:.1f} ×", "Orthanc; at least 10 ×"
        yield from _retrievals(doors, images, slices)
        at_few = {name: _p50(doors[0], path) for name, path in PAGES.items()}
        _fill(folder / "hub", few, many)
        for name, path in PAGES.items():
            p50 = _p50(doors[0], path)
            yield (
                f"QIDO over {many:,} studies: {name}", f"p50 {p50 * 1e3:.2f} ms",
                f"over {few:,}: {at_few[name] * 1e3:.2f} ms, {p50 / at_few[name]:.2f} × (at most 1.5 ×)",
            )  # fmt: skip


def _retrievals(doors: list[Door], images: list[Path], slices: int) -> Iterator[tuple[str, str, str]]:
    headers = [pydicom.dcmread(path, stop_before_pixels=True) for path in images]
    base = f"/studies/{headers[0].StudyInstanceUID}/series/{headers[0].SeriesInstanceUID}"
    instances = [f"{base}/instances/{one.SOPInstanceUID}" for one in headers]
    size = sum(path.stat().st_size for path in images) / 1e6
    for what, path, accept in (
        (f"series metadata, {slices} slices (at least 10 ×)", f"{base}/metadata", JSON),
        ("one CT instance", instances[0], INSTANCES),
        ("one CT frame", f"{instances[0]}/frames/1", FRAMES),
    ):
        yield _row(what, doors, _medians(doors, partial(_answered, path=path, accept=accept), ROUNDS))
    whole = _medians(doors, partial(_answered, path=base, accept=INSTANCES), 7)
    yield _row(f"whole series in one answer, {size:.0f} MB (at least 0.8 ×)", doors, whole)
    frames = [_in_parallel(doors, [f"{one}/frames/1" for one in instances]) for _round in range(5)]
    median = [statistics.median(values) for values in zip(*frames, strict=True)]
    yield _row(f"{slices} frames over {CONNECTIONS} connections (at least 2 ×)", doors, median)


def _medians(doors: list[Door], ask: Callable[[Line], None], rounds: int) -> list[float]:
    lines = [Line(one) for one in doors]
    took: list[list[float]] = [[] for _one in doors]
    for number in range(rounds + 1):
        for line, values in zip(lines, took, strict=True):
            begun = time.perf_counter()
            ask(line)
            if number:  # the first is to warm up
                values.append(time.perf_counter() - begun)
    for line in lines:
        line.close()
    return [statistics.median(values) for values in took]


def _p50(door: Door, path: str) -> float:
    (median,) = _medians([door], partial(_answered, path=path, accept=JSON), 200)
    return median


def _in_parallel(doors: list[Door], paths: list[str]) -> list[float]:
    took = []
    for door in doors:
        lines = [Line(door) for _number in range(CONNECTIONS)]

        def work(number: int, lines: list[Line] = lines) -> None:
            for path in paths[number::CONNECTIONS]:
                _answered(lines[number], path, FRAMES)

        begun = time.perf_counter()
        with ThreadPoolExecutor(CONNECTIONS) as threads:
            list(threads.map(work, range(CONNECTIONS)))
        took.append(time.perf_counter() - begun)
        for line in lines:
            line.close()
    return took


def _answered(line: Line, path: str, accept: str) -> None:
    status, size = line.get(path, accept)
    assert status == 200, (path, status)
    assert size


def _row(what: str, doors: list[Door], median: list[float]) -> tuple[str, str, str]:
    others = [
        f"{one.name} {value * 1e3:,.1f} ms, ratio {value / median[0]:.1f}"
        for one, value in zip(doors[1:], median[1:], strict=True)
    ]
    return what, f"{median[0] * 1e3:,.2f} ms", "; ".join(others) or "Orthanc's DICOMweb plugin is not installed"


def _hub(folder: Path, running: ExitStack) -> tuple[Door, System]:
    hub = RunningHub(folder).start()
    running.callback(hub.stop)
    token = hub.register("bench", "clinic", "bench", "--ae-title", "BENCH")
    place = "127.0.0.1", int(str(hub.doors["dicom"]).rsplit(":", 1)[1])
    door = Door("hub", f"{hub.http}/dicom-web", {"Authorization": f"Bearer {token}"})
    return door, System(place, "HUB", hub.pid, folder)


def _orthanc(folder: Path, running: ExitStack) -> tuple[Door, System]:
    port = free_port()
    system = start_orthanc(
        folder, running, HttpServerEnabled=True, HttpPort=port, RemoteAccessAllowed=False, Plugins=[str(PLUGIN)]
    )
    return Door("Orthanc", f"http://127.0.0.1:{port}/dicom-web", {}), system


def _fill(data: Path, begin: int, end: int) -> None:
    """Index rows of studies as if their objects had come and been told of; there are no files behind them, and a search
    at study level reads none."""
    index = StudyIndex(data / "dicom" / "index.sqlite")

    def change(serials: range, connection: sqlite3.Connection) -> None:
        for serial in serials:
            place(connection, _arrival(serial))
        connection.execute("UPDATE instance SET described = 1, spool = NULL WHERE received_us = 0")

    for first in range(begin, end, 1000):
        index.writer.submit(partial(change, range(first, min(first + 1000, end)))).result()
    index.close()


def _arrival(serial: int) -> Arrival:
    mark = f"{serial:07d}"
    day = f"{2025 + serial // 336 % 2}{serial // 28 % 12 + 1:02d}{serial % 28 + 1:02d}"
    header = Header(
        "1.2.840.10008.5.1.4.1.1.7", f"1.2.3.1{mark}", f"1.2.4.1{mark}", f"1.2.5.1{mark}", choose(None, ()),
        patient_id=f"P{mark}", patient_name=f"BENCH{mark}^A", birth_date="19700101", modality="OT", study_date=day,
        study_time="080000", accession_number=f"A{mark}", study_description="Bench",
    )  # fmt: skip
    return Arrival(
        header, "bench", "bench", "clinic", "BENCH", EXPLICIT_VR_LITTLE_ENDIAN, 1000, 300, serial.to_bytes(32, "big"),
        f"bench-{mark}", 0, 0, announced=True,
    )  # fmt: skip
