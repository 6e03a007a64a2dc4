"""The labelled cases of ``tests/unit/exams/data`` once more, through the doors: resources in, order-sign out."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from hub.contracts.caller import Caller, Role
from hub.contracts.codes import EXTENSION
from hub.contracts.site import ZONE
from tests.unit.exams import story

from .county import SELECT, SIGN, County, order, organization, patient

_WITHOUT = ("subject",)


def _facts(number: str, facts: dict[str, Any]) -> dict[str, Any]:
    extension = [
        {"url": f"{EXTENSION}/{name}", "valueCode": facts[key]}
        for key, name in (("level", "hospital-level"), ("place", "place"))
        if key in facts
    ]
    resource = organization(number, f"机构{number}")
    if extension:
        resource["extension"] = extension
    if "part_of" in facts:
        resource["partOf"] = {"reference": f"Organization/{facts['part_of']}"}
    return resource


def _person(case: dict[str, Any], who: str) -> dict[str, Any]:
    circumstances = case.get("x", {})
    now = datetime.now(ZONE)
    birth = now - timedelta(days=40 * 365.25)
    if "age_years" in circumstances:
        birth = now - timedelta(days=365.25 * circumstances["age_years"])
    if "age_days" in circumstances:
        birth = now - timedelta(days=circumstances["age_days"])
    return patient(who, serial=case["n"] % 999, birthDate=birth.date().isoformat())


def _draft(spec: Any, number: int, who: str) -> dict[str, Any]:
    return story.draft(spec, number) | {"subject": {"reference": f"Patient/{who}"}}


def play(county: County, case: dict[str, Any]) -> tuple[str, str | None]:
    """The verdict and the card's indicator for one case."""
    who = f"p{case['n']}"
    circumstances = case.get("x", {})
    asker = f"asker{case['n']}"
    county.send(
        organization("lianheti", "医共体"), organization("other", "其他医共体"), organization("clinic-b", "乙卫生院")
    )
    county.send(_facts(asker, circumstances.get("asker", {})), organization=asker)
    county.send(_person(case, who), organization="clinic-b")
    if circumstances.get("class"):
        encounter = {
            "resourceType": "Encounter",
            "id": f"stay{case['n']}",
            "status": "in-progress",
            "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": circumstances["class"]},
            "subject": {"reference": f"Patient/{who}"},
        }
        county.send(encounter, organization="clinic-b")
    for number, spec in enumerate(case["p"]):
        owner = "clinic-b"
        if spec.get("org") is not None:
            owner = f"clinic{case['n']}-{number}"
            county.send(_facts(owner, spec["org"]), organization=owner)
        for resource in story.prior_resources(spec, number):
            resource = {key: value for key, value in resource.items() if value is not None}
            resource["id"] = f"c{case['n']}-{number}"
            resource["subject"] = {"reference": f"Patient/{who}"}
            if "encounter" in resource:
                resource["encounter"] = {"reference": f"Encounter/stay{case['n']}"}
            county.send(resource, organization=owner, role=Role.SERVICE)
    before = [_draft(spec, 10 + at, who) for at, spec in enumerate(case.get("before", []))]
    after = [_draft(spec, 20 + at, who) for at, spec in enumerate(case.get("sib", []))]
    mine = _draft(case["o"], 1, who)
    if circumstances.get("class"):
        mine["encounter"] = {"reference": f"Encounter/stay{case['n']}"}
    if isinstance(case["o"], dict) and "plan_days" in case["o"]:
        county.send(_plan(case, who), organization="clinic-b")
    county.physician = Caller(f"his-{asker}", Role.PHYSICIAN, asker)
    answer = county.sign(*before, mine, *after, patient=who)
    assert answer.status_code == 200, answer.text
    told = answer.json()
    for card in told["cards"]:
        verdict = card["extension"]["hub.verdict"]
        if verdict["draft"] == "ServiceRequest/draft-1":
            return verdict["verdict"], card["indicator"]
    silent = {each["draft"]: each["verdict"] for each in told["extension"]["hub.verdicts"]}
    return silent["ServiceRequest/draft-1"], None


def _plan(case: dict[str, Any], who: str) -> dict[str, Any]:
    repeat = {"frequency": 1, "period": case["o"]["plan_days"], "periodUnit": "d"}
    detail = {"status": "scheduled", "code": {"text": case["o"]["t"]}, "scheduledTiming": {"repeat": repeat}}
    return {
        "resourceType": "CarePlan",
        "id": f"plan{case['n']}",
        "status": "active",
        "intent": "plan",
        "subject": {"reference": f"Patient/{who}"},
        "activity": [{"detail": detail}],
    }


def play_all(folder: Path) -> Iterator[tuple[dict[str, Any], tuple[str, str | None]]]:
    """Every case with what the door said."""
    story.NOW = datetime.now(ZONE)
    county = County(folder)
    try:
        for case in story.cases():
            yield case, play(county, case)
    finally:
        county.close()


__all__ = ["SELECT", "SIGN", "order", "play", "play_all"]
