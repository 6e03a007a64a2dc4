"""The DICOM JSON Model says what pydicom says, on pydicom's own files, and says Chinese right."""

import json
import math
import warnings
from pathlib import Path
from typing import Any

import pydicom
import pytest
from dicom_objects import BIG, EXPLICIT, IMPLICIT, data_set_of, image, part10
from pydicom.dataset import Dataset

from dicom_gateway.character_set import choose
from dicom_gateway.dicom_json import dicom_json, encode
from dicom_gateway.file_meta import read_file_meta
from dicom_gateway.header import WANTED, read_header
from dicom_gateway.scan import scan
from dicom_gateway.transfer_syntaxes import TRANSFER_SYNTAXES
from hub.contracts.errors import Incorrect

FILES = sorted((Path(pydicom.__file__).parent / "data" / "test_files").rglob("*.dcm"))
_OURS = {"00080005", "00083002"}


def as_json(data_set: bytes, syntax: str = EXPLICIT) -> dict[str, Any]:
    characters = choose(None, [])
    return json.loads(encode(dicom_json(data_set, 0, len(data_set), TRANSFER_SYNTAXES[syntax], characters)))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_attribute_reads_as_pydicom_reads_it(path: Path) -> None:
    content = path.read_bytes()
    try:
        uid, at = read_file_meta(content)
        syntax = TRANSFER_SYNTAXES[uid]
        if syntax.deflated:
            pytest.skip("deflated: read by way of inflate")
        found = scan(content, at, len(content), syntax, dict.fromkeys(WANTED))
        header = read_header(found, big_endian=syntax.big_endian)
    except (Incorrect, KeyError):
        pytest.skip("not a composite object")
    ours = json.loads(encode(dicom_json(content, at, len(content), syntax, header.characters)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            read = pydicom.dcmread(path)
            theirs = read.to_json_dict(
                bulk_data_threshold=1024, bulk_data_element_handler=lambda _: "x", suppress_invalid_tags=True
            )
        except Exception:
            pytest.skip("pydicom cannot make JSON of it")
    assert list(_differences(ours, json.loads(json.dumps(theirs)))) == []


def _differences(ours: dict[str, Any], theirs: dict[str, Any], path: str = "") -> Any:
    for tag in sorted((set(ours) | set(theirs)) - _OURS):
        a, b = ours.get(tag), theirs.get(tag)
        if tag.endswith("0000") or tag in ("FFFCFFFC", "7FE00010"):
            continue
        if b is None:
            continue  # what pydicom finds no valid value in, it leaves out
        if a is None:
            yield f"{path}{tag} missing on one side"
        elif "BulkDataURI" in a or "BulkDataURI" in b or "UN" in (a["vr"], b["vr"]):
            continue  # pydicom's private dictionary and thresholds differ
        elif a["vr"] == "SQ" == b["vr"]:
            items_a, items_b = a.get("Value", []), b.get("Value", [])
            if len(items_a) != len(items_b):
                yield f"{path}{tag} items"
            for number, (one, two) in enumerate(zip(items_a, items_b, strict=False)):
                yield from _differences(one or {}, two or {}, f"{path}{tag}/{number}/")
        elif _plain(a) != _plain(b):
            yield f"{path}{tag} {a} {b}"


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        if set(value) == {"Alphabetic"} and not value["Alphabetic"].strip("^"):
            return None
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, float):
        return round(value, 6) if math.isfinite(value) else None
    if isinstance(value, str):
        return value.strip() or None
    return value


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT, BIG])
def test_nested_items_and_numbers_read_the_same_in_every_byte_order(syntax: str) -> None:
    item = Dataset()
    item.CodeValue, item.CodeMeaning = "C1", "meaning"
    made = image(syntax, ProcedureCodeSequence=[item], PixelSpacing=["0.70", "0.70"], SmallestImagePixelValue=3)
    found = as_json(data_set_of(part10(made)), syntax)
    assert found["00081032"]["Value"][0]["00080100"]["Value"] == ["C1"]
    assert found["00280010"] == {"vr": "US", "Value": [8]}
    assert found["00280106"] == {"vr": "US", "Value": [3]}
    assert found["00100010"]["Value"] == [{"Alphabetic": "Test^One"}]


def test_decimal_strings_keep_their_digits() -> None:
    data_set = data_set_of(part10(image(PixelSpacing=["0.70", "1e-2"])))
    raw = encode(dicom_json(data_set, 0, len(data_set), TRANSFER_SYNTAXES[EXPLICIT], choose(None, [])))
    assert b'"Value":[0.70,' in raw


def test_not_a_number_stands_as_text() -> None:
    made = image()
    made.add_new(0x00189087, "FD", float("nan"))
    made.add_new(0x00189073, "FD", float("inf"))
    found = as_json(data_set_of(part10(made)))
    assert found["00189087"]["Value"] == ["NaN"]
    assert found["00189073"]["Value"] == ["Infinity"]


def test_pixels_are_named_not_shown() -> None:
    assert as_json(data_set_of(part10(image())))["7FE00010"] == {"vr": "OW", "BulkDataURI": "*/bulkdata/7FE00010"}


def test_a_broken_sequence_of_known_length_spoils_nothing_else() -> None:
    data_set = data_set_of(part10(image()))
    broken = b"\x08\x00\x32\x10SQ\x00\x00\x0a\x00\x00\x00" + b"\xfe\xff\x00\xe0\xf0\xff\x00\x00\x01\x02"
    at = data_set.index(b"\x10\x00\x10\x00PN")
    found = as_json(data_set[:at] + broken + data_set[at:])
    assert found["00081032"] == {"vr": "SQ"}
    assert found["00100010"]["Value"] == [{"Alphabetic": "Test^One"}]
