"""Every row of the table of evidence, through the one write path."""

from typing import Any

import pytest

from hub.contracts.codes import EXTENSION, RESIDENT_ID, TAG, TEMPORARY_PERSON
from hub.contracts.errors import Conflict
from hub.contracts.resident_id import check_character
from hub.identity import actions

County = Any


def made(first: str) -> str:
    return first + check_character(first)


ONE, TWO = made("99010119620415002"), made("99010119620415004")
BROTHER = made("99010119640101001")
BORN, PHONE, HOUSE = "1962-04-15", "13800138001", "示例县河口村3组12号"
MISTYPED = ONE[:16] + ("4" if ONE[16] != "4" else "6") + ONE[17]
WHOLE = {"born": BORN, "sex": "female", "phone": PHONE, "address": HOUSE}


@pytest.mark.parametrize("name", ["陈 秀英", "陳秀英", "陈秀瑛", "陈英秀", "Chen Xiuying", "CHEN^XIUYING"])
def test_one_number_under_one_name_however_it_is_written_links(county: County, name: str) -> None:
    county.record("a", ONE)
    county.record("b", ONE, name)
    assert county.together("a", "b")


@pytest.mark.parametrize("name", ["陈秀兰", "陈建国", "王秀英"])
def test_one_number_under_another_name_is_asked_about_and_captures_nobody(county: County, name: str) -> None:
    county.record("wrong", ONE, name)
    county.record("right", ONE)
    assert county.asked("wrong", "right") == "number-disputed"
    county.record("again", ONE)
    assert county.together("right", "again")
    assert not county.together("right", "wrong")


@pytest.mark.parametrize("contradiction", [{"born": "1990-01-01"}, {"born": "1962-04-16"},
                                           {"born": BORN, "sex": "male"}])  # fmt: skip
@pytest.mark.parametrize("contradicting_first", [True, False])
def test_a_birth_date_or_sex_that_is_not_the_numbers_is_asked_about(
    county: County, contradiction: dict[str, str], contradicting_first: bool
) -> None:
    records = [("good", {"born": BORN, "sex": "female"}), ("odd", contradiction)]
    for id_, said in reversed(records) if contradicting_first else records:
        county.record(id_, ONE, **said)
    assert county.asked("good", "odd") == "number-disputed"
    assert not county.together("good", "odd")
    county.record("more", ONE, born=BORN)
    assert county.together("good", "more")
    held = county.store.side_rows("SELECT person_id FROM identity_claim WHERE value = ?", (ONE,))
    assert held == [(county.persons.person_of("good"),)]


def test_a_record_whose_number_is_disputed_is_scored_on_its_own(county: County) -> None:
    county.record("card", ONE, "陈秀兰")
    county.record("own", None, "李梅花", born="1964-01-01", sex="female", phone=PHONE)
    county.record("borrower", ONE, "李梅花", born="1964-01-01", sex="female", phone=PHONE)
    assert county.together("own", "borrower")
    assert county.asked("card", "borrower") == "number-disputed"


def test_two_numbers_never_meet_not_even_through_a_third_record(county: County) -> None:
    county.record("a", ONE, **WHOLE)
    county.record("b", TWO, **WHOLE)
    county.record("between", None, **WHOLE)
    assert not county.together("a", "b")
    assert county.asked("a", "b") is None
    assert not county.together("a", "between") and not county.together("b", "between")
    assert county.asked("a", "between") or county.asked("b", "between")


def test_the_third_record_may_come_first(county: County) -> None:
    county.record("between", None, **WHOLE)
    county.record("a", ONE, **WHOLE)
    assert county.together("a", "between")
    county.record("b", TWO, **WHOLE)
    assert not county.together("a", "b")


def test_birth_years_more_than_two_apart_are_two_people(county: County) -> None:
    county.record("a", None, **WHOLE)
    county.record("b", None, **{**WHOLE, "born": "1965-04-15"})
    assert not county.together("a", "b")
    assert county.asked("a", "b") is None


def test_another_sex_where_a_number_is_missing_is_another_person(county: County) -> None:
    county.record("a", ONE, **WHOLE)
    county.record("b", None, **{**WHOLE, "sex": "male"})
    assert not county.together("a", "b")
    assert county.asked("a", "b") is None


def test_a_mistyped_number_helps_and_never_decides(county: County) -> None:
    county.record("a", ONE)
    county.record("alone", MISTYPED)
    assert not county.together("a", "alone")
    assert county.asked("a", "alone") == "likely"
    county.record("b", ONE, born=BORN, phone=PHONE)
    county.record("same", MISTYPED, born=BORN, phone=PHONE)
    assert county.together("b", "same")


@pytest.mark.parametrize("mistyped", [ONE[:4] + ONE[5] + ONE[4] + ONE[6:], ONE[:7] + ONE[8:], ONE[:9] + "7" + ONE[9:]])
def test_a_swapped_missing_or_superfluous_digit_is_one_edit(county: County, mistyped: str) -> None:
    county.record("a", mistyped)
    county.record("b", ONE)
    assert county.asked("a", "b") == "likely"


