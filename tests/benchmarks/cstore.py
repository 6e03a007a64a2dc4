"""C-STORE with DCMTK's storescu (TCP_NODELAY=1), against DCMTK's storescp and, where it is installed, Orthanc."""

import json
import os
import shutil
import socket
import statistics
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

from tests.journeys.running_hub import RunningHub

ROUNDS = 3
PROMPT = {**os.environ, "TCP_NODELAY": "1"}
"""DCMTK on either side without Nagle's algorithm, so that the peers are at their best."""


def run(folder: Path, small: bool) -> Iterator[tuple[str, str, str]]:
    if shutil.which("storescu") is None:
        yield "C-STORE", "not measured: DCMTK's storescu is missing", "apt-get install dcmtk"
        return
    count = 40 if small else 200
    rates: dict[str, list[float]] = {}
    for number in range(ROUNDS):
        files = _series(folder / f"ct{number}", count)
        rates.setdefault("hub", []).append(_hub(folder / f"hub{number}", files))
        rates.setdefault("storescp", []).append(_storescp(folder / f"scp{number}", files))
        if shutil.which("Orthanc"):
            rates.setdefault("Orthanc", []).append(_orthanc(folder / f"orthanc{number}", files))
    median = {name: statistics.median(values) for name, values in rates.items()}
    against = [
        f"{name} {rate:,.0f}/s, ratio {median['hub'] / rate:.2f}" for name, rate in median.items() if name != "hub"
    ]
    yield f"C-STORE, CT of {count} slices, 1 association, fsync", f"{median['hub']:,.0f} images/s", "; ".join(against)


def _series(folder: Path, count: int) -> Path:
    folder.mkdir()
    study, series = generate_uid(), generate_uid()
    for number in range(count):
        image = Dataset()
        image.file_meta = FileMetaDataset()
        image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        image.SOPClassUID, image.SOPInstanceUID = CTImageStorage, generate_uid()
        image.StudyInstanceUID, image.SeriesInstanceUID = study, series
        image.PatientID, image.PatientName, image.Modality = "B1", "Bench^Mark", "CT"
        image.StudyDate, image.StudyTime, image.InstanceNumber = "20261122", "080000", number + 1
        image.SamplesPerPixel, image.PhotometricInterpretation = 1, "MONOCHROME2"
        image.Rows = image.Columns = 512
        image.BitsAllocated, image.BitsStored, image.HighBit, image.PixelRepresentation = 16, 12, 11, 0
        image.PixelData = os.urandom(512 * 512 * 2)
        image.save_as(folder / f"{number:04d}.dcm", enforce_file_format=True)
    return folder


def _send(files: Path, port: int, called: str) -> float:
    """Images/s of one association; the first image is sent before, to warm up."""
    first, *rest = sorted(files.iterdir())
    command = ["storescu", "-aet", "BENCH", "-aec", called, "127.0.0.1", str(port)]
    subprocess.run([*command, str(first)], check=True, env=PROMPT, capture_output=True)
    started = time.perf_counter()
    subprocess.run([*command, *map(str, rest)], check=True, env=PROMPT, capture_output=True)
    return len(rest) / (time.perf_counter() - started)


def _hub(folder: Path, files: Path) -> float:
    hub = RunningHub(folder).start(workers=1)
    try:
        hub.register("bench", "clinic", "bench", "--ae-title", "BENCH")
        return _send(files, int(str(hub.doors["dicom"]).rsplit(":", 1)[1]), "HUB")
    finally:
        hub.stop()


def _storescp(folder: Path, files: Path) -> float:
    folder.mkdir()
    port = _free_port()
    peer = subprocess.Popen(["storescp", "-pdu", "131072", "-od", str(folder), str(port)], env=PROMPT)
    try:
        _wait(port)
        return _send(files, port, "ANY-SCP")
    finally:
        peer.terminate()
        peer.wait()


def _orthanc(folder: Path, files: Path) -> float:
    folder.mkdir()
    port = _free_port()
    settings = {
        "StorageDirectory": str(folder), "IndexDirectory": str(folder), "DicomPort": port, "HttpServerEnabled": False,
        "DicomAlwaysAllowStore": True, "DicomCheckCalledAet": False, "StorageCompression": False, "Plugins": [],
    }  # fmt: skip
    (folder / "orthanc.json").write_text(json.dumps(settings), encoding="utf-8")
    peer = subprocess.Popen(
        ["Orthanc", str(folder / "orthanc.json")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=PROMPT
    )
    try:
        _wait(port)
        return _send(files, port, "ORTHANC")
    finally:
        peer.terminate()
        peer.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(port: int) -> None:
    for _ in range(200):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError("the peer did not start")
