"""``GET /view?t=…``: the report or the study behind a link of a card, for a browser without a credential.

What it shows is one resource and what that resource itself cites (results, studies, subject), read with the rights of
the client that the link was made for, and audited as its read. Results of sensitive kinds are not shown to others than
the organization whose they are. Its browser gets a pass to the images of the studies shown, for the viewer.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any

import msgspec
from fastapi import APIRouter, Request, Response

from hub.contracts.audit import ReadAudit
from hub.contracts.caller import Caller, Scope
from hub.contracts.errors import ExchangeError
from hub.contracts.gate import Gate
from hub.contracts.site import ZONE
from hub.contracts.store import ResourceReader
from hub.exams.telling.withholding import is_sensitive_result
from hub.exams.telling.wording import HOW_TO_ASK
from hub.reading.desk import findings_of

from .pages import page
from .study import has_pictures, uid_of, where_told

Opened = Callable[[str], tuple[Caller, str] | None]
"""Token of a link → who it was made for and ``Type/id`` (``hub.security.links.Links.opened``)."""
StudyPass = Callable[[Caller, Sequence[str], Sequence[str]], str]
"""Who, StudyInstanceUIDs and the Cookie fields that came → Set-Cookie (``hub.security.study_pass``)."""
SHOWN = frozenset({"DiagnosticReport", "ImagingStudy", "ServiceRequest", "Observation"})
MOST_CITED = 200
_decode = msgspec.json.Decoder(float_hook=str).decode
"""Decimals stay the digits that were sent."""
_STATES = {
    "final": "已完成", "amended": "已修订", "corrected": "已更正", "preliminary": "初步报告", "partial": "部分结果",
    "registered": "已登记", "active": "已申请", "on-hold": "暂停", "completed": "已完成", "available": "已检查",
    "revoked": "已撤销", "cancelled": "已取消", "entered-in-error": "误录",
}  # fmt: skip
_SEXES = {"male": "男", "female": "女"}


def view_router(
    store: ResourceReader, gate: Gate, audit: ReadAudit, opened: Opened, study_pass: StudyPass
) -> APIRouter:
    router = APIRouter(include_in_schema=False)

    @router.get("/view")
    def view(request: Request) -> Response:
        tokens = request.query_params.getlist("t")
        link = opened(tokens[0]) if len(tokens) == 1 else None
        if link is None:
            return page("view_ended.html", 403)
        caller, reference = link
        records = _Records(store, gate.scope(caller))
        resource = records.read(reference)
        if resource is None or resource["resourceType"] not in SHOWN:
            return page("view_ended.html", 404)
        kind = resource["resourceType"]
        studies = [resource] if kind == "ImagingStudy" else list(records.cited(resource, "imagingStudy"))
        results = [resource] if kind == "Observation" else list(records.cited(resource, "result"))
        foreign = records.owner(resource) != caller.organization
        told = [one for one in results if not (foreign and is_sensitive_result(one, caller.role))]
        shown = [_study(one) | {"kept": where_told(one, records.endpoint_status)} for one in studies]
        answer = page(
            "view.html",
            withheld=len(results) - len(told),
            how_to_ask=HOW_TO_ASK,
            kind=kind,
            title=_name(resource),
            state=_STATES.get(resource.get("status", ""), resource.get("status", "")),
            patient=_patient(records.read(_reference(resource.get("subject"))) or {}),
            place=records.place(resource),
            when=_local(resource.get("effectiveDateTime") or _start(resource)),
            issued=_local(resource.get("issued")),
            findings=findings_of(resource),
            conclusion=resource.get("conclusion"),
            results=[_result(one) for one in told],
            studies=shown,
        )
        if viewed := [one["uid"] for one in shown if one["uid"]]:
            answer.headers["Set-Cookie"] = study_pass(caller, viewed, request.headers.getlist("cookie"))
        audit.note(caller, "read", kind, records.patients)
        return answer

    return router


class _Records:
    """Reads within one scope, and which Patients (ids) the resources belong to."""

    def __init__(self, store: ResourceReader, scope: Scope) -> None:
        self._store = store
        self._scope = scope
        self._owners: dict[str, str] = {}
        self.patients: list[str] = []

    def read(self, reference: str) -> dict[str, Any] | None:
        """None where it is not there, or not the caller's to know of."""
        kind, _, number = reference.partition("/")
        if not number or not self._scope.sees_type(kind):
            return None
        try:
            stored = self._store.read(kind, number, self._scope)
        except ExchangeError:
            return None
        self._owners[reference] = stored.owner
        if stored.patient is not None and stored.patient not in self.patients:
            self.patients.append(stored.patient)
        found: dict[str, Any] = _decode(stored.body)
        return found

    def cited(self, resource: dict[str, Any], element: str) -> Iterator[dict[str, Any]]:
        for each in _listed(resource.get(element))[:MOST_CITED]:
            found = self.read(_reference(each))
            if found is not None:
                yield found

    def endpoint_status(self, endpoint: str) -> str:
        return str((self.read(f"Endpoint/{endpoint}") or {}).get("status", ""))

    def owner(self, resource: dict[str, Any]) -> str:
        return self._owners.get(f"{resource['resourceType']}/{resource['id']}", "")

    def place(self, resource: dict[str, Any]) -> str:
        """The organization whose record it is, by name."""
        owner = self.owner(resource)
        organization = self.read(f"Organization/{owner}") or {}
        return str(organization.get("name") or owner)


