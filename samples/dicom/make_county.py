"""Made-up images of the county: a chest CT, a chest DR, and one small study for each way clinics write Chinese names.

    python samples/dicom/make_county.py FOLDER

The pictures are drawn (an ellipse with two lungs), the persons do not exist (resident numbers of region 990101). The
same day gives the same bytes: UIDs come from a hash of what they name.
"""

import sys
from datetime import date, timedelta
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian, generate_uid

CT = UID("1.2.840.10008.5.1.4.1.1.2")
DX = UID("1.2.840.10008.5.1.4.1.1.1.1")
CR = UID("1.2.840.10008.5.1.4.1.1.1")
PATIENT, NAME = "990101196204150026", "陈秀英"
ROOT = "2.25.1962041500."

NAMES = {
    "gb18030": ("GB18030", "张^伟", "gb18030"),
    "gbk": ("GBK", "欧阳^娜娜", "gbk"),
    "utf8": ("ISO_IR 192", "Wang^Xiaofang=王^小芳", "utf-8"),
    "unlabelled-gbk": (None, "朱^镕", "gbk"),
    "latin-labelled-gbk": ("ISO_IR 100", "李^昇", "gbk"),
    "gb18030-labelled-utf8": ("GB18030", "赵^敏", "utf-8"),
    "iso2022-58": ("\\ISO 2022 IR 58", "Liu^Qiang=刘^强", "iso2022"),
}
"""For each file: the label (0008,0005), the name, and the encoding it is really written in."""


def yesterday() -> date:
    """A day whose studies are never of the future, whatever the hour and the time zone of this machine."""
    return date.today() - timedelta(days=1)


def make(folder: Path, day: date | None = None) -> dict[str, list[Path]]:
    """The two studies of the demonstration, as of ``day`` (yesterday)."""
    day = day or yesterday()
    return {"ct": _chest_ct(folder / "ct", day), "dr": _chest_dr(folder / "dr", day)}


def make_names(folder: Path, day: date | None = None) -> dict[str, Path]:
    """One small CR image for each row of ``NAMES``, by its key."""
    day = day or yesterday()
    made = {}
    for key, (label, name, encoding) in NAMES.items():
        image = _image(CR, "CR", f"names/{key}", 1, day, patient=f"N-{key}", label=label)
        image.add_new(0x00100010, "PN", _encoded(name, encoding))
        image.StudyDescription = "Chest"
        _pixels(image, (_thorax(64) * 900 + 60).astype("<u2"))
        made[key] = _save(image, folder / f"{key}.dcm")
    return made


def _encoded(name: str, encoding: str) -> bytes:
    if encoding != "iso2022":
        return name.encode(encoding)
    alphabetic, ideographic = name.split("=")
    escaped = "^".join((b"\x1b$)A" + part.encode("gb2312")).decode("latin-1") for part in ideographic.split("^"))
    return alphabetic.encode() + b"=" + escaped.encode("latin-1")


def _chest_ct(folder: Path, day: date) -> list[Path]:
    paths = []
    for number in range(1, 25):
        image = _image(CT, "CT", "chest-ct", number, day, patient=PATIENT, label="GB18030")
        image.add_new(0x00100010, "PN", NAME.encode("gb18030"))
        image.add_new(0x00081030, "LO", "胸部CT平扫".encode("gb18030"))
        image.add_new(0x0008103E, "LO", "肺窗 5mm".encode("gb18030"))
        image.ImageType, image.BodyPartExamined = ["ORIGINAL", "PRIMARY", "AXIAL"], "CHEST"
        image.PixelSpacing, image.SliceThickness, image.KVP = [1.4, 1.4], 5, 120
        image.ImagePositionPatient = [-180, -180, 5 * number]
        image.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        image.RescaleIntercept, image.RescaleSlope = -1024, 1
        image.WindowCenter, image.WindowWidth = -600, 1500
        _pixels(image, (_thorax(256, 0.7 + 0.3 * np.sin(number / 8)) * 1100 + 24).astype("<u2"))
        paths.append(_save(image, folder / f"{number:03d}.dcm"))
    return paths


def _chest_dr(folder: Path, day: date) -> list[Path]:
    """The name as many consoles send it: GBK under no label at all."""
    image = _image(DX, "DX", "chest-dr", 1, day, patient=PATIENT, label=None)
    image.add_new(0x00100010, "PN", NAME.encode("gbk"))
    image.add_new(0x00081030, "LO", "胸部正位片".encode("gbk"))
    image.ImageType, image.BodyPartExamined, image.ViewPosition = ["ORIGINAL", "PRIMARY"], "CHEST", "PA"
    image.PresentationIntentType, image.ImagerPixelSpacing = "FOR PRESENTATION", [0.4, 0.4]
    image.WindowCenter, image.WindowWidth = 2048, 4096
    _pixels(image, (4000 - _thorax(1024) * 3000).astype("<u2"))
    return [_save(image, folder / "001.dcm")]


def _image(
    sop_class: UID, modality: str, study: str, number: int, day: date, *, patient: str, label: str | None
) -> Dataset:
    named = [ROOT, study, day.isoformat()]
    image = Dataset()
    image.file_meta = FileMetaDataset()
    image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    image.file_meta.ImplementationClassUID = UID("2.25.1962041501")
    if label is not None:
        image.SpecificCharacterSet = label.split("\\")
    image.SOPClassUID = sop_class
    image.SOPInstanceUID = generate_uid(entropy_srcs=[*named, str(number)])
    image.StudyInstanceUID = generate_uid(entropy_srcs=named)
    image.SeriesInstanceUID = generate_uid(entropy_srcs=[*named, "series"])
    image.StudyDate = image.SeriesDate = image.ContentDate = day.strftime("%Y%m%d")
    image.StudyTime = image.SeriesTime = image.ContentTime = "081500"
    image.AccessionNumber, image.StudyID = "", "1"
    image.Modality, image.Manufacturer = modality, "Sample"
    image.ReferringPhysicianName = ""
    image.PatientID, image.PatientBirthDate, image.PatientSex = patient, "19620415", "F"
    image.SeriesNumber, image.InstanceNumber = 1, number
    return image


def _thorax(size: int, scale: float = 1.0) -> np.ndarray:
    """Between 0 and 1: air around a body with two darker lungs."""
    y, x = np.ogrid[-1 : 1 : size * 1j, -1 : 1 : size * 1j]
    body = ((x / 0.85) ** 2 + (y / 0.7) ** 2 < 1) * 0.95
    lungs = (((abs(x) - 0.38) / 0.28) ** 2 + (y / (0.5 * scale)) ** 2 < 1) * 0.75
    spine = (x**2 + ((y - 0.42) / 1.2) ** 2 < 0.012) * 0.05
    return np.clip(body - lungs * (body > 0) + spine, 0, 1)


def _pixels(image: Dataset, picture: np.ndarray) -> None:
    image.Rows, image.Columns = picture.shape
    image.SamplesPerPixel, image.PhotometricInterpretation = 1, "MONOCHROME2"
    image.BitsAllocated, image.BitsStored, image.HighBit, image.PixelRepresentation = 16, 12, 11, 0
    image.PixelData = picture.tobytes()


def _save(image: Dataset, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save_as(path, enforce_file_format=True)
    return path


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else Path("county-images")
    make(target)
    make_names(target / "names")
    print(f"Images are in {target}.")
