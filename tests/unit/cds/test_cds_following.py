"""What becomes of a card: the note, the words for the patient, the order that follows it all the same."""

import hashlib
import time
from typing import Any

import pytest

from hub.contracts.caller import Caller, Role
from hub.contracts.errors import NotFound
from hub.fhir.search import parse
from hub.security.policy import Policy

from .county import SIGN, County, ago, order, organization, patient, report

OVERRIDDEN = {"outcome": "overridden", "overrideReason": {"reason": {"code": "condition-changed"}}}
FOLLOWED = "SELECT card, order_ref, organization FROM cds_order"


@pytest.fixture
def card(county: County) -> dict[str, Any]:
    county.send(report("r1", "胸部CT平扫", conclusion="右肺结节"))
    return sign(county, order("draft-1", "胸部CT平扫"))


def sign(county: County, draft: dict[str, Any]) -> dict[str, Any]:
    [card] = county.cards(draft)
    for _ in range(400):
        if county.store.side_rows("SELECT 1 FROM cds_verdict WHERE card = ?", (card["uuid"],)):
            return card
        time.sleep(0.01)
    raise AssertionError("the verdict was not kept")


def tell(county: County, card: dict[str, Any], **item: Any) -> None:
    body = {"feedback": [{"card": card["uuid"], "outcome": "accepted", **item}]}
    answer = county.http("POST", f"{SIGN}/feedback", json=body)
    assert (answer.status_code, answer.json()) == (200, {}), answer.text


def place(county: County, number: str, name: str, organization: str = "hospital", **more: Any) -> None:
    placed = order(number, name, status="active", authoredOn=ago(seconds=1), **more)
    county.send(placed, organization=organization, role=Role.PHYSICIAN)


def issue(county: County, number: str) -> dict[str, Any]:
    return county.read("DetectedIssue", f"dup-{hashlib.sha256(f'ServiceRequest/{number}'.encode()).hexdigest()[:24]}")


def notes(county: County, category: str, caller: Caller | None = None) -> list[str]:
    """Texts of the Communications of a category, as a physician of the county finds them."""
    scope = Policy().scope(caller or Caller("other", Role.PHYSICIAN, "elsewhere"))
    query = parse("Communication", [("category", category), ("patient", "p1")])
    found = county.store.search(query, scope).matches
    return [county.read("Communication", one.id)["payload"][0]["contentString"] for one in found]


def test_acceptance_writes_the_recognition_note_and_the_words_for_the_patient(
    county: County, card: dict[str, Any]
) -> None:
    for _ in range(2):
        tell(county, card, acceptedSuggestions=[{"id": card["suggestions"][0]["uuid"]}])
    [note] = notes(county, "recognition-note")
    for words in ("城关镇卫生院", "胸部CT平扫", "右肺结节", "予以互认"):
        assert words in note
    [told] = notes(county, "patient-explanation")
    assert "不需要重做" in told and "右肺结节" not in told
    kept = county.read("Communication", f"note-{card['uuid']}")
    assert kept["about"] == [{"reference": "DiagnosticReport/r1"}]
    assert kept["sender"] == {"reference": "Practitioner/zhang"}
    assert kept["meta"]["versionId"] == "1"


def test_a_physician_finds_notes_and_a_stranger_clinic_does_not(county: County, card: dict[str, Any]) -> None:
    tell(county, card)
    assert notes(county, "recognition-note", Caller("his", Role.CLINIC, "hospital"))
    assert notes(county, "recognition-note", Caller("else", Role.CLINIC, "elsewhere")) == []


def test_an_override_writes_its_reason_and_tells_the_patient_why(county: County, card: dict[str, Any]) -> None:
    tell(county, card, **OVERRIDDEN)
    [note] = notes(county, "repeat-reason")
    assert "病情变化" in note and "再次检查" in note
    [told] = notes(county, "patient-explanation")
    assert "病情变化" in told
    coding = county.read("Communication", f"note-{card['uuid']}")["reasonCode"][0]["coding"][0]
    assert coding["code"] == "condition-changed" and coding["display"]


def test_feedback_that_changes_its_mind_makes_a_new_version(county: County, card: dict[str, Any]) -> None:
    tell(county, card, **OVERRIDDEN)
    tell(county, card)
    assert notes(county, "repeat-reason") == [] and len(notes(county, "recognition-note")) == 1
    assert county.read("Communication", f"note-{card['uuid']}")["meta"]["versionId"] == "2"


def test_a_note_names_nothing_that_the_card_did_not(county: County) -> None:
    county.send(report("r1", "HIV抗体", effectiveDateTime=ago(hours=2), conclusion="阳性"))
    tell(county, sign(county, order("draft-1", "HIV抗体")))
    for text in notes(county, "recognition-note") + notes(county, "patient-explanation"):
        assert "HIV" not in text and "阳性" not in text and "城关镇" not in text and "受隐私保护" in text


