"""The page of corrections: one study with what was done to it, its correction, and copies that wait for a decision.

For the clinic that sent the images, and for operations, who are shown nothing of a patient. The forms act by the
session of the page itself (``hub.security.door``).
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, Protocol
from urllib.parse import quote

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from hub.contracts.audit import ReadAudit
from hub.contracts.caller import Caller
from hub.contracts.errors import ExchangeError, Incorrect
from hub.contracts.gate import Gate

from .form import form_of
from .pages import page

ACTION = "dicom-amend"
FIELDS = {
    "PatientID": "患者编号", "PatientName": "姓名（姓^名）", "PatientBirthDate": "出生日期（YYYYMMDD）",
    "PatientSex": "性别（M/F/O）", "AccessionNumber": "检查号",
}  # fmt: skip
KINDS = {
    "correct": "更正", "undo": "撤销更正", "reject": "退回", "restore": "恢复", "delete": "删除",
    "replace": "替换文件头",
}  # fmt: skip


class ImagesDesk(Protocol):
    """Corrections of studies; blocks. Raises ExchangeErrors."""

    def history(self, caller: Caller, study_uid: str) -> dict[str, Any]: ...

    def correct(
        self, caller: Caller, study_uid: str, patient: str | None, attributes: Mapping[str, str], reason: str
    ) -> str: ...

    def undo(self, caller: Caller, correction: int, reason: str) -> None: ...


class Deciding(Protocol):
    """``hub.intake.reconciling.Reconciling``."""

    def decide(self, item_id: str, take: Literal["new", "first"], reason: str, caller: Caller) -> None: ...


Waiting = Callable[[Caller], Sequence[Mapping[str, Any]]]
"""Quarantine items that wait for a decision, as far as the caller may list them."""


def images_pages(desk: ImagesDesk, deciding: Deciding, waiting: Waiting, gate: Gate, audit: ReadAudit) -> APIRouter:
    router = APIRouter(include_in_schema=False)

    @router.get("/images")
    async def shown(request: Request) -> Response:
        caller = _allowed(request, gate)
        return await asyncio.to_thread(_page, caller, request.query_params.get("study", "").strip(), None)

    @router.post("/images/correct")
    async def correct(request: Request) -> Response:
        caller, form = _allowed(request, gate), await form_of(request)
        patient = form.get("patient", "").removeprefix("Patient/") or None
        attributes = {name: form[name] for name in FIELDS if form.get(name)}
        study = form.get("study", "")
        return await _acted(caller, study, desk.correct, caller, study, patient, attributes, form.get("reason", ""))

    @router.post("/images/undo")
    async def undo(request: Request) -> Response:
        caller, form = _allowed(request, gate), await form_of(request)
        number = form.get("correction", "")
        if not (number.isascii() and number.isdigit() and len(number) < 16):
            raise Incorrect("This is no correction.", where="correction", http_status=400)
        return await _acted(caller, form.get("study", ""), desk.undo, caller, int(number), form.get("reason", ""))

    @router.post("/images/reconcile")
    async def reconcile(request: Request) -> Response:
        caller, form = _allowed(request, gate), await form_of(request)
        take = form.get("take", "")
        if take not in ("new", "first"):
            raise Incorrect("This is no decision.", where="take", http_status=400)
        return await _acted(caller, "", deciding.decide, form.get("item", ""), take, form.get("reason", ""), caller)

    async def _acted(caller: Caller, study: str, act: Callable[..., Any], *arguments: Any) -> Response:
        try:
            moved = await asyncio.to_thread(act, *arguments)
        except ExchangeError as refusal:
            return await asyncio.to_thread(_page, caller, study, refusal)
        audit.note(caller, "operation", "ImagingStudy", [])
        target = f"/images?study={quote(str(moved or study), safe='')}" if study else "/images"
        return RedirectResponse(target, 303, headers={"Cache-Control": "no-store"})

    def _page(caller: Caller, study: str, refusal: ExchangeError | None) -> Response:
        found = None
        if study:
            try:
                found = desk.history(caller, study)
                audit.note(caller, "operation", "ImagingStudy", [])
            except ExchangeError as missing:
                refusal = refusal or missing
        answer = page(
            "images.html", refusal.http_status if refusal else 200, caller=caller, study=study, found=found,
            refusal=refusal, fields=FIELDS, kinds=KINDS, waiting=waiting(caller),
            standing=[one["id"] for one in found["corrections"] if one["undone"] is None][-1:] if found else [],
        )  # fmt: skip
        # Without a referrer a browser says of its own form that it comes from nowhere (Origin: null).
        answer.headers["Referrer-Policy"] = "same-origin"
        return answer

    return router


def _allowed(request: Request, gate: Gate) -> Caller:
    caller: Caller = request.scope["state"]["caller"]
    gate.check_action(caller, ACTION)
    return caller