def _listed(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list) else ()


def _reference(element: Any) -> str:
    value = element.get("reference", "") if isinstance(element, dict) else ""
    return "/".join(str(value).partition("/_history/")[0].split("/")[-2:])


def _said(concept: Any) -> str:
    if not isinstance(concept, dict):
        return ""
    codings = _listed(concept.get("coding"))
    return str(concept.get("text") or next((c["display"] for c in codings if c.get("display")), ""))


def _name(resource: dict[str, Any]) -> str:
    return _said(resource.get("code")) or str(resource.get("description") or "") or str(resource["resourceType"])


def _start(resource: dict[str, Any]) -> str | None:
    period = resource.get("effectivePeriod") or {}
    return resource.get("started") or resource.get("authoredOn") or period.get("start")


def _local(moment: str | None) -> str:
    """A FHIR dateTime in the site's zone, to the minute; a date alone stays one."""
    if not moment or "T" not in moment:
        return moment or ""
    try:
        return datetime.fromisoformat(moment).astimezone(ZONE).strftime("%Y-%m-%d %H:%M")
    except ValueError:
        return moment


def _patient(resource: dict[str, Any]) -> dict[str, str]:
    names = _listed(resource.get("name"))
    first = names[0] if names else {}
    spelt = first.get("text") or "".join([first.get("family", ""), *first.get("given", ())])
    sex = resource.get("gender", "")
    return {"name": spelt, "sex": _SEXES.get(sex, sex), "birth": resource.get("birthDate", "")}


def _result(resource: dict[str, Any]) -> dict[str, str]:
    quantity = resource.get("valueQuantity") or {}
    value = f"{quantity.get('comparator', '')}{quantity.get('value', '')} {quantity.get('unit', '')}".strip()
    value = value or str(resource.get("valueString") or _said(resource.get("valueCodeableConcept")))
    ranges = _listed(resource.get("referenceRange"))
    reference = ranges[0] if ranges else {}
    low, high = (reference.get(end, {}).get("value", "") for end in ("low", "high"))
    flags = (_said(one) or "".join(c.get("code", "") for c in _listed(one.get("coding")))
             for one in _listed(resource.get("interpretation")))  # fmt: skip
    stated = reference.get("text") or (f"{low}–{high}" if low != "" or high != "" else "")
    return {"name": _name(resource), "value": value, "range": stated, "flag": " ".join(flags)}


def _study(resource: dict[str, Any]) -> dict[str, Any]:
    series = [
        {
            "modality": (one.get("modality") or {}).get("code", ""),
            "site": (one.get("bodySite") or {}).get("display", ""),
            "description": one.get("description", ""),
            "instances": one.get("numberOfInstances", ""),
        }
        for one in _listed(resource.get("series"))
    ]
    return {
        "name": _name(resource),
        "when": _local(resource.get("started")),
        "instances": resource.get("numberOfInstances", ""),
        "uid": uid_of(resource) if has_pictures(resource) else "",
        "series": series,
    }
