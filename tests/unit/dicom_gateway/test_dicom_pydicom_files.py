"""Every file of pydicom and pydicom-data that is an object of a patient goes in by C-STORE and by STOW-RS, and its data
set comes out as it was, byte for byte."""

import warnings
from functools import cache
from pathlib import Path
from typing import Any

import data_store
import pydicom
import pytest
from dicom_parts import RecordingHub
from pydicom.uid import DeflatedExplicitVRLittleEndian

from dicom_gateway.archive import Archive
from dicom_gateway.dimse.message import Element, Field, Value, encode_command
from dicom_gateway.file_meta import read_file_meta
from dicom_gateway.scu.association import Proposed, association
from dicom_gateway.server import DicomServer
from dicom_gateway.settings import DicomSettings
from dicom_gateway.sop_classes import storage_sop_classes
from dicom_gateway.transfer_syntaxes import TRANSFER_SYNTAXES
from hub.contracts.caller import EVERYTHING, Caller, Role
from hub.contracts.errors import ExchangeError

FOLDERS = (Path(pydicom.__file__).parent / "data", Path(data_store.__file__).parent)
NAMELESS, TORN = 0xA900, 0xC000
REFUSED = {
    "JPEGLSNearLossless_08.dcm": NAMELESS, "JPEGLSNearLossless_16.dcm": NAMELESS, "SC_rgb_jls_lossy_line.dcm": NAMELESS,
    "SC_rgb_jls_lossy_sample.dcm": NAMELESS, "bad_sequence.dcm": NAMELESS, "MR_truncated.dcm": TORN,
    "rtplan_truncated.dcm": TORN, "emri_small_jpeg_2k_lossless_too_short.dcm": TORN,
}  # fmt: skip
"""Those without the UIDs that every object must have (PS3.3 C.7.2.1, C.7.3.1), or with what is no UID; those that end
within an element."""


class Sample:
    """A Part 10 file, and the UIDs in its data set. Each is sent by a client of an organization of its own: many of
    them hold one SOP instance in several transfer syntaxes."""

    def __init__(self, path: Path) -> None:
        self.name = path.name
        self.content = path.read_bytes()
        self.syntax, at = read_file_meta(self.content)
        self.data = self.content[at:]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # they are odd on purpose
            header = pydicom.dcmread(path, stop_before_pixels=True, force=True)
            self.sop_class, self.instance, self.study, self.series = (
                str(header.get(name, "") or "")
                for name in ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID")
            )


@cache
def samples() -> tuple[Sample, ...]:
    found = []
    for folder in FOLDERS:
        for path in sorted(one for one in folder.rglob("*") if one.is_file()):
            try:
                read_file_meta(path.read_bytes())
            except ExchangeError:
                continue  # no Part 10 file
            found.append(Sample(path))
    return tuple(one for one in found if one.sop_class in storage_sop_classes() and one.syntax in TRANSFER_SYNTAXES)


@pytest.fixture
def settings() -> DicomSettings:
    return DicomSettings(free_space_floor_bytes=0, quiet_seconds=3600)


def client(number: int) -> Caller:
    return Caller(f"client-{number}", Role.CLINIC, f"clinic-{number}")


def test_they_are_many() -> None:
    assert len(samples()) > 200
    assert {one.syntax for one in samples()} >= {DeflatedExplicitVRLittleEndian, "1.2.840.10008.1.2.2"}


def test_by_c_store(server: Any, recording_hub: RecordingHub) -> None:
    for number, sample in enumerate(samples()):
        recording_hub.titles[f"CLIENT{number}"] = client(number)
        expected = REFUSED.get(sample.name, 0)
        assert _c_store(server, f"CLIENT{number}", sample) == expected, sample.name
        if not expected:
            assert _kept(server, number, sample) == sample.data, sample.name


def _c_store(server: Any, ae_title: str, sample: Sample) -> int:
    proposed = [Proposed(sample.sop_class, (sample.syntax,))]
    with association(
        ("127.0.0.1", server.port), calling=ae_title, called="HUB", proposed=proposed, maximum_pdu_bytes=16384,
        connect_seconds=10, network_seconds=10,
    ) as line:  # fmt: skip
        elements: dict[int, Value] = {
            Element.AFFECTED_SOP_CLASS: sample.sop_class, Element.COMMAND_FIELD: Field.C_STORE_RQ,
            Element.MESSAGE_ID: 1, Element.PRIORITY: 0, Element.AFFECTED_SOP_INSTANCE: sample.instance,
        }  # fmt: skip
        context = line.contexts[sample.sop_class, sample.syntax]
        line.exchange.send(context, encode_command(elements, data_set=True), sample.data)
        return line.exchange.receive().status


def _kept(server: DicomServer, number: int, sample: Sample) -> bytes:
    row = server.archive.index.of_owner(f"clinic-{number}", sample.instance)
    assert row is not None
    assert (row.transfer_syntax, row.sop_class) == (sample.syntax, sample.sop_class)
    with server.archive.files.file(row) as view:
        return bytes(view[row.data_set_at :])


def test_by_stow_and_wado(ask: Any, archive: Archive) -> None:
    for number, sample in enumerate(samples()):
        if sample.name in REFUSED:
            continue
        body = b"--x\r\nContent-Type: application/dicom\r\n\r\n" + sample.content + b"\r\n--x--\r\n"
        stored = ask(
            "/studies", client(number), "POST",
            {"Content-Type": 'multipart/related; type="application/dicom"; boundary=x'}, body,
        )  # fmt: skip
        assert stored.status_code == 200, sample.name
        path = f"/studies/{sample.study}/series/{sample.series}/instances/{sample.instance}"
        came = ask(path, client(number), headers={"Accept": "application/dicom; transfer-syntax=*"})
        assert came.status_code == 200, sample.name
        assert came.content == sample.content, sample.name
    assert len(archive.index.instances(EVERYTHING, samples()[0].study)) >= 1
