"""What a lossily compressed copy says of itself (PS3.3 C.7.6.1.1.2, C.7.6.1.1.5, C.12.1): it is another object."""

import hashlib
import re
from typing import Any

from pydicom.dataset import Dataset

METHOD = "ISO_15444_1"
Attributes = dict[str, dict[str, Any]]


def derived_uid(original: str, syntax: str) -> str:
    """SOP Instance UID of the copy: always the same for the same original and syntax (PS3.5 B.2)."""
    return "2.25." + str(int.from_bytes(hashlib.sha256(f"{original} {syntax}".encode()).digest()[:16], "big"))


def lossy_marks(header: Dataset, sop_class: str, original: str, syntax: str, ratio: float) -> Attributes:
    """Attributes (DICOM JSON Model) of a copy compressed by ``ratio``. Earlier losses stay listed before it."""
    image_type = _values(header, "ImageType") or ["", "PRIMARY"]
    source: Attributes = {
        "00081150": _attribute("UI", sop_class),
        "00081155": _attribute("UI", original),
        "0040A170": {"vr": "SQ", "Value": [_code("121320", "Uncompressed predecessor")]},
    }
    ratios = [one for one in _values(header, "LossyImageCompressionRatio") if re.fullmatch(r"[0-9.]{1,16}", one)]
    return {
        "00080008": _attribute("CS", "DERIVED", *image_type[1:]),
        "00080018": _attribute("UI", derived_uid(original, syntax)),
        "00082111": _attribute("ST", f"JPEG 2000, lossy, {ratio:.1f}:1"),
        "00082112": {"vr": "SQ", "Value": [source]},
        "00089215": {"vr": "SQ", "Value": [_code("113040", "Lossy Compression")]},
        "00282110": _attribute("CS", "01"),
        "00282112": _attribute("DS", *ratios, f"{ratio:.2f}"),
        "00282114": _attribute("CS", *_values(header, "LossyImageCompressionMethod"), METHOD),
    }


def _values(header: Dataset, keyword: str) -> list[str]:
    value = header.get(keyword, None)
    if value is None or value == "":
        return []
    return [str(one) for one in ([value] if isinstance(value, str) or not hasattr(value, "__iter__") else value)]


def _attribute(representation: str, *values: str) -> dict[str, Any]:
    return {"vr": representation, "Value": list(values)}


def _code(value: str, meaning: str) -> Attributes:
    return {
        "00080100": _attribute("SH", value), "00080102": _attribute("SH", "DCM"), "00080104": _attribute("LO", meaning)
    }  # fmt: skip
