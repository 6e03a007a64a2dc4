"""A clinic's own code map, from the file to the card; and the names that wait to be mapped."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from hub.api.rest.mapping_desk import desk
from hub.contracts.caller import EVERYTHING, Caller, Role
from hub.contracts.errors import Incorrect, NotFound
from hub.exams.cli import import_codes, reindex
from hub.exams.code_maps.code_list import add_line, list_id
from hub.exams.code_maps.concept_map import EXAMINATION
from hub.exams.code_maps.rereading import progress, step
from hub.exams.code_maps.unread import forget_rare
from hub.fhir.search import parse

from .county import County, ago, order, organization, report

HUB = Caller("hub", Role.SERVICE, "hub")
CLINIC = Caller("clinic-feed", Role.CLINIC, "clinic")


def _coded(number: str, code: str, **more: Any) -> dict[str, Any]:
    return report(number, "", code={"coding": [{"system": "urn:clinic:exams", "code": code}]}, **more)


def _map(county: County, content: str, whose: str = "clinic") -> None:
    import_codes(county.store, HUB, content, whose)


def _read_again(county: County) -> None:
    while step(county.store):
        pass


def _verdict(county: County, draft: dict[str, Any]) -> str:
    told = county.sign(draft).json()
    cards = [card["extension"]["hub.verdict"] for card in told["cards"]]
    [verdict] = [*cards, *told["extension"]["hub.verdicts"]]
    return str(verdict["verdict"])


def _unmapped(county: County, caller: Caller = CLINIC, **more: Any) -> list[tuple[str, str, int]]:
    listed = desk(county.store, caller, more.get("organization"), 100)["items"]
    return [(one["code"], one["name"], one["times"]) for one in listed]


def test_a_mapped_code_is_understood_at_once_and_older_reports_after_being_read_again(county: County) -> None:
    county.send(_coded("r1", "X12"))
    draft = order("draft-1", "胸部CT平扫")
    assert _verdict(county, draft) == "none"
    _map(county, "code,means\nX12,胸部CT平扫\n")
    assert _verdict(county, draft) == "none"
    assert [one["done_us"] for one in progress(county.store.side_rows)] == [None]
    _read_again(county)
    assert _verdict(county, draft) == "duplicate"
    [told] = progress(county.store.side_rows)
    assert (told["organization"], told["changed"]) == ("clinic", 1)
    county.send(_coded("r2", "X12", effectiveDateTime=ago(days=1)))
    [card] = county.cards(draft)
    assert card["extension"]["hub.verdict"]["priors"] == ["DiagnosticReport/r2"]


def test_an_empty_file_clears_the_map_again(county: County) -> None:
    _map(county, "code,means\nX12,胸部CT平扫\n")
    county.send(_coded("r1", "X12"))
    assert _verdict(county, order("draft-1", "胸部CT平扫")) == "duplicate"
    _map(county, "")
    _read_again(county)
    assert _verdict(county, order("draft-1", "胸部CT平扫")) == "none"


def test_a_map_holds_for_the_words_of_its_own_clinic_alone(county: County) -> None:
    county.send(organization("other", "他院"))
    _map(county, "code,means\nX12,胸部CT平扫\n")
    county.send(_coded("r1", "X12"), organization="other")
    assert _verdict(county, order("draft-1", "胸部CT平扫")) == "none"


def test_a_draft_is_read_in_the_words_of_the_clinic_that_orders(county: County) -> None:
    county.send(report("r1", "胸部CT平扫"))
    assert _verdict(county, order("draft-1", "肺部套餐甲")) == "not-understood"
    _map(county, "name,means\n肺部套餐甲,胸部CT平扫\n", "hospital")
    assert _verdict(county, order("draft-1", "肺部套餐甲")) == "duplicate"


def test_an_order_in_own_words_is_checked_again_when_it_arrives(county: County) -> None:
    county.send(report("r1", "胸部CT平扫"))
    _map(county, "name,means\n肺部套餐甲,胸部CT平扫\n")
    county.send(order("o1", "肺部套餐甲", status="active", authoredOn=ago(minutes=1)))
    issue = parse("DetectedIssue", [("implicated", "ServiceRequest/o1")])
    assert len(county.store.search(issue, EVERYTHING).matches) == 1


def test_what_a_clinic_decided_by_hand_beats_what_its_words_seem_to_say(county: County) -> None:
    _map(county, "code,name,means,laterality\nK1,膝关节DR,膝关节DR,left\nK1b,左膝关节MRI,腹部彩超,\n")
    county.send(report("r1", "左膝关节MRI"))
    assert _verdict(county, order("draft-1", "左膝关节MRI平扫")) == "none"
    assert _verdict(county, order("draft-1", "腹部彩超")) == "duplicate"


def test_attributes_say_what_no_name_says(county: County) -> None:
    _map(county, "code,modality,regions,laterality,contrast\nM7,MR,knee,left,plain\n")
    county.send(_coded("r1", "M7"))
    assert _verdict(county, order("draft-1", "左膝关节MRI平扫")) == "duplicate"
    assert _verdict(county, order("draft-1", "右膝关节MRI平扫")) == "none"


@pytest.mark.parametrize(
    ("content", "field", "words"),
    [
        ("code,means\nA,乱七八糟\n", "means", "Line 2"),
        ("code,means\n,胸部CT平扫\n", "code", "Line 2"),
        ("code,means,colour\nA,胸部CT平扫,red\n", "colour", "Line 2"),
        ("code,modality,regions\nA,CT,chest\nB,CT,moon\n", "regions", "Line 3"),
        ("code,means\nA,LOINC|0-0\n", "means", "Line 2"),
        ("code,means\nA,\n", "means", "Line 2"),
        ("code,modality\nA,CT\n", "means", "Line 2"),
    ],
)
def test_a_wrong_line_is_named_and_nothing_is_kept(county: County, content: str, field: str, words: str) -> None:
    with pytest.raises(Incorrect) as refused:
        _map(county, content)
    assert refused.value.where == field
    assert words in refused.value.what
    assert county.store.side_rows("SELECT * FROM exams_code") == []


def test_a_map_of_an_unknown_organization_is_refused(county: County) -> None:
    with pytest.raises(NotFound):
        _map(county, "code,means\nA,胸部CT平扫\n", "nobody")


def _concept_map(**target: Any) -> dict[str, Any]:
    element = {"code": "X12", "target": [{"equivalence": "equivalent", **target}]}
    group = {"source": "urn:clinic:exams", "target": EXAMINATION, "element": [element]}
    return {"resourceType": "ConceptMap", "id": "m1", "status": "active", "group": [group]}


def test_a_clinic_may_put_its_map_as_a_concept_map(county: County) -> None:
    county.send(_concept_map(display="胸部CT平扫"))
    county.send(_coded("r1", "X12"))
    assert _verdict(county, order("draft-1", "胸部CT平扫")) == "duplicate"


def test_a_concept_map_that_is_not_understood_is_refused_by_its_element(county: County) -> None:
    with pytest.raises(Incorrect) as refused:
        county.send(_concept_map(display="乱七八糟"))
    assert "ConceptMap.group[0].element[0]" in refused.value.what


def test_a_concept_map_about_other_things_is_none_of_ours(county: County) -> None:
    other = _concept_map(display="阿莫西林")
    other["group"][0]["target"] = "urn:drugs"
    county.send(other)
    assert county.store.side_rows("SELECT * FROM exams_code") == []


def test_names_that_were_not_understood_are_counted_until_they_are_mapped(county: County) -> None:
    for number in range(3):
        county.send(_coded(f"r{number}", "X12"))
    county.send(report("r9", "神秘检查乙"))
    county.send(report("r9", "神秘检查乙"))  # a new version is not another one
    assert _unmapped(county) == [("X12", "", 3), ("", "神秘检查乙", 1)]
    line = {"name": "神秘检查乙", "means": "腹部彩超"}
    county.store.act(lambda view: add_line(view, "clinic", line), CLINIC).result(10)
    assert _unmapped(county) == [("X12", "", 3)]


def test_a_name_of_a_draft_is_counted_for_the_clinic_that_wrote_it(county: County) -> None:
    _verdict(county, order("draft-1", "神秘检查丙"))
    hospital = Caller("desk", Role.CLINIC, "hospital")
    for _ in range(200):
        if _unmapped(county, hospital):
            break
        time.sleep(0.01)
    assert _unmapped(county, hospital) == [("", "神秘检查丙", 1)]
    assert _unmapped(county) == []


def test_others_do_not_see_names_that_came_rarely(county: County) -> None:
    admin = Caller("desk", Role.ADMIN, "bureau")
    for number in range(5):
        county.send(_coded(f"r{number}", "X12"))
    county.send(report("r9", "张三的神秘检查"))
    assert _unmapped(county, admin) == [("X12", "", 5)]
    assert desk(county.store, admin, "clinic", 100)["withheld"] == 1


def test_a_line_takes_the_place_of_the_one_for_the_same_code(county: County) -> None:
    def add(**line: str) -> int:
        return int(county.store.act(lambda view: add_line(view, "clinic", line), CLINIC).result(10))

    assert add(code="A", means="胸部CT平扫") == 1
    assert add(code="B", means="LOINC|2345-7") == 2
    assert add(code="A", means="腹部彩超", technique="b-mode") == 2
    stored = county.read("ConceptMap", list_id("clinic"))
    targets = [element["target"][0] for group in stored["group"] for element in group["element"]]
    assert [target["code"] for target in targets] == ["2345-7", "腹部彩超"]


def test_reindex_reads_everything_again(county: County) -> None:
    county.send(report("r1", "胸部CT平扫"))
    county.store.act(lambda view: view.execute("DELETE FROM exams_row"), HUB).result(10)
    assert _verdict(county, order("draft-1", "胸部CT平扫")) == "none"
    assert reindex(county.store, HUB).startswith("1 resources read again, 1 are")
    assert _verdict(county, order("draft-1", "胸部CT平扫")) == "duplicate"
    assert reindex(county.store, HUB).endswith(" 0 are understood otherwise")


def test_a_laboratory_report_and_its_results_stay_tied_when_they_are_read_again(county: County) -> None:
    seen = {
        "resourceType": "Observation", "id": "ob1", "status": "final", "subject": {"reference": "Patient/p1"},
        "code": {"coding": [{"system": "urn:clinic:lab", "code": "GLU9"}]}, "effectiveDateTime": ago(days=2),
        "valueQuantity": {"value": 5.1},
    }  # fmt: skip
    county.send(seen, report("r1", "组合九", result=[{"reference": "Observation/ob1"}]))
    _map(county, "code,means\nGLU9,葡萄糖\n")
    _read_again(county)
    [card] = county.cards(order("draft-1", "葡萄糖"))
    assert card["extension"]["hub.verdict"]["priors"] == ["DiagnosticReport/r1"]


def test_a_rare_name_is_forgotten_after_half_a_year(county: County) -> None:
    county.send(report("r1", "神秘检查丁"), _coded("r2", "X12"), _coded("r3", "X12"))
    old_us = int((datetime.now(UTC) - timedelta(days=181)).timestamp() * 1e6)
    age = "UPDATE exams_unread SET last_us = ?, times = times * 3 WHERE code = 'X12' OR name = '神秘检查丁'"
    county.store.act(lambda view: view.execute(age, (old_us,)), HUB).result(10)
    county.store.act(forget_rare, HUB).result(10)
    assert _unmapped(county) == [("X12", "", 6)]
