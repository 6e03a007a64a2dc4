"""Images for the benchmarks: written once by pydicom, then multiplied by replacing their UIDs and noise in place."""

import io
import os
from collections.abc import Iterator
from pathlib import Path

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, CTImageStorage, DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian

_ROOT = "1.2.826.0.1.3680043.8.498."
_INSTANCE, _SERIES, _STUDY = _ROOT + "1" * 24, _ROOT + "2" * 24, _ROOT + "3" * 24


def series(
    folder: Path, count: int, *, side: int = 512, modality: str = "CT", a_study_each: bool = False
) -> list[Path]:
    """``count`` images of ``side`` × ``side`` pixels of 16 bits, of one series or each of a study of its own. No two
    calls give the same UIDs or the same pixels."""
    folder.mkdir()
    template = _template(side, modality)
    study, one_series = _digits(), _digits()
    files = []
    for number in range(count):
        if a_study_each:
            study, one_series = _digits(), _digits()
        content = template
        for old, new in ((_INSTANCE, _digits()), (_SERIES, one_series), (_STUDY, study)):
            content = content.replace(old.encode(), (_ROOT + new).encode())
        path = folder / f"{number:05d}.dcm"
        path.write_bytes(content[: -side * side * 2] + os.urandom(side * side * 2))
        files.append(path)
    return files


def parts(files: list[Path], count: int) -> Iterator[list[Path]]:
    """The same files, dealt out to ``count`` senders."""
    return (files[begin::count] for begin in range(count))


def _digits() -> str:
    return str(int.from_bytes(os.urandom(10), "big") % 10**23 + 10**23).rjust(24, "4")


def _template(side: int, modality: str) -> bytes:
    image = Dataset()
    image.file_meta = FileMetaDataset()
    image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    image.SOPClassUID = CTImageStorage if modality == "CT" else DigitalXRayImageStorageForPresentation
    image.SOPInstanceUID, image.SeriesInstanceUID, image.StudyInstanceUID = UID(_INSTANCE), UID(_SERIES), UID(_STUDY)
    image.PatientID, image.PatientName, image.Modality = "B1", "Bench^Mark", modality
    image.StudyDate, image.StudyTime, image.InstanceNumber = "20261122", "080000", 1
    image.SamplesPerPixel, image.PhotometricInterpretation = 1, "MONOCHROME2"
    image.Rows = image.Columns = side
    image.BitsAllocated, image.BitsStored, image.HighBit, image.PixelRepresentation = 16, 12, 11, 0
    image.PixelData = bytes(side * side * 2)
    buffer = io.BytesIO()
    image.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()
