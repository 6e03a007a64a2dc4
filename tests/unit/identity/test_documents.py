"""What identifiers, telephones and addresses say of who somebody is."""

from typing import Any

import pytest

from hub.contracts.codes import LOCAL_ID, RESIDENT_ID, V2_0203
from hub.contracts.resident_id import check_character, parse
from hub.identity.contacts import address, phone
from hub.identity.documents import HEALTH_CARD, corrections, is_near, stated
from hub.identity.evidence import evidence_of, keys_of


def made(first: str) -> str:
    return first + check_character(first)


ONE = made("99010119620415002")


def typed(value: str, code: str | None = None, system: str = "urn:x", text: str | None = None) -> dict[str, Any]:
    concept: dict[str, Any] = {"coding": [{"system": V2_0203, "code": code}]} if code else {}
    return {"system": system, "value": value, "type": concept | ({"text": text} if text else {})}


@pytest.mark.parametrize("sequence", ["996", "997", "998", "999"])
def test_fifteen_digits_of_a_centenarian_are_of_the_century_before(sequence: str) -> None:
    number = parse(f"990101620415{sequence}")
    assert number is not None and number.value == made(f"99010118620415{sequence}")
    younger = parse("990101620415995")
    assert younger is not None and younger.birth_date.year == 1962


@pytest.mark.parametrize("first", ["91101019620415002", "81000019620415002", "82000019620415002", "83000019620415002"])
def test_residence_permits_of_foreigners_and_of_hong_kong_macao_and_taiwan_are_checked_numbers(first: str) -> None:
    assert stated([{"system": RESIDENT_ID, "value": made(first)}]).numbers == (made(first),)
    assert stated([typed(made(first), "PRC")]).numbers == (made(first),)


@pytest.mark.parametrize(
    ("identifier", "document"),
    [
        (typed("usa 310062 010112", "PRC"), "permanent-residence|USA310062010112"),
        (typed("USA310062010112", system=RESIDENT_ID), "permanent-residence|USA310062010112"),
        (typed("H1234567801", text="港澳居民来往内地通行证"), "travel-permit|H12345678"),
        (typed("Ｈ12345678", system=RESIDENT_ID), "travel-permit|H12345678"),
        (typed("12345670", text="台湾居民来往大陆通行证"), "travel-permit|12345670"),
        (typed("e12345678", "PPN"), "passport|E12345678"),
        (typed("E12345678", system="http://hl7.org/fhir/sid/passport-CHN"), "passport|E12345678"),
        (typed("A-123456789", "HC"), "health-card|A123456789"),
        (typed("A123456789", system=HEALTH_CARD), "health-card|A123456789"),
        (typed("3301 2345 6789", "SS"), "insurance|330123456789"),
        (typed("330123456789", text="城乡居民医保卡"), "insurance|330123456789"),
    ],
)
def test_other_documents_are_told_by_type_system_or_shape(identifier: dict[str, Any], document: str) -> None:
    said = stated([identifier])
    assert (said.documents, said.numbers) == ((document,), ())


def test_a_clinics_own_numbers_and_former_ones_say_nothing() -> None:
    own = typed("990101", "PI", f"{LOCAL_ID}/qingshan/PI")
    assert stated([own, typed("E12345678", "PPN") | {"use": "old"}]).documents == ()
    assert stated([{"system": "urn:oid:1.2.3", "value": ONE}]).numbers == ()


def test_a_mistyped_number_has_the_keys_of_all_it_may_have_meant() -> None:
    wrong = ONE[:16] + ("4" if ONE[16] != "4" else "6") + ONE[17]
    said = stated([{"system": RESIDENT_ID, "value": wrong}])
    assert (said.numbers, said.mistyped) == ((), (wrong,))
    assert ONE in corrections(wrong)
    assert all(is_near(wrong, number) for number in corrections(wrong))
    ours = evidence_of({"name": [{"text": "陈秀英"}], "identifier": [{"system": RESIDENT_ID, "value": wrong}]})
    theirs = evidence_of({"name": [{"text": "李梅"}], "identifier": [{"system": RESIDENT_ID, "value": ONE}]})
    assert set(keys_of(ours)) & set(keys_of(theirs))


@pytest.mark.parametrize("near", [ONE[:17], ONE[1:], ONE + "1", ONE[:3] + ONE[4] + ONE[3] + ONE[5:]])
def test_one_edit_is_a_digit_more_less_or_swapped(near: str) -> None:
    assert is_near(near, ONE)
    assert not is_near(near, made("99020319620415002"))


@pytest.mark.parametrize(
    "text", ["138 0013 8001", "+86-13800138001", "008613800138001", "013800138001", "１３８００１３８００１"]
)
def test_a_mobile_number_is_one_however_it_is_written(text: str) -> None:
    assert phone(text) == "13800138001"


@pytest.mark.parametrize("text", ["", "无", "000", "13000000000", "12345678", "1"])
def test_what_is_no_ones_telephone_is_none(text: str) -> None:
    assert phone(text) is None


@pytest.mark.parametrize(
    "text", ["示例省示例市青山县河口村三组12号", "青山县河口村3组１２号", "青山縣河口村3组12號", " 河口村 3组12号"]
)
def test_an_address_is_what_follows_county_or_city(text: str) -> None:
    assert address(text) == address("示例省示例市青山县河口村3组12号")


def test_rare_characters_count_as_one() -> None:
    one = evidence_of({"name": [{"text": "𠮷小𫞩"}]}).names[0]
    assert len(one.form) == 3
    assert one != evidence_of({"name": [{"text": "吉小𫞩"}]}).names[0]
