"""A series whose every image shows another picture, known to the grey level, and finding it again on a screen."""

from typing import Any

import numpy as np
from pydicom.uid import EncapsulatedPDFStorage

from tests.journeys.county import County, sample_maker

SIZE = 128
CENTER, WIDTH = 500, 1000
_MAKER = sample_maker("dicom", "make_county")


def stored(number: int) -> np.ndarray:
    """Stored values: sixteen fields of sixteen levels, another order for each number, so that no other image, and not
    the same one turned, mirrored, moved or enlarged, looks alike."""
    fields = (np.arange(16).reshape(4, 4) * 7 + number * 5) % 16
    return np.kron(fields, np.ones((SIZE // 4, SIZE // 4), int)).astype("<u2") * 60


def grey(number: int, center: float = CENTER, width: float = WIDTH) -> np.ndarray:
    """What of it a screen shows in a window (PS3.3 C.11.2.1.2.1): 0 to 255."""
    linear = ((stored(number) - (center - 0.5)) / (width - 1) + 0.5) * 255
    return np.clip(linear, 0, 255)


def sent(county: County, patient: str = "", images: int = 3, description: str = "图样<CT>") -> Any:
    """A CT series of these, of yesterday, sent by 青山镇卫生院 through STOW-RS; the last data set."""
    study = county.new("pattern")
    parts = []
    for number in range(1, images + 1):
        one = _MAKER._image(
            _MAKER.CT, "CT", study, number, _MAKER.yesterday(), patient=patient or study, label="ISO_IR 192"
        )
        one.PatientName, one.StudyDescription, one.SeriesDescription = "林^晓燕", description, "三幅图"
        one.PixelSpacing, one.ImageOrientationPatient = [1, 1], [1, 0, 0, 0, 1, 0]
        one.ImagePositionPatient = [0, 0, 5 * number]
        one.RescaleIntercept, one.RescaleSlope = 0, 1
        one.WindowCenter, one.WindowWidth = CENTER, WIDTH
        _MAKER._pixels(one, stored(number))
        path = _MAKER._save(one, county.folder / study / f"{number}.dcm")
        parts.append(b"--part\r\nContent-Type: application/dicom\r\n\r\n" + path.read_bytes() + b"\r\n")
    _stow(county, parts)
    return one


def document(county: County) -> Any:
    """A study that is one page of PDF; its data set."""
    study = county.new("document")
    one = _MAKER._image(EncapsulatedPDFStorage, "DOC", study, 1, _MAKER.yesterday(), patient=study, label="ISO_IR 192")
    one.PatientName, one.StudyDescription, one.ConversionType = "林^晓燕", "会诊记录", "WSD"
    one.BurnedInAnnotation, one.DocumentTitle, one.MIMETypeOfEncapsulatedDocument = "YES", "会诊", "application/pdf"
    one.EncapsulatedDocument = b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF "
    path = _MAKER._save(one, county.folder / study / "1.dcm")
    _stow(county, [b"--part\r\nContent-Type: application/dicom\r\n\r\n" + path.read_bytes() + b"\r\n"])
    return one


def _stow(county: County, parts: list[bytes]) -> None:
    form = 'multipart/related; type="application/dicom"; boundary=part'
    told = county.ask("qingshan", "POST", "/dicom-web/studies", None, content=b"".join(parts) + b"--part--",
                      headers={"Content-Type": form})  # fmt: skip
    assert told.status_code == 200, told.text


def likeness(shown: np.ndarray, expected: np.ndarray, tolerance: float = 4.0) -> float:
    """How much of a picture is right, of a screen (rows, columns) that shows the whole picture, centred, as large as it
    fits. Edges are left out, where a screen mixes neighbours."""
    rows, columns = shown.shape
    scale = min(rows / SIZE, columns / SIZE)
    inner = np.arange(2, SIZE - 2)
    y, x = (np.round((size - SIZE * scale) / 2 + (inner + 0.5) * scale - 0.5).astype(int) for size in (rows, columns))
    seen, wanted = shown[np.ix_(y, x)], expected[np.ix_(inner, inner)]
    flat = _flat(expected)[np.ix_(inner, inner)]
    return float((np.abs(seen - wanted) <= tolerance)[flat].mean())


def _flat(picture: np.ndarray) -> np.ndarray:
    """Where all neighbours, up to two pixels away, are alike."""
    flat = np.ones(picture.shape, bool)
    for axis in (0, 1):
        for by in (-2, -1, 1, 2):
            flat &= np.roll(picture, by, axis) == picture
    return flat
