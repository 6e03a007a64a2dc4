"""C-FIND over many studies, C-GET and C-MOVE of a CT series: hub and, where it is installed, Orthanc, asked by the same
client in turn."""

import json
import os
import shutil
import socket
import sqlite3
import statistics
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID
from pynetdicom.dsutils import encode

from dicom_gateway.dimse.message import Element, Field, Value, encode_command
from dicom_gateway.scp.command_set import CommandSet, number, parse
from dicom_gateway.scu.association import Outgoing, Proposed, association
from dicom_gateway.sop_classes import STUDY_ROOT_FIND, STUDY_ROOT_GET, STUDY_ROOT_MOVE
from dicom_gateway.transfer_syntaxes import EXPLICIT_VR_LITTLE_ENDIAN
from tests.benchmarks.cstore import PROMPT, _free_port, _series, _wait
from tests.journeys.running_hub import RunningHub

CT, CAPTURE = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.7"
ROUNDS = 5
QUERIES: dict[str, dict[str, str]] = {
    "all": {},
    "a month": {"StudyDate": "20260301-20260331"},
    "a number": {"PatientID": "P0000777"},
    "a name's beginning": {"PatientName": "BENCH00012*"},
}
RETURNED = ("StudyInstanceUID", "PatientName", "PatientID", "PatientBirthDate", "StudyDate", "StudyTime",
            "AccessionNumber", "StudyDescription")  # fmt: skip
Place = tuple[str, int]


@dataclass(frozen=True)
class System:
    """A server under measurement: where it listens, and the process at the root of its tree."""

    place: Place
    pid: int

    def processor_seconds(self) -> float:
        """Of all its processes, so far; to the hundredth."""
        parents: dict[int, tuple[int, int]] = {}
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):
                fields = stat.read_text().rpartition(")")[2].split()
                parents[int(stat.parent.name)] = int(fields[1]), int(fields[11]) + int(fields[12])
        tree = {self.pid}
        while more := {pid for pid, (parent, _ticks) in parents.items() if parent in tree} - tree:
            tree |= more
        return sum(parents[pid][1] for pid in tree if pid in parents) / os.sysconf("SC_CLK_TCK")


def run(folder: Path, small: bool) -> Iterator[tuple[str, str, str]]:
    if shutil.which("storescu") is None:
        yield "C-FIND, C-GET, C-MOVE", "not measured: DCMTK's storescu is missing", "apt-get install dcmtk"
        return
    yield from measured(folder, *((2_000, 40) if small else (50_000, 200)))


def measured(folder: Path, count: int, slices: int) -> Iterator[tuple[str, str, str]]:
    """Over ``count`` studies; filling both by C-STORE takes most of the time."""
    objects, series = _objects(folder / "objects", count), _series(folder / "ct", slices)
    receiver = _free_port()
    with ExitStack() as running:
        systems = {"hub": _hub(folder / "hub", receiver, running)}
        if shutil.which("Orthanc"):
            systems["Orthanc"] = _orthanc(folder / "orthanc", receiver, running)
        inbox = folder / "inbox"
        inbox.mkdir()
        peer = subprocess.Popen(["storescp", "--ignore", "-pdu", "131072", str(receiver)], env=PROMPT)
        running.callback(peer.wait)
        running.callback(peer.terminate)
        _wait(receiver)
        for name, one in systems.items():
            for content in (objects, series):
                command = ["storescu", "-aet", "BENCH", "-aec", name.upper(), "+sd", "+r", *map(str, one.place)]
                subprocess.run([*command, str(content)], check=True, env=PROMPT, capture_output=True)
        _wait_for_aftercare(folder / "hub")
        for name, asked in QUERIES.items():
            yield _row(f"C-FIND over {count:,} studies: {name}", systems, partial(_find, asked))
        study = _uid_of(series)
        yield _row(f"C-GET, CT of {slices} slices", systems, partial(_get, study))
        yield _row(f"C-MOVE, CT of {slices} slices", systems, partial(_move, study))


def _wait_for_aftercare(data: Path) -> None:
    """Until the hub has finished what follows the acknowledgement, telling its record of the studies included: a fill
    of this size is no part of the question."""
    with sqlite3.connect(f"file:{data}/dicom/index.sqlite?mode=ro", uri=True) as index:
        for left in (
            "SELECT 1 FROM instance WHERE described = 0 OR spool IS NOT NULL LIMIT 1",
            "SELECT 1 FROM study WHERE revision > told LIMIT 1",
        ):
            while index.execute(left).fetchone():
                time.sleep(1)


