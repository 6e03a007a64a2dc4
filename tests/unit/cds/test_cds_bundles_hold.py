"""What must not matter to a verdict, over labelled bundles through the doors: how a sender words and orders what he
sends, how often, what else there is, and when all of it happens."""

import copy
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from hub.contracts.site import ZONE

from .bundles import FILES, Told, load, near_doors, play_all, settle, sign

Case = dict[str, Any]
EVERY = 13
_FIRST = ("Organization", "Patient", "Encounter", "Condition", "CarePlan")
"""What others refer to, and nobody sends last."""
_SIDES = str.maketrans("左右", "右左")
_SIDE_CODES = {
    "7771000": "24028007",
    "82169009": "6757004",
    "26257-6": "26258-4",
}
_SWAPPED = _SIDE_CODES | {right: left for left, right in _SIDE_CODES.items()}


@pytest.fixture(scope="module")
def sample() -> list[Case]:
    return [case for case in load(*FILES) if "http" not in case][::EVERY]


def told(found: list[Told]) -> dict[tuple[str, str], tuple[str, str | None]]:
    return {(one.case["id"], one.draft): (one.verdict, one.card) for one in found}


@pytest.fixture(scope="module")
def plainly(sample: list[Case], tmp_path_factory: pytest.TempPathFactory) -> dict[Any, Any]:
    with near_doors(tmp_path_factory.mktemp("plain") / "data") as doors:
        return told(play_all(doors, sample))


def walk(value: Any, change: Callable[[Any], Any]) -> Any:
    if isinstance(value, dict):
        return change({key: walk(each, change) for key, each in value.items()})
    return [walk(each, change) for each in value] if isinstance(value, list) else change(value)


def changed(cases: list[Case], change: Callable[[Any], Any]) -> list[Case]:
    return [case | {key: walk(case[key], change) for key in ("transactions", "drafts")} for case in cases]


def in_displays(value: Any) -> Any:
    """A name that stood as text stands as the display of a clinic's own code."""
    name = value.get("code") if isinstance(value, dict) else None
    if not isinstance(name, dict) or set(name) != {"text"}:
        return value
    coding = {"system": "http://other.example.org/catalogue", "code": "77", "display": name["text"]}
    return value | {"code": {"coding": [coding]}}


def sides_swapped(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    worded = value.translate(_SIDES)
    for left, right in (("left", "right"), ("Left", "Right")):
        worded = worded.replace(left, "\0").replace(right, left).replace("\0", right)
    return _SWAPPED.get(value, worded)


def one_by_one_backwards(case: Case) -> Case:
    """Each resource in a transaction of its own, the report before its results; versions of one stay in turn."""
    if len(case["transactions"]) > 1 or case["method"] == "POST":
        return case
    resources = case["transactions"][0]
    first = [[each] for each in resources if each["resourceType"] in _FIRST]
    rest = [[each] for each in reversed(resources) if each["resourceType"] not in _FIRST]
    return case | {"transactions": first + rest}


def sent_twice(case: Case) -> Case:
    if case["method"] == "POST":
        return case
    return case | {"transactions": [each for each in case["transactions"] for _ in range(2)]}


def with_others(case: Case) -> Case:
    """And what has nothing to do with it: another examination, a stay, an order that was done."""
    patient = next(each for each in case["transactions"][0] if each["resourceType"] == "Patient")
    subject = {"reference": f"Patient/{patient['id']}"}
    number = case["id"]
    others = [
        {"resourceType": "DiagnosticReport", "id": f"{number}-other", "status": "final", "subject": subject,
         "code": {"text": "口腔曲面断层片"}, "effectiveDateTime": "@-3d"},
        {"resourceType": "ServiceRequest", "id": f"{number}-other", "status": "active", "intent": "order",
         "subject": subject, "code": {"text": "视力检查"}, "authoredOn": "@-1d"},
        {"resourceType": "Observation", "id": f"{number}-other", "status": "final", "subject": subject,
         "code": {"text": "体温"}, "effectiveDateTime": "@-1h", "valueQuantity": {"value": 36.6}},
    ]  # fmt: skip
    more = copy.deepcopy(case["transactions"])
    more[0] += others
    return case | {"transactions": more}


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda cases: changed(cases, in_displays), id="names as displays"),
        pytest.param(lambda cases: changed(cases, sides_swapped), id="left and right swapped"),
        pytest.param(lambda cases: list(map(one_by_one_backwards, cases)), id="one by one, backwards"),
        pytest.param(lambda cases: list(map(sent_twice, cases)), id="everything sent twice"),
        pytest.param(lambda cases: list(map(with_others, cases)), id="unrelated records beside"),
    ],
)
def test_it_does_not_matter_how_it_is_sent(
    change: Callable[[list[Case]], list[Case]], sample: list[Case], plainly: dict[Any, Any], tmp_path: Path
) -> None:
    with near_doors(tmp_path / "data") as doors:
        assert told(play_all(doors, change(sample))) == plainly


@pytest.mark.parametrize("moment", ["2027-03-01T00:03:00+08:00", "2028-02-29T23:57:00+08:00"])
def test_it_does_not_matter_when_it_happens(
    moment: str, sample: list[Case], plainly: dict[Any, Any], tmp_path: Path
) -> None:
    now = datetime.fromisoformat(moment).astimezone(ZONE)
    with near_doors(tmp_path / "data", lambda: now) as doors:
        assert told(play_all(doors, sample, lambda: now)) == plainly


def test_asked_again_it_says_the_same(sample: list[Case], tmp_path: Path) -> None:
    now = datetime.now(ZONE)
    with near_doors(tmp_path / "data", lambda: now) as doors:
        settle(doors)
        names = {one.case["id"]: one.names for one in play_all(doors, sample, lambda: now)}
        for case in sample[::3]:
            first, second = (sign(doors, case, names[case["id"]], now)[1] for _ in range(2))
            for answer in (first, second):
                for said in (
                    *answer["extension"]["hub.verdicts"],
                    *(card["extension"]["hub.verdict"] for card in answer["cards"]),
                ):
                    said.pop("id")  # of this call
                for card in answer["cards"]:
                    card.pop("uuid"), card.pop("links", None)
                    for suggestion in card.get("suggestions", ()):
                        suggestion.pop("uuid", None)
            assert first == second
