"""C-FIND over many studies, C-GET and C-MOVE of a CT series: hub and, where it is installed, Orthanc, asked by the same
client in turn."""

import shutil
import socket
import sqlite3
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from functools import partial
from pathlib import Path

import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID
from pynetdicom.dsutils import encode

from dicom_gateway.dimse.message import Element, Field, Value, encode_command
from dicom_gateway.file_meta import read_file_meta
from dicom_gateway.header import WANTED, read_header
from dicom_gateway.scan import scan
from dicom_gateway.scp.command_set import CommandSet, number, parse
from dicom_gateway.scu.association import Outgoing, Proposed, association
from dicom_gateway.sop_classes import STUDY_ROOT_FIND, STUDY_ROOT_GET, STUDY_ROOT_MOVE
from dicom_gateway.study_index.index import StudyIndex
from dicom_gateway.study_index.placing import Arrival, place
from dicom_gateway.transfer_syntaxes import EXPLICIT_VR_LITTLE_ENDIAN, TRANSFER_SYNTAXES
from tests.benchmarks.dicom_images import series
from tests.benchmarks.dicom_systems import (
    PROMPT,
    Place,
    System,
    free_port,
    orthanc_is_here,
    start_hub,
    start_orthanc,
    start_storescp,
)

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
LOADING_SECONDS = 180.0


def run(folder: Path, small: bool) -> Iterator[tuple[str, str, str]]:
    if shutil.which("storescu") is None:
        yield "C-FIND, C-GET, C-MOVE", "not measured: DCMTK's storescu is missing", "apt-get install dcmtk"
        return
    yield from measured(folder, *((2_000, 40) if small else (50_000, 200)))


def measured(folder: Path, count: int, slices: int) -> Iterator[tuple[str, str, str]]:
    """Over ``count`` studies, or as many as Orthanc takes by C-STORE in three minutes. The hub gets their index rows
    alone, which is all that a search at study level reads."""
    objects, images = _objects(folder / "objects", count), folder / "ct"
    series(images, slices)
    receiver = free_port()
    with ExitStack() as running:
        systems = {"hub": start_hub(folder / "hub", running, receiver=receiver)}
        if orthanc_is_here():
            systems["Orthanc"] = start_orthanc(folder / "orthanc", running, receiver=receiver, SyncStorageArea=False)
            objects = _send_for_a_while(systems["Orthanc"], objects)
        _place(folder / "hub", objects)
        start_storescp(folder / "inbox", running, "--ignore", port=receiver)
        for system in systems.values():
            _send(system, images)
            system.settle()
        studies = sum(1 for some in objects for _file in some.iterdir())
        for name, asked in QUERIES.items():
            yield _row(f"C-FIND over {studies:,} studies: {name}", systems, partial(_find, asked))
        study = _uid_of(images)
        yield _row(f"C-GET, CT of {slices} slices", systems, partial(_get, study))
        yield _row(f"C-MOVE, CT of {slices} slices", systems, partial(_move, study))


def _send(system: System, *folders: Path) -> None:
    command = ["storescu", "-aet", "BENCH", "-aec", system.ae_title, "+sd", "+r", *map(str, system.place)]
    subprocess.run([*command, *map(str, folders)], check=True, env=PROMPT, capture_output=True)


def _send_for_a_while(system: System, folders: list[Path]) -> list[Path]:
    """Those that went in ``LOADING_SECONDS``."""
    deadline = time.monotonic() + LOADING_SECONDS
    sent = []
    for folder in folders:
        if time.monotonic() > deadline:
            break
        _send(system, folder)
        sent.append(folder)
    return sent


def _place(data: Path, folders: list[Path]) -> None:
    """Index rows as C-STORE would make them, without the files, as if everything that follows were done."""
    index, syntax = StudyIndex(data / "dicom" / "index.sqlite"), TRANSFER_SYNTAXES[EXPLICIT_VR_LITTLE_ENDIAN]

    def change(folder: Path, connection: sqlite3.Connection) -> None:
        for serial, file in enumerate(sorted(folder.iterdir())):
            content = file.read_bytes()
            _syntax, at = read_file_meta(content)
            header = read_header(scan(content, at, len(content), syntax, dict.fromkeys(WANTED)), big_endian=False)
            place(connection, Arrival(
                header, "bench", "bench", "clinic", "BENCH", EXPLICIT_VR_LITTLE_ENDIAN, len(content), at,
                bytes(32), f"bench-{serial}", 0, 0, announced=True,
            ))  # fmt: skip
        connection.execute("UPDATE instance SET described = 1, spool = NULL WHERE spool LIKE 'bench-%'")

    for folder in folders:
        index.writer.submit(partial(change, folder)).result()
    index.close()


def _row(what: str, systems: dict[str, System], measure: Callable[[Place, str], int]) -> tuple[str, str, str]:
    """Systems in turn; medians, and the processor time of the server beside the time that passed, which on a machine
    with other work says more."""
    seconds: dict[str, list[float]] = {}
    processor: dict[str, list[float]] = {}
    counts = set()
    for _round in range(ROUNDS):
        for name, one in systems.items():
            begun, used = time.perf_counter(), one.processor_seconds()
            counts.add(measure(one.place, one.ae_title))
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


def _associate(at: Place, called: str, *proposed: Proposed) -> AbstractContextManager[Outgoing]:
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


def _objects(folder: Path, count: int) -> list[Path]:
    """One tiny object for each study, a thousand a folder, over two years; the folders."""
    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = UID(EXPLICIT_VR_LITTLE_ENDIAN)
    made.SOPClassUID, made.SOPInstanceUID = UID(CAPTURE), UID("1.2.3.10000000")
    made.StudyInstanceUID, made.SeriesInstanceUID = UID("1.2.4.10000000"), UID("1.2.5.10000000")
    made.PatientID, made.PatientName, made.Modality = "P0000000", "BENCH0000000^A", "OT"
    made.StudyDate, made.StudyTime, made.AccessionNumber = "20250101", "080000", "A0000000"
    made.PatientBirthDate, made.StudyDescription = "19700101", "Bench"
    made.save_as(template := folder.with_suffix(".dcm"), enforce_file_format=True)
    content, made_folders = template.read_bytes(), list[Path]()
    for serial in range(count):
        if serial % 1000 == 0:
            (folder / f"{serial:07d}").mkdir(parents=True)
            made_folders.append(folder / f"{serial:07d}")
        day = f"{2025 + serial // 336 % 2}{serial // 28 % 12 + 1:02d}{serial % 28 + 1:02d}".encode()
        mark = f"{serial:07d}".encode()
        one = content
        for old, new in ((b".10000000", b".1" + mark), (b"P0000000", b"P" + mark), (b"BENCH0000000", b"BENCH" + mark),
                         (b"A0000000", b"A" + mark), (b"20250101", day)):  # fmt: skip
            one = one.replace(old, new)
        (folder / f"{serial // 1000 * 1000:07d}" / f"{serial:07d}.dcm").write_bytes(one)
    return made_folders