def _row(what: str, systems: dict[str, System], measure: Any) -> tuple[str, str, str]:
    """Systems in turn; medians, and the processor time of the server beside the time that passed, which on a machine
    with other work says more."""
    seconds: dict[str, list[float]] = {}
    processor: dict[str, list[float]] = {}
    counts = set()
    for _round in range(ROUNDS):
        for name, one in systems.items():
            begun, used = time.perf_counter(), one.processor_seconds()
            counts.add(measure(one.place, name.upper()))
            seconds.setdefault(name, []).append(time.perf_counter() - begun)
            processor.setdefault(name, []).append(one.processor_seconds() - used)
    assert len(counts) == 1, f"{what}: the systems disagree: {counts}"
    median = {name: statistics.median(values) for name, values in seconds.items()}
    cpu = {name: statistics.mean(values) for name, values in processor.items()}
    others = [
        f"{name} {value * 1000:,.1f} ms, processor {cpu[name] * 1000:,.0f} ms, ratio {value / median['hub']:.2f}"
        for name, value in median.items()
        if name != "hub"
    ]
    hub = f"{median['hub'] * 1000:,.1f} ms for {counts.pop():,}, processor {cpu['hub'] * 1000:,.0f} ms"
    return what, hub, "; ".join(others)


def _associate(at: Place, called: str, *proposed: Proposed) -> Any:
    return association(
        at, calling="BENCH", called=called, proposed=proposed, maximum_pdu_bytes=131072, connect_seconds=30,
        network_seconds=120,
    )  # fmt: skip


def _request(outgoing: Outgoing, sop_class: str, field: Field, identifier: Dataset, **more: Value) -> None:
    elements: dict[int, Value] = {
        Element.AFFECTED_SOP_CLASS: sop_class, Element.COMMAND_FIELD: field, Element.MESSAGE_ID: 1, Element.PRIORITY: 0,
    }  # fmt: skip
    elements |= {Element[name]: value for name, value in more.items()}
    data = encode(identifier, False, True)
    assert data is not None
    context_id = outgoing.contexts[sop_class, EXPLICIT_VR_LITTLE_ENDIAN]
    outgoing.exchange.send(context_id, encode_command(elements, data_set=True), data)


def _find(asked: dict[str, str], at: Place, called: str) -> int:
    identifier = Dataset()
    identifier.QueryRetrieveLevel = "STUDY"
    for name in RETURNED:
        setattr(identifier, name, asked.get(name, ""))
    found = 0
    with _associate(at, called, Proposed(STUDY_ROOT_FIND, (EXPLICIT_VR_LITTLE_ENDIAN,))) as outgoing:
        _request(outgoing, STUDY_ROOT_FIND, Field.C_FIND_RQ, identifier)
        for command in _commands(outgoing.exchange._socket):
            status = number(command, Element.STATUS)
            if status >> 8 != 0xFF:
                assert status == 0
                break
            found += 1
    return found


def _commands(connection: socket.socket) -> Iterator[CommandSet]:
    """The command sets that come, data sets skipped, read in large pieces: the client is not what is measured."""
    buffer, at = bytearray(), 0
    while True:
        while len(buffer) < at + 6 or len(buffer) < (end := at + 6 + int.from_bytes(buffer[at + 2 : at + 6], "big")):
            del buffer[:at]
            at = 0
            buffer += connection.recv(1 << 20)
        if buffer[at + 11] & 1:
            yield parse(buffer[at + 12 : end])
        at = end


def _get(study: str, at: Place, called: str) -> int:
    came = 0
    proposed = (
        Proposed(STUDY_ROOT_GET, (EXPLICIT_VR_LITTLE_ENDIAN,)), Proposed(CT, (EXPLICIT_VR_LITTLE_ENDIAN,), as_scp=True)
    )  # fmt: skip
    with _associate(at, called, *proposed) as outgoing:
        _request(outgoing, STUDY_ROOT_GET, Field.C_GET_RQ, _study(study))
        while True:
            message = outgoing.exchange.receive()
            if message.field == Field.C_STORE_RQ:
                came += 1
                answer: dict[int, Value] = {
                    Element.AFFECTED_SOP_CLASS: CT, Element.COMMAND_FIELD: Field.C_STORE_RQ.response,
                    Element.RESPONDED_TO: message.command[Element.MESSAGE_ID], Element.STATUS: 0,
                    Element.AFFECTED_SOP_INSTANCE: message.text(Element.AFFECTED_SOP_INSTANCE),
                }  # fmt: skip
                outgoing.exchange.send(message.context_id, encode_command(answer, data_set=False))
            elif message.status != 0xFF00:
                assert message.status == 0
                return came


