"""Damaged objects are refused in the room's own words, or read without harm; nothing else happens."""

import io

from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, generate_uid

from dicom_gateway.dicom_json import dicom_json, encode
from dicom_gateway.file_meta import read_file_meta
from dicom_gateway.frames import frame_table
from dicom_gateway.header import WANTED, read_header
from dicom_gateway.locate import locate
from dicom_gateway.scan import scan
from dicom_gateway.transfer_syntaxes import TRANSFER_SYNTAXES
from hub.contracts.errors import ExchangeError

SYNTAXES = ("1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2")
_WANTED = dict.fromkeys(WANTED)


def _whole(syntax: str) -> bytes:
    item = Dataset()
    item.CodeValue, item.CodeMeaning = "C1", "meaning"
    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = UID(syntax)
    made.SOPClassUID, made.SOPInstanceUID = UID("1.2.840.10008.5.1.4.1.1.2"), generate_uid(entropy_srcs=["1"])
    made.StudyInstanceUID, made.SeriesInstanceUID = generate_uid(entropy_srcs=["2"]), generate_uid(entropy_srcs=["3"])
    made.PatientID, made.PatientName, made.Modality = "P1", "Test^One", "CT"
    made.ProcedureCodeSequence = [item, item]
    made["ProcedureCodeSequence"].is_undefined_length = True
    made.Rows = made.Columns = 4
    made.BitsAllocated, made.SamplesPerPixel, made.PixelRepresentation = 16, 1, 0
    made.PixelData = bytes(32)
    made["PixelData"].VR = "OW"
    buffer = io.BytesIO()
    made.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


WHOLE = {syntax: _whole(syntax) for syntax in SYNTAXES}


@settings(max_examples=300)
@given(
    st.sampled_from(SYNTAXES),
    st.lists(st.tuples(st.integers(132, 700), st.integers(0, 255)), max_size=6),
    st.integers(0, 200),
)
def test_damage_does_no_harm(syntax: str, changes: list[tuple[int, int]], cut: int) -> None:
    content = bytearray(WHOLE[syntax])
    for at, value in changes:
        if at < len(content):
            content[at] = value
    content = content[: len(content) - cut]
    try:
        uid, begin = read_file_meta(content)
        known = TRANSFER_SYNTAXES.get(uid)
        if known is None or known.deflated:
            return
        found = scan(content, begin, len(content), known, _WANTED)
        header = read_header(found, big_endian=known.big_endian)
    except ExchangeError:
        return
    encode(dicom_json(content, begin, len(content), known, header.characters))
    for frame in frame_table(content, found, header, known):
        assert all(position >= 0 and position + length <= len(content) + 1 for position, length in frame)
    locate(content, begin, len(content), known, ["00081032", "1", "00080100"])
