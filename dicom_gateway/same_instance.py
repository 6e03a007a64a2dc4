"""Two objects under one SOP Instance UID: how far are they the same?"""

from enum import Enum

import numpy as np

from hub.contracts.errors import ExchangeError

from .character_set import CharacterSet
from .dicom_json import BULK_MARK, Attributes, dicom_json, encode
from .header import WANTED, read_header
from .pixels.image import image_in
from .pixels.workers import CodecWorkers
from .scan import PIXEL_DATA, UNDEFINED, Buffer, Scan, scan
from .transfer_syntaxes import TransferSyntax

_STEP_BYTES = 1 << 20
_WANTED = dict.fromkeys(WANTED)
_PIXEL_KEYS = frozenset(f"{tag:08X}" for tag in PIXEL_DATA)
_OF_WRITING = _PIXEL_KEYS | {"00083002"}
"""Transfer syntax, and OB or OW of the pixels."""
_OF_COMPRESSION = frozenset({"00280004", "00280006", "7FE00001", "7FE00002", "7FE00003"})
"""Photometric Interpretation and Planar Configuration of the codestream, offset tables."""


class Sameness(Enum):
    SAME = "same"
    """Every attribute is equal, be it written in another transfer syntax or file header."""
    SAME_PIXELS = "same pixels"
    OTHER = "other"


DataSet = tuple[Buffer, int, int, TransferSyntax]
"""Buffer, begin, end, transfer syntax; whole, as ``scan`` has found."""


def sameness(first: DataSet, second: DataSet, workers: CodecWorkers | None = None) -> Sameness:
    """Compares bytes; with ``workers`` also decoded images, where one copy is compressed otherwise than the other."""
    if first[3].uid == second[3].uid and _equal(first[0], first[1], first[2], second[0], second[1], second[2]):
        return Sameness.SAME
    first_scan, second_scan = _scan(first), _scan(second)
    pixels = _same_pixels(first, first_scan, second, second_scan)
    ignored = _OF_WRITING
    if pixels is False:
        if workers is None or not _same_decoded(first, second, workers):
            return Sameness.OTHER
        pixels, ignored = True, _OF_WRITING | _OF_COMPRESSION
    first_json, second_json = _attributes(first, first_scan), _attributes(second, second_scan)
    if _comparable(first_json, ignored) == _comparable(second_json, ignored) and not _has_other_bulk(first_json):
        return Sameness.SAME
    return Sameness.SAME_PIXELS if pixels else Sameness.OTHER


def _scan(data_set: DataSet) -> Scan:
    buffer, begin, end, syntax = data_set
    return scan(buffer, begin, end, syntax, _WANTED)


def _same_pixels(first: DataSet, a: Scan, second: DataSet, b: Scan) -> bool | None:
    """None where neither has pixel data."""
    if a.pixel_at is None and b.pixel_at is None:
        return None
    if a.pixel_at is None or b.pixel_at is None or a.pixel_end is None or b.pixel_end is None:
        return False
    if a.pixel_tag != b.pixel_tag:
        return False
    if (a.pixel_length == UNDEFINED) != (b.pixel_length == UNDEFINED) or first[3].big_endian != second[3].big_endian:
        return False
    if a.pixel_length == UNDEFINED and first[3].uid != second[3].uid:
        return False
    return _equal(first[0], a.pixel_at, a.pixel_end, second[0], b.pixel_at, b.pixel_end)


def _attributes(data_set: DataSet, found: Scan) -> Attributes:
    buffer, begin, end, syntax = data_set
    characters: CharacterSet = read_header(found, big_endian=syntax.big_endian).characters
    return dicom_json(buffer, begin, end, syntax, characters)


def _same_decoded(first: DataSet, second: DataSet, workers: CodecWorkers) -> bool:
    """Are the images equal, sample by sample? False where one cannot be decoded here."""
    try:
        one, other = image_in(*first), image_in(*second)
        shapes = [
            (it.form.rows, it.form.columns, it.form.samples, it.form.frames, it.form.stored) for it in (one, other)
        ]
        if shapes[0] != shapes[1]:
            return False
        for number in range(1, one.form.frames + 1):
            (a, _), (b, _) = one.frame(number, workers), other.frame(number, workers)
            if a.shape != b.shape or not np.array_equal(a, b):
                return False
    except ExchangeError:
        return False
    return True


def _comparable(attributes: Attributes, ignored: frozenset[str]) -> bytes:
    """Without what depends on how the object is written."""
    return encode({tag: value for tag, value in attributes.items() if tag not in ignored})


def _has_other_bulk(attributes: Attributes) -> bool:
    """Bulk values beside the pixels are not compared."""
    others = {tag: value for tag, value in attributes.items() if tag not in _PIXEL_KEYS}
    return f'"BulkDataURI":"{BULK_MARK}'.encode() in encode(others)


def _equal(a: Buffer, a_begin: int, a_end: int, b: Buffer, b_begin: int, b_end: int) -> bool:
    if a_end - a_begin != b_end - b_begin:
        return False
    for step in range(0, a_end - a_begin, _STEP_BYTES):
        here = min(step + _STEP_BYTES, a_end - a_begin)
        if bytes(a[a_begin + step : a_begin + here]) != bytes(b[b_begin + step : b_begin + here]):
            return False
    return True
