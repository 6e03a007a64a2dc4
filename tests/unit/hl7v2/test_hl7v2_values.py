"""OBX-5 becomes the value its type says, and a number keeps its digits."""

import json
from typing import Any

import pytest
from hl7v2_samples import submission


def observation(kind: str, value: str, rest: str = "|||||F") -> dict[str, Any]:
    text = (
        "MSH|^~\\&|LIS|QS001|||20261122||ORU^R01|1|P|2.5.1||||||UNICODE UTF-8\rPID|1||A1\r"
        f"OBR|1||F1|T^试验|||20261122080000\rOBX|1|{kind}|X^项目||{value}|{rest}\r"
    )
    body = next(entry.body for entry in submission(text.encode()).entries if entry.type == "Observation")
    found: dict[str, Any] = json.loads(body, parse_float=str, parse_int=str)
    return found


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("6.50", "6.50"),
        ("0", "0"),
        ("-3.20", "-3.20"),
        ("+5", "5"),
        (".5", "0.5"),
        ("5.", "5"),
        ("007.10", "7.10"),
        (" 12 ", "12"),
        ("123456789012345678901234.000", "123456789012345678901234.000"),
    ],
)
def test_a_number_keeps_its_digits(sent: str, kept: str) -> None:
    assert observation("NM", sent)["valueQuantity"] == {"value": kept}


@pytest.mark.parametrize(
    ("sent", "comparator"), [("<5", "<"), (">5", ">"), ("<=5", "<="), ("≥5", ">="), ("＜5", "<"), ("> 5", ">")]
)
def test_a_number_beyond_the_scale_has_a_comparator(sent: str, comparator: str) -> None:
    assert observation("NM", sent)["valueQuantity"] == {"value": "5", "comparator": comparator}


@pytest.mark.parametrize(
    "sent",
    [
        "未检出",
        "阴性",
        "1:320",
        "3+",
        "12,5",
        "1e5",
        "NaN",
        "Infinity",
        "６.５",
        "--5",
        "1.2.3",
        "5 mmol",
        " 阴性 ",
        "9" * 400,
    ],
)
def test_a_number_that_is_none_stays_the_text_that_was_sent(sent: str) -> None:
    found = observation("NM", sent, "mmol/L||||||F")
    assert found["valueString"] == sent
    assert "valueQuantity" not in found


@pytest.mark.parametrize(
    ("sent", "unit", "code"),
    [
        ("10\\S\\9/L", "10^9/L", "10*9/L"),
        ("10^9/L", "10^9/L", "10*9/L"),
        ("μmol/L", "μmol/L", "umol/L"),
        ("mmHg", "mmHg", "mm[Hg]"),
        ("次/分", "次/分", "/min"),
        ("mg/dL^milligram per decilitre^UCUM", "milligram per decilitre", "mg/dL"),
        ("个/视野", "个/视野", None),
    ],
)
def test_a_unit_is_ucum_where_it_is_known_and_text_otherwise(sent: str, unit: str, code: str | None) -> None:
    found = observation("NM", "1", f"{sent}|||||F")["valueQuantity"]
    assert found["unit"] == unit
    assert found.get("code") == code


@pytest.mark.parametrize(
    ("kind", "sent", "element", "value"),
    [
        ("SN", ">^100", "valueQuantity", {"value": "100", "comparator": ">"}),
        ("SN", "=^5.0", "valueQuantity", {"value": "5.0"}),
        ("SN", "^1^:^320", "valueRatio", {"numerator": {"value": "1"}, "denominator": {"value": "320"}}),
        ("SN", "^10^-^20", "valueRange", {"low": {"value": "10"}, "high": {"value": "20"}}),
        ("SN", "^2^+", "valueString", "2+"),
        ("ST", "a&b^c", "valueString", "a&b^c"),
        ("TX", "一~二", "valueString", "一\n二"),
        ("FT", "一\\.br\\二", "valueString", "一\n二"),
        ("DT", "20261122", "valueDateTime", "2026-11-22"),
        ("TM", "0830", "valueTime", "08:30:00"),
        ("TS", "昨天", "valueString", "昨天"),
        ("NR", "1.0^2.0", "valueRange", {"low": {"value": "1.0"}, "high": {"value": "2.0"}}),
        ("CE", "^阳性", "valueCodeableConcept", {"text": "阳性"}),
        ("", "6.5", "valueString", "6.5"),
        ("QQ", "x^y", "valueString", "x^y"),
    ],
)
def test_each_type_has_its_value(kind: str, sent: str, element: str, value: object) -> None:
    assert observation(kind, sent)[element] == value


def test_a_time_without_a_zone_says_that_one_was_assumed() -> None:
    found = observation("TS", "202611220830")
    assert found["valueDateTime"] == "2026-11-22T08:30:00+08:00"
    assert found["_valueDateTime"]["extension"][0]["valueString"] == "+08:00"
    assert "_valueDateTime" not in observation("TS", "202611220830+0800")


def test_several_numbers_in_one_field_are_components() -> None:
    found = observation("NM", "60~120.0")
    assert [one["valueQuantity"]["value"] for one in found["component"]] == ["60", "120.0"]


@pytest.mark.parametrize(
    ("sent", "low", "high"),
    [
        ("3.50-9.5", "3.50", "9.5"),
        ("115～150", "115", "150"),
        ("<10", None, "10"),
        ("≥60", "60", None),
        ("阴性", None, None),
    ],
)
def test_a_reference_range_is_text_and_limits(sent: str, low: str | None, high: str | None) -> None:
    found = observation("NM", "1", f"g/L|{sent}||||F")["referenceRange"][0]
    assert found["text"] == sent
    assert found.get("low", {}).get("value") == low
    assert found.get("high", {}).get("value") == high


@pytest.mark.parametrize(("sent", "code"), [("H", "H"), ("↑", "H"), ("偏低", "L"), ("n", "N"), ("危急值", "AA")])
def test_a_flag_is_an_interpretation(sent: str, code: str) -> None:
    assert observation("NM", "1", f"||{sent}|||F")["interpretation"][0]["coding"][0]["code"] == code


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ("F", "final"),
        ("C", "corrected"),
        ("P", "preliminary"),
        ("X", "cancelled"),
        ("D", "entered-in-error"),
        ("", "unknown"),
    ],
)
def test_a_result_has_the_status_of_obx_11(sent: str, status: str) -> None:
    assert observation("NM", "1", f"|||||{sent}")["status"] == status


def test_a_unit_beside_text_is_kept() -> None:
    found = observation("ST", "6.5", "g/L|||||F")
    assert found["valueString"] == "6.5"
    assert found["extension"][0]["valueString"] == "g/L"


def test_a_number_of_four_hundred_digits_stays_text() -> None:
    assert observation("NM", "9" * 400)["valueString"] == "9" * 400
