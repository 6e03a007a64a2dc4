import pytest

from adapters.ecg.identification import Beside, beside, identified
from adapters.ecg.patient_facts import patient_facts
from hub.contracts import codes
from hub.contracts.errors import Incorrect
from hub.contracts.resident_id import is_number as is_resident_id

RESIDENT = "990101196204150026"


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        (RESIDENT, True),
        ("990101196204150027", False),
        ("990101196213150026", False),
        ("99010119620415002", False),
        ("", False),
    ],
)
def test_a_resident_id_is_recognised_by_its_date_and_check_character(text: str, valid: bool) -> None:
    assert is_resident_id(text) is valid


def test_the_files_own_number_is_a_local_one_of_the_organization() -> None:
    who = identified(patient_facts(identifier="A1", name="陈秀英"), Beside(), "qingshan")
    assert (who.system, who.value, who.name) == (f"{codes.LOCAL_ID}/qingshan/PI", "A1", "陈秀英")


def test_a_valid_resident_id_in_the_file_is_one() -> None:
    who = identified(patient_facts(identifier=RESIDENT), Beside(), "qingshan")
    assert (who.system, who.value) == (codes.RESIDENT_ID, RESIDENT)


def test_what_the_sender_says_beside_the_file_comes_first() -> None:
    said = beside({"patient": f"{codes.RESIDENT_ID}|{RESIDENT}", "name": "陈秀英"})
    who = identified(patient_facts(identifier="A1", name="CHEN"), said, "qingshan")
    assert (who.system, who.value, who.name) == (codes.RESIDENT_ID, RESIDENT, "陈秀英")


def test_two_different_resident_ids_are_refused() -> None:
    said = beside({"patient": f"{codes.RESIDENT_ID}|{RESIDENT}"})
    with pytest.raises(Incorrect, match="different persons") as refusal:
        identified(patient_facts(identifier="990101198001011236"), said, "qingshan")
    assert RESIDENT not in refusal.value.sentence()


@pytest.mark.parametrize("identifier", ["00000000", "0", "?", "Unknown", "", "--", "0000-0000"])
@pytest.mark.parametrize("name", ["Anonymous", "未知", "", "^^"])
def test_placeholders_name_nobody_and_are_refused(identifier: str, name: str) -> None:
    facts = patient_facts(identifier=identifier, name=name.replace("^", " "))
    with pytest.raises(Incorrect, match="names nobody"):
        identified(facts, Beside(), "qingshan")


def test_in_an_emergency_nobody_becomes_a_temporary_person() -> None:
    who = identified(patient_facts(), beside({"emergency": "true"}), "qingshan")
    assert who.temporary and who.name == "无名氏" and not who.value


def test_in_an_emergency_a_named_person_stays_named() -> None:
    assert not identified(patient_facts(identifier="A1"), beside({"emergency": "true"}), "qingshan").temporary


@pytest.mark.parametrize(
    "query", [{"patient": "A1"}, {"patient": "|A1"}, {"patient": "x|"}, {"emergency": "maybe"}, {"colour": "red"}]
)
def test_a_malformed_parameter_is_named(query: dict[str, str]) -> None:
    with pytest.raises(Incorrect) as refusal:
        beside(query)
    assert refusal.value.http_status == 400 and refusal.value.where == next(iter(query))


def test_a_name_in_one_part_is_not_split() -> None:
    facts = patient_facts(family="陈秀英")
    assert (facts.name, facts.family, facts.given) == ("陈秀英", "", "")
    assert patient_facts(family="Clark", given="Ann").name == "Ann Clark"
