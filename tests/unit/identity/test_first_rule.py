"""The first rule of linking: one valid number and the same name; everything else stays apart."""

import pytest

from hub.contracts.codes import RESIDENT_ID
from hub.contracts.resident_id import check_character
from hub.identity.decide import Candidate, Evidence, FirstRule, evidence_of

NUMBER = "990101196204150026"
OTHER_NUMBER = "99010119800101002" + check_character("99010119800101002")
HELD = [Candidate("person-1", "陈秀英")]
RULE = FirstRule()


def patient(*numbers: str, name: str = "陈秀英", **identifier: str) -> dict[str, object]:
    return {
        "name": [{"text": name}],
        "identifier": [{"system": RESIDENT_ID, "value": number, **identifier} for number in numbers],
    }


def test_the_same_number_and_name_join() -> None:
    assert RULE.decide(Evidence(NUMBER, "陈秀英"), HELD).person_id == "person-1"


def test_the_same_number_under_another_name_stays_apart_and_takes_nothing_away() -> None:
    decision = RULE.decide(Evidence(NUMBER, "陈建国"), HELD)
    assert (decision.person_id, decision.claims) == (None, True)


@pytest.mark.parametrize("evidence", [Evidence(None, "陈秀英"), Evidence(NUMBER, None), Evidence(NUMBER, "无名氏"),
                                      Evidence(NUMBER, "陈秀英之女")])  # fmt: skip
def test_who_lacks_number_or_name_stays_apart_and_claims_nothing(evidence: Evidence) -> None:
    decision = RULE.decide(evidence, [Candidate("person-1", evidence.name_key or "")])
    assert (decision.person_id, decision.claims) == (None, False)


def test_evidence_is_one_valid_number_in_eighteen_characters() -> None:
    assert evidence_of(patient("990101620415002")) == Evidence(NUMBER, "陈秀英")
    assert evidence_of(patient(NUMBER, "990101620415002")) == Evidence(NUMBER, "陈秀英")


def test_two_different_valid_numbers_are_no_evidence() -> None:
    assert evidence_of(patient(NUMBER, OTHER_NUMBER)).number is None


def test_an_invalid_an_old_and_a_foreign_number_are_no_evidence() -> None:
    assert evidence_of(patient("990101196204150027")).number is None
    assert evidence_of(patient(NUMBER, use="old")).number is None
    assert evidence_of({"identifier": [{"system": "urn:oid:1.2.3", "value": NUMBER}]}).number is None
    assert evidence_of({}) == Evidence(None, None)