def _move(study: str, at: Place, called: str) -> int:
    with _associate(at, called, Proposed(STUDY_ROOT_MOVE, (EXPLICIT_VR_LITTLE_ENDIAN,))) as outgoing:
        _request(outgoing, STUDY_ROOT_MOVE, Field.C_MOVE_RQ, _study(study), MOVE_DESTINATION="BENCH")
        while (message := outgoing.exchange.receive()).status == 0xFF00:
            pass
        assert message.status == 0
        return int.from_bytes(message.command[Element.COMPLETED], "little")


def _study(uid: str) -> Dataset:
    made = Dataset()
    made.QueryRetrieveLevel, made.StudyInstanceUID = "STUDY", uid
    return made


def _uid_of(series: Path) -> str:
    return str(pydicom.dcmread(next(series.iterdir()), stop_before_pixels=True).StudyInstanceUID)


def _objects(folder: Path, count: int) -> Path:
    """One tiny object for each study, a thousand a folder, over two years."""
    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = UID(EXPLICIT_VR_LITTLE_ENDIAN)
    made.SOPClassUID, made.SOPInstanceUID = UID(CAPTURE), UID("1.2.3.10000000")
    made.StudyInstanceUID, made.SeriesInstanceUID = UID("1.2.4.10000000"), UID("1.2.5.10000000")
    made.PatientID, made.PatientName, made.Modality = "P0000000", "BENCH0000000^A", "OT"
    made.StudyDate, made.StudyTime, made.AccessionNumber = "20250101", "080000", "A0000000"
    made.PatientBirthDate, made.StudyDescription = "19700101", "Bench"
    made.save_as(template := folder.with_suffix(".dcm"), enforce_file_format=True)
    content = template.read_bytes()
    for serial in range(count):
        if serial % 1000 == 0:
            (folder / f"{serial:07d}").mkdir(parents=True)
        day = f"{2025 + serial // 336 % 2}{serial // 28 % 12 + 1:02d}{serial % 28 + 1:02d}".encode()
        mark = f"{serial:07d}".encode()
        one = content
        for old, new in ((b".10000000", b".1" + mark), (b"P0000000", b"P" + mark), (b"BENCH0000000", b"BENCH" + mark),
                         (b"A0000000", b"A" + mark), (b"20250101", day)):  # fmt: skip
            one = one.replace(old, new)
        (folder / f"{serial // 1000 * 1000:07d}" / f"{serial:07d}.dcm").write_bytes(one)
    return folder


def _hub(folder: Path, receiver: int, running: ExitStack) -> System:
    hub = RunningHub(folder).start(workers=1)
    running.callback(hub.stop)
    hub.register("bench", "clinic", "bench", "--ae-title", f"BENCH@127.0.0.1:{receiver}")
    return System(("127.0.0.1", int(str(hub.doors["dicom"]).rsplit(":", 1)[1])), hub.pid)


def _orthanc(folder: Path, receiver: int, running: ExitStack) -> System:
    folder.mkdir()
    port = _free_port()
    settings = {
        "StorageDirectory": str(folder), "IndexDirectory": str(folder), "DicomPort": port, "HttpServerEnabled": False,
        "DicomAlwaysAllowStore": True, "DicomAlwaysAllowFind": True, "DicomAlwaysAllowGet": True,
        "DicomAlwaysAllowMove": True, "DicomCheckCalledAet": False, "StorageCompression": False, "Plugins": [],
        "LimitFindResults": 0, "SyncStorageArea": False, "DicomModalities": {"bench": ["BENCH", "127.0.0.1", receiver]},
    }  # fmt: skip
    (folder / "orthanc.json").write_text(json.dumps(settings), encoding="utf-8")
    peer = subprocess.Popen(
        ["Orthanc", str(folder / "orthanc.json")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        env={**os.environ, "TCP_NODELAY": "1"}, start_new_session=True,  # as the hub: a busy machine shares by session
    )  # fmt: skip
    running.callback(peer.wait)
    running.callback(peer.terminate)
    _wait(port)
    return System(("127.0.0.1", port), peer.pid)
