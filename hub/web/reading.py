"""``/reading/{Task id}``: a study beside its report. Who may see the Task sees both; a reader claims it, writes, signs.

The images are those of the small viewer, in a frame of the page; OHIF opens beside it. The form acts by the session of
the page itself (``hub.security.door``) and passes the one write path, as every client's report does.
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from datetime import datetime
from typing import Any

import msgspec
from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from hub.contracts.audit import ReadAudit
from hub.contracts.caller import Caller, Role, Scope
from hub.contracts.codes import READ_STUDY, TASK_CODE
from hub.contracts.errors import ExchangeError, Incorrect, NotFound
from hub.contracts.gate import Gate
from hub.contracts.site import ZONE
from hub.contracts.store import ResourceReader
from hub.contracts.submission import Channel, Entry, Origin, Receipt, Submission
from hub.fhir import search
from hub.reading import desk

from .form import form_of
from .pages import SECURITY_HEADERS, page
from .study import has_pictures, uid_of, where_told

Accept = Callable[[Submission], "Future[Receipt]"]
"""``hub.intake.accept.Intake.accept``."""
LONGEST_REPORT_BYTES = 256 << 10
EARLIER = 12
_POLICY = SECURITY_HEADERS["Content-Security-Policy"] + "; frame-src 'self'"
_SEXES = {"male": "男", "female": "女"}
_REFUSALS = {
    "A claim names its reader.": "请填写诊断医师姓名。",
    "A report needs a conclusion.": "请填写诊断意见。",
}
_CHANGED = "任务已被他人更改，请核对后重试。"
_REFUSALS_BY_STATUS = {403: "无权进行此操作。", 409: _CHANGED, 412: _CHANGED}
Json = dict[str, Any]


def reading_router(store: ResourceReader, gate: Gate, audit: ReadAudit, accept: Accept) -> APIRouter:
    router = APIRouter(include_in_schema=False)

    def shown(
        caller: Caller, task_id: str, refusal: ExchangeError | None = None, written: dict[str, str] | None = None
    ) -> Response:
        scope = gate.scope(caller)
        task, study = _task_and_study(store, scope, task_id)
        patient = _read(store, scope, _literal(task.get("for"))) or {}
        reports = _found(store, scope, "DiagnosticReport", patient=patient.get("id", ""), _sort="-_lastUpdated")
        of_study = [
            one for one in reports if f"ImagingStudy/{study['id']}" in map(_literal, one.get("imagingStudy", ()))
        ]
        whose = [patient["id"]] if patient else []
        audit.note(caller, "read", "Task", whose)
        if reports:
            audit.note(caller, "search-type", "DiagnosticReport", whose)
        answer = page(
            "reading.html",
            refusal.http_status if refusal is not None else 200,
            caller=caller,
            task=task,
            study=study,
            uid=uid_of(study) if has_pictures(study) else "",
            kept=where_told(study, lambda number: (_read(store, scope, f"Endpoint/{number}") or {}).get("status", "")),
            patient=_person(patient),
            order=_read(store, scope, _literal((task.get("basedOn") or [None])[0])),
            reports=[{**one, "_findings": desk.findings_of(one)} for one in of_study],
            earlier=[one for one in reports if one not in of_study],
            reads=caller.role is Role.READER and _waits_for_report(task),
            holds=_literal(task.get("owner")) == f"Organization/{caller.organization}",
            refusal=refusal,
            refusal_zh=_in_chinese(refusal) if refusal is not None else "",
            written=written or {},
        )
        answer.headers["Content-Security-Policy"] = _POLICY
        # Without a referrer a browser says of its own form that it comes from nowhere (Origin: null).
        answer.headers["Referrer-Policy"] = "same-origin"
        return answer

    @router.get("/reading/{task_id}")
    def reading(request: Request, task_id: str) -> Response:
        return shown(request.scope["state"]["caller"], task_id)

    @router.post("/reading/{task_id}")
    async def act(request: Request, task_id: str) -> Response:
        caller: Caller = request.scope["state"]["caller"]
        form = await form_of(request, LONGEST_REPORT_BYTES)
        try:
            entries = await asyncio.to_thread(_entries, store, gate.scope(caller), caller, task_id, form)
            submission = Submission(entries, Origin(caller, Channel.FHIR, datetime.now(ZONE)))
            await asyncio.wrap_future(await asyncio.to_thread(accept, submission))
        except ExchangeError as refusal:
            return await asyncio.to_thread(shown, caller, task_id, refusal, form)
        return RedirectResponse(f"/reading/{task_id}", 303, headers={"Cache-Control": "no-store"})

    return router


def _entries(
    store: ResourceReader, scope: Scope, caller: Caller, task_id: str, form: dict[str, str]
) -> tuple[Entry, ...]:
    task, study = _task_and_study(store, scope, task_id)
    version = form.get("version", "")
    match form.get("act"):
        case "claim":
            return desk.claim(task, version, form.get("reader", ""), caller.organization)
        case "release":
            return desk.release(task, version)
        case "sign":
            findings, conclusion = form.get("findings", ""), form.get("conclusion", "")
            return desk.sign(task, version, study, findings, conclusion, datetime.now(ZONE))
    raise Incorrect("This is no act of the page.", remedy="Use the buttons of the page.", http_status=400)


def _task_and_study(store: ResourceReader, scope: Scope, task_id: str) -> tuple[Json, Json]:
    """Raises NotFound, Gone; NotFound too for a Task that is about no study."""
    task = _read(store, scope, f"Task/{task_id}")
    study = _read(store, scope, _literal(task.get("focus"))) if task is not None else None
    if task is None or study is None or study["resourceType"] != "ImagingStudy":
        raise NotFound("There is no reading Task of this id.", remedy="Choose one on the start page.")
    return task, study


def _waits_for_report(task: Json) -> bool:
    codings = (task.get("code") or {}).get("coding") or ()
    return any((one.get("system"), one.get("code")) == (TASK_CODE, READ_STUDY) for one in codings)


def _read(store: ResourceReader, scope: Scope, reference: str) -> Json | None:
    kind, _, number = reference.partition("/")
    if not number or not scope.sees_type(kind):
        return None
    try:
        found: Json = msgspec.json.decode(store.read(kind, number, scope).body)
    except ExchangeError:
        return None
    return found


def _found(store: ResourceReader, scope: Scope, kind: str, **asked: str) -> list[Json]:
    if not all(asked.values()) or not scope.sees_type(kind):
        return []
    try:
        query = search.parse(kind, [*asked.items(), ("_count", str(EARLIER))], lenient=False)
        return [msgspec.json.decode(one.body) for one in store.search(query, scope).matches]
    except ExchangeError:
        return []


def _literal(reference: Any) -> str:
    """``Type/id`` of a literal reference, without version and base; empty for any other."""
    value = reference.get("reference", "") if isinstance(reference, dict) else ""
    return "/".join(str(value).partition("/_history/")[0].split("/")[-2:])


def _person(patient: Json) -> Sequence[str]:
    names = patient.get("name") or [{}]
    spelt = names[0].get("text") or "".join([names[0].get("family", ""), *names[0].get("given", ())])
    sex = patient.get("gender", "")
    return [text for text in (spelt, _SEXES.get(sex, sex), patient.get("birthDate", "")) if text]


def _in_chinese(refusal: ExchangeError) -> str:
    return _REFUSALS.get(refusal.what) or _REFUSALS_BY_STATUS.get(refusal.http_status, "")
