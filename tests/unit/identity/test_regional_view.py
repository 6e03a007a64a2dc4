"""The regional Patient is a function of the sources, whatever their order."""

from itertools import permutations
from typing import Any

from hub.contracts.codes import RESIDENT_ID
from hub.identity.regional import patient_of, replaced


def source(id_: str, day: int, **elements: Any) -> dict[str, Any]:
    return {
        "resourceType": "Patient",
        "id": id_,
        "meta": {"lastUpdated": f"2026-11-{day:02}T08:00:00.000Z"},
        **elements,
    }


SOURCES = [
    source("a", 1, name=[{"text": "陈秀英"}], telecom=[{"system": "phone", "value": "1"}], active=False,
           identifier=[{"system": RESIDENT_ID, "value": "990101196204150026"}]),
    source("b", 3, name=[{"text": "陈秀英"}], telecom=[{"system": "phone", "value": "2"}], deceasedBoolean=False,
           maritalStatus={"text": "已婚"}),
    source("c", 2, telecom=[{"system": "phone", "value": "1"}], maritalStatus={"text": "未婚"},
           deceasedDateTime="2026-11-02"),
]  # fmt: skip


def test_the_order_of_the_sources_has_no_say() -> None:
    views = [patient_of("p", order) for order in permutations(SOURCES)]
    assert all(view == views[0] for view in views)


def test_what_is_newest_comes_first_and_each_value_once() -> None:
    view = patient_of("p", SOURCES)
    assert [phone["value"] for phone in view["telecom"]] == ["2", "1"]
    assert [link["other"]["reference"] for link in view["link"]] == ["Patient/b", "Patient/c", "Patient/a"]
    assert view["maritalStatus"] == {"text": "已婚"}
    assert (view["active"], view["birthDate"], view["gender"]) == (True, "1962-04-15", "female")
    assert ("deceasedBoolean" in view, view["deceasedDateTime"]) == (False, "2026-11-02")
    assert view["meta"]["lastUpdated"] == "2026-11-03T08:00:00.000Z"


def test_its_version_is_a_number_that_changes_with_what_is_seen() -> None:
    whole, part = patient_of("p", SOURCES), patient_of("p", SOURCES[:2])
    assert whole["meta"]["versionId"].isdigit()
    assert len(whole["meta"]["versionId"]) <= 15
    assert len({whole["meta"]["versionId"], part["meta"]["versionId"],
                replaced("p", "q")["meta"]["versionId"]}) == 3  # fmt: skip
