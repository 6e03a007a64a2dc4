"""DICOM objects for the tests, made by pydicom (not by the code under test)."""

import io
from typing import Any

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian, generate_uid

CT = UID("1.2.840.10008.5.1.4.1.1.2")
IMPLICIT, EXPLICIT, BIG, DEFLATED = (
    UID("1.2.840.10008.1.2"), UID("1.2.840.10008.1.2.1"), UID("1.2.840.10008.1.2.2"), UID("1.2.840.10008.1.2.1.99"),
)  # fmt: skip
JPEG_BASELINE = UID("1.2.840.10008.1.2.4.50")


def image(syntax: str = ExplicitVRLittleEndian, **attributes: Any) -> Dataset:
    """A CT slice of 8x8 pixels; ``attributes`` replace or, given None, remove its own."""
    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = UID(syntax)
    made.SOPClassUID, made.SOPInstanceUID = CT, generate_uid()
    made.StudyInstanceUID, made.SeriesInstanceUID = generate_uid(), generate_uid()
    made.PatientID, made.PatientName, made.Modality = "P1", "Test^One", "CT"
    made.PatientBirthDate, made.PatientSex = "19700101", "F"
    made.StudyDate, made.StudyTime, made.AccessionNumber = "20261101", "081500", "A1"
    made.SeriesNumber, made.InstanceNumber = 1, 1
    made.SamplesPerPixel, made.PhotometricInterpretation = 1, "MONOCHROME2"
    made.Rows = made.Columns = 8
    made.BitsAllocated, made.BitsStored, made.HighBit, made.PixelRepresentation = 16, 12, 11, 0
    made.PixelData = bytes(range(128))
    made["PixelData"].VR = "OW"
    for name, value in attributes.items():
        if value is None:
            delattr(made, name)
        else:
            setattr(made, name, value)
    return made


def part10(made: Dataset) -> bytes:
    buffer = io.BytesIO()
    made.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def data_set_of(content: bytes) -> bytes:
    """The data set of a Part 10 file, found by the group length."""
    return content[144 + int.from_bytes(content[140:144], "little") :]
