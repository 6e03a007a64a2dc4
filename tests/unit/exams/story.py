"""Plays one labelled case of ``data/cases.jsonl``: builds FHIR resources, takes their rows, judges the order."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from hub.contracts.codes import EXTENSION, LOINC
from hub.contracts.site import ZONE
from hub.exams.judging.history import priors_from
from hub.exams.judging.order_facts import order_from
from hub.exams.judging.prior import Context, PlannedRepeat
from hub.exams.judging.recognition import Institution
from hub.exams.judging.signing import judge_all
from hub.exams.judging.verdict import Verdict
from hub.exams.rows.exam_rows import proto_rows
from hub.exams.rows.row import Row, encode_detail

NOW = datetime(2026, 11, 22, 10, 30, tzinfo=ZONE)
NOW_US = int(NOW.timestamp() * 1e6)
DATA = Path(__file__).parent / "data"


def cases() -> list[dict[str, Any]]:
    lines = (DATA / "cases.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) | {"n": number} for number, line in enumerate(lines, 1)]


def _code(spec: dict[str, Any]) -> dict[str, Any]:
    code: dict[str, Any] = {}
    if "loinc" in spec:
        code["coding"] = [{"system": LOINC, "code": spec["loinc"]}]
    if "t" in spec:
        code["text"] = spec["t"]
    return code


def _ours(name: str, **value: Any) -> dict[str, Any]:
    return {"url": f"{EXTENSION}/{name}", **value}


def _when(spec: dict[str, Any]) -> str | None:
    if spec.get("no_date"):
        return None
    moment = NOW - timedelta(days=spec.get("d", 0), hours=spec.get("h", 0))
    return moment.date().isoformat() if spec.get("date_only") else moment.isoformat()


def _extensions(spec: dict[str, Any]) -> list[dict[str, Any]]:
    found = []
    if "mark" in spec:
        nested = [{"url": "mark", "valueString": spec["mark"]}, {"url": "scope", "valueCode": spec["scope"]}]
        found.append(_ours("recognition-mark", extension=nested))
    if "eqa" in spec:
        start, end, passed = spec["eqa"]
        period = {
            "start": (NOW - timedelta(days=start)).date().isoformat(),
            "end": (NOW - timedelta(days=end)).date().isoformat(),
        }
        nested = [{"url": "period", "valuePeriod": period}, {"url": "passed", "valueBoolean": passed}]
        found.append(_ours("external-quality-assessment", extension=nested))
    if "quality" in spec:
        found.append(_ours("quality-complaint", valueCode=spec["quality"]))
    if "followup" in spec:
        duration = {"value": spec["followup"], "code": "d", "unit": "d", "system": "http://unitsofmeasure.org"}
        found.append(_ours("recommended-follow-up", valueDuration=duration))
    return found


def prior_resources(spec: dict[str, Any], number: int) -> list[dict[str, Any]]:
    """The resource that a prior of a case is."""
    how = spec.get("as", "report")
    when = _when(spec)
    common: dict[str, Any] = {"id": f"p{number}", "subject": {"reference": "Patient/1"}}
    if spec.get("same_stay"):
        common["encounter"] = {"reference": "Encounter/stay"}
    extension = _extensions(spec)
    if extension:
        common["extension"] = extension
    if how == "order":
        return [
            {
                **common,
                "resourceType": "ServiceRequest",
                "status": spec.get("status", "active"),
                "intent": "order",
                "code": _code(spec),
                "authoredOn": when,
            }
        ]
    if how == "study":
        study = {**common, "resourceType": "ImagingStudy", "status": spec.get("status", "available")}
        return [{**study, "started": when, "description": spec["t"], "procedureCode": [_code(spec)]}]
    if how == "observation":
        seen = {**common, "resourceType": "Observation", "status": spec.get("status", "final"), "code": _code(spec)}
        seen["effectiveDateTime"] = when
        if spec.get("absent"):
            seen["dataAbsentReason"] = {"text": "error"}
        elif spec.get("reject"):
            seen["valueString"] = "标本溶血,拒收"
        else:
            seen["valueQuantity"] = {"value": 5.0}
        if spec.get("abnormal"):
            seen["interpretation"] = [{"coding": [{"code": "H"}]}]
        return [seen]
    report = {**common, "resourceType": "DiagnosticReport", "status": spec.get("status", "final"), "code": _code(spec)}
    if when:
        report["effectiveDateTime"] = when
    if "issued_d" in spec:
        report["issued"] = (NOW - timedelta(days=spec["issued_d"])).isoformat()
    if "conclusion" in spec:
        report["conclusion"] = spec["conclusion"]
    return [report]


def rows_of(resources: list[dict[str, Any]], owner: str) -> list[Row]:
    return [
        Row(key, proto.anchor_us, f"{r['resourceType']}/{r['id']}", proto.state, owner, proto.exam,
            " ".join(proto.links), encode_detail(proto.detail))
        for r in resources
        for proto in proto_rows(r["resourceType"], r)
        for key in proto.keys
    ]  # fmt: skip


def draft(spec: Any, number: int) -> dict[str, Any]:
    spec = {"t": spec} if isinstance(spec, str) else spec
    request: dict[str, Any] = {
        "resourceType": "ServiceRequest",
        "id": f"draft-{number}",
        "status": "draft",
        "intent": "order",
        "code": _code(spec),
    }
    if "body" in spec:
        request["bodySite"] = [{"text": spec["body"]}]
    if "reason" in spec:
        request["reasonCode"] = [{"text": spec["reason"]}]
    if "priority" in spec:
        request["priority"] = spec["priority"]
    return request


def _institution(facts: dict[str, dict[str, str]]) -> Any:
    def look_up(organization: str) -> Institution:
        said = facts.get(organization, {})
        return Institution(
            organization, parent=said.get("part_of", ""), level=said.get("level", ""), place=said.get("place", "")
        )

    return look_up


def play(case: dict[str, Any]) -> Verdict:
    """The verdict on the case's order."""
    circumstances = case.get("x", {})
    facts = {"asker": circumstances.get("asker", {})}
    rows: list[Row] = []
    for number, spec in enumerate(case["p"]):
        owner = "clinic-b"
        if spec.get("org"):
            owner = f"clinic-{number}"
            facts[owner] = spec["org"]
        rows += rows_of(prior_resources(spec, number), owner)
    before = [draft(spec, 10 + at) for at, spec in enumerate(case.get("before", []))]
    after = [draft(spec, 20 + at) for at, spec in enumerate(case.get("sib", []))]
    mine = draft(case["o"], 1)
    if circumstances.get("class") == "IMP":
        mine["encounter"] = {"reference": "Encounter/stay"}
    orders = [order_from(resource) for resource in (*before, mine, *after)]
    birth = None
    if "age_years" in circumstances:
        birth = NOW - timedelta(days=365.25 * circumstances["age_years"])
    if "age_days" in circumstances:
        birth = NOW - timedelta(days=circumstances["age_days"])
    spec = case["o"]
    plans = ()
    if isinstance(spec, dict) and "plan_days" in spec:
        exam = orders[len(before)].examination
        assert exam is not None
        plans = (PlannedRepeat(exam, spec["plan_days"]),)
    context = Context(
        now_us=NOW_US,
        organization="asker",
        institution=_institution(facts),
        setting={"IMP": "inpatient", "EMER": "emergency"}.get(circumstances.get("class", ""), "outpatient"),
        birth_us=int(birth.astimezone(UTC).timestamp() * 1e6) if birth else None,
        plans=plans,
    )
    return judge_all(orders, [len(before)], priors_from(rows), [context] * len(orders))[0]