def test_without_a_number_name_and_birth_date_link_and_less_is_asked_about(county: County) -> None:
    county.record("a", None, born=BORN, sex="female", phone=PHONE)
    county.record("b", None, born=BORN, sex="female")
    assert county.together("a", "b")
    county.record("c", None, born="1962-04-18", sex="female", address=HOUSE, phone="13700000001")
    assert not county.together("a", "c")
    county.record("d", None, "李梅花", born="1950-02-03", sex="female")
    county.record("e", None, "李梅花", born="1950-02-13", sex="female", phone=PHONE)
    county.record("f", None, "李梅花", born="1950-03-02", sex="female", phone=PHONE)
    assert not county.together("d", "e")


def test_where_two_people_may_be_meant_a_person_is_asked(county: County) -> None:
    county.record("a", ONE, born=BORN, sex="female")
    county.record("b", TWO, born=BORN, sex="female")
    county.record("c", None, born=BORN, sex="female")
    assert not county.together("a", "c") and not county.together("b", "c")
    assert county.asked("a", "c") or county.asked("b", "c")
    county.record("d", None, **WHOLE)
    county.record("e", ONE, **WHOLE)
    assert county.together("a", "e", "d")  # telephone and house lead by more than eight bits


@pytest.mark.parametrize("twin", ["陈秀兰", "陈秀瑛", "陈英秀"])
def test_twins_share_telephone_house_and_birth_date_and_are_asked_about(county: County, twin: str) -> None:
    county.record("a", None, **WHOLE)
    county.record("b", None, twin, **WHOLE)
    assert not county.together("a", "b")
    assert county.asked("a", "b") == "twins"


def test_twins_with_numbers_are_two_and_nobody_is_asked(county: County) -> None:
    county.record("a", ONE, **WHOLE)
    county.record("b", TWO, "陈秀兰", **WHOLE)
    county.record("c", None, "陈秀兰", **WHOLE)
    assert county.together("b", "c") and not county.together("a", "b")


UNKNOWN = {"extension": [{"url": f"{EXTENSION}/identity-unknown", "valueBoolean": True}]}


NO_PATIENT_ID = {"meta": {"tag": [{"system": TAG, "code": TEMPORARY_PERSON}]}}


@pytest.mark.parametrize(
    ("name", "more"), [("王梅之女", {}), ("无名氏", {}), ("陈秀英", UNKNOWN), ("陈秀英", NO_PATIENT_ID)]
)
def test_who_is_not_known_yet_is_temporary_and_linked_by_hand_alone(
    county: County, name: str, more: dict[str, Any]
) -> None:
    county.record("t", ONE, name, **WHOLE, **more)
    county.record("a", ONE, name, **WHOLE)
    county.record("b", ONE, **WHOLE)
    assert not county.together("t", "a") and not county.together("t", "b")
    states = dict(county.store.side_rows("SELECT patient_id, state FROM identity_link"))
    assert (states["t"], states["b"]) == ("temporary", "auto")
    county.decide(actions.assert_same, "t", "b", "recognised by her sister")
    assert county.together("t", "b")


def test_the_mothers_number_is_never_the_childs(county: County) -> None:
    county.record("mother", ONE, born=BORN)
    mothers = {"url": f"{EXTENSION}/mother-identifier", "valueIdentifier": {"system": RESIDENT_ID, "value": ONE}}
    county.record("child", ONE, "陈秀英", born="2026-01-02", extension=[mothers])
    assert not county.together("mother", "child")
    assert county.asked("mother", "child") is None


def test_somebodys_no_beats_number_and_name_and_later_records(county: County) -> None:
    county.record("a", ONE, **WHOLE)
    county.record("b", ONE, **WHOLE)
    county.decide(actions.assert_not_same, "a", "b", "two sisters, one card")
    assert not county.together("a", "b")
    county.record("c", ONE, **WHOLE)
    county.record("b", ONE, phone="13911112222")
    assert not county.together("a", "b")
    county.decide(actions.assert_same, "a", "c", "the first sister's")
    with pytest.raises(Conflict):
        county.decide(actions.assert_same, "c", "b", "so that both would meet")
    assert county.together("a", "c")


def test_a_number_that_was_officially_changed_captures_nobody(county: County) -> None:
    county.record("a", ONE, **WHOLE)
    county.record("b", ONE)
    county.decide(actions.supersede_number, "a", ONE, TWO, "issued anew, letter of the police station seen")
    assert county.together("a", "b")
    county.record("stranger", ONE, "陈秀英")
    assert not county.together("a", "stranger")
    county.record("c", TWO)
    county.record("a", TWO, **WHOLE)
    assert county.together("a", "b", "c")
    county.record("b", made("99010119620415006"))
    held = county.store.side_rows("SELECT value FROM identity_claim ORDER BY value")
    assert (ONE,) not in held and (TWO,) in held
