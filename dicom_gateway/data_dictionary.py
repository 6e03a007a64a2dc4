"""Value representations and names of attributes (PS3.6); the table itself is pydicom's."""

from functools import lru_cache

from pydicom._dicom_dict import DicomDictionary, RepeatersDictionary
from pydicom.datadict import keyword_dict, mask_match

_AMBIGUOUS = {"US or SS": "US", "OB or OW": "OW", "US or SS or OW": "OW", "US or OW": "OW", "NONE": "UN"}
"""Implicit transfer syntaxes leave these open (PS3.5 A.1); the rule that needs Pixel Representation is in
``dicom_json``."""


@lru_cache(maxsize=8192)
def representation_of(tag: int) -> str:
    """The value representation of an attribute in an implicit data set; UN where nobody knows."""
    written = _entry(tag)
    return _AMBIGUOUS.get(written, written) if written else _unlisted(tag)


@lru_cache(maxsize=256)
def is_signed_by_pixels(tag: int) -> bool:
    """US or SS, as Pixel Representation (0028,0103) says."""
    return _entry(tag).startswith("US or SS")


def _entry(tag: int) -> str:
    entry = DicomDictionary.get(tag)
    if entry is None and not tag >> 16 & 1 and (mask := mask_match(tag)):
        entry = RepeatersDictionary[mask]
    return entry[0] if entry else ""


def _unlisted(tag: int) -> str:
    private = tag >> 16 & 1
    if private and 0x10 <= tag & 0xFFFF <= 0xFF:
        return "LO"  # private creator (PS3.5 7.8.1)
    return "UL" if tag & 0xFFFF == 0 else "UN"


def tag_of(name: str) -> int | None:
    """The tag of an attribute given as keyword or as eight hexadecimal digits (PS3.18 8.3.4.1); None for other text."""
    if len(name) == 8:
        try:
            return int(name, 16)
        except ValueError:
            pass
    return keyword_dict.get(name)