@pytest.mark.parametrize(("number", "name"), [("draft-1", "胸部CT平扫"), ("o9", "肺部CT平扫")])
def test_an_order_that_follows_a_card_without_feedback_makes_it_ignored(
    county: County, card: dict[str, Any], number: str, name: str
) -> None:
    place(county, number, name)
    assert county.store.side_rows(FOLLOWED) == [(card["uuid"], f"ServiceRequest/{number}", "hospital")]
    assert county.store.side_rows("SELECT * FROM cds_feedback") == []
    assert "mitigation" not in issue(county, number)


def test_another_examination_or_person_follows_no_card(county: County, card: dict[str, Any]) -> None:
    county.send(patient("p3", serial=3, name=[{"text": "另一人"}]))
    place(county, "o1", "头颅CT平扫")
    place(county, "o2", "胸部CT平扫", subject={"reference": "Patient/p3"})
    county.send(order("o3", "胸部CT平扫"), organization="hospital", role=Role.PHYSICIAN)
    assert county.store.side_rows(FOLLOWED) == []


def test_an_order_of_the_same_person_at_another_clinic_follows_too(county: County, card: dict[str, Any]) -> None:
    county.send(organization("other", "乙卫生院"), patient("p2"), organization="other")
    place(county, "o1", "胸部CT平扫", "other", subject={"reference": "Patient/p2"})
    assert county.store.side_rows(FOLLOWED) == [(card["uuid"], "ServiceRequest/o1", "other")]


def test_an_order_after_an_override_brings_its_issue_with_the_reason(county: County, card: dict[str, Any]) -> None:
    tell(county, card, **OVERRIDDEN)
    place(county, "o1", "胸部CT平扫")
    found = issue(county, "o1")
    assert [one["reference"] for one in found["implicated"]] == ["ServiceRequest/o1", "DiagnosticReport/r1"]
    [mitigation] = found["mitigation"]
    assert mitigation["action"]["coding"][0]["code"] == "condition-changed" and mitigation["date"]


def test_an_override_that_comes_after_the_order_is_put_beside_its_issue(county: County, card: dict[str, Any]) -> None:
    place(county, "draft-1", "胸部CT平扫")
    override = {"reason": {"code": "poor-quality"}, "userComment": "伪影"}
    tell(county, card, outcome="overridden", overrideReason=override)
    assert issue(county, "draft-1")["mitigation"][0]["action"]["text"] == "伪影"
    tell(county, card)
    assert "mitigation" not in issue(county, "draft-1")


def test_the_override_of_one_clinic_is_not_the_reason_of_another(county: County, card: dict[str, Any]) -> None:
    tell(county, card, **OVERRIDDEN)
    county.send(organization("other", "乙卫生院"), patient("p2"), organization="other")
    place(county, "o1", "胸部CT平扫", "other", subject={"reference": "Patient/p2"})
    assert "mitigation" not in issue(county, "o1")


def test_feedback_that_is_quicker_than_the_log_is_not_lost(county: County) -> None:
    county.send(report("r1", "胸部CT平扫"))
    [card] = county.cards(order("draft-1", "胸部CT平扫"))
    tell(county, card)
    assert notes(county, "recognition-note")
    with pytest.raises(NotFound):
        county.read("Communication", "note-nobody")


def test_a_time_that_is_none_is_400(county: County, card: dict[str, Any]) -> None:
    body = {"feedback": [{"card": card["uuid"], "outcome": "accepted", "outcomeTimestamp": "yesterday"}]}
    answer = county.http("POST", f"{SIGN}/feedback", json=body)
    assert (answer.status_code, answer.json()["issue"][0]["expression"]) == (400, ["feedback[0].outcomeTimestamp"])


@pytest.mark.parametrize(
    "reason",
    [
        {"reason": {"code": " ", "system": "no uri at all"}, "userComment": "\u0001\u0000"},
        {"reason": {"code": "x" * 1900, "system": ""}},
        {"reason": {"code": "two  blanks\n"}, "userComment": "病情\u0007加重\n再查"},
        {"reason": {}},
        {"userComment": "<b>" * 600},
    ],
)
def test_whatever_an_override_says_it_is_kept(county: County, card: dict[str, Any], reason: dict[str, Any]) -> None:
    tell(county, card, outcome="overridden", overrideReason=reason)
    assert len(notes(county, "repeat-reason")) == 1
    assert county.store.side_rows("SELECT outcome FROM cds_feedback") == [("overridden",)]


def test_a_draft_and_a_user_of_odd_names_leave_a_note_all_the_same(county: County) -> None:
    county.send(report("r1", "胸部CT平扫"))
    odd = order("draft-1", " 胸部CT平扫\t")
    [card] = county.cards(odd, userId="Practitioner/ a b\u0001")
    tell(county, card)
    assert county.read("Communication", f"note-{card['uuid']}")["sender"] == {"reference": "Organization/hospital"}
