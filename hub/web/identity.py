"""The pages of the identity review: what waits, and two records side by side with what every field counts.

For a signed-in admin. The form decides by the session of the page itself (``hub.security.door``).
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from hub.contracts.audit import ReadAudit
from hub.contracts.caller import Caller
from hub.contracts.errors import ExchangeError
from hub.contracts.gate import Gate
from hub.contracts.site import ZONE
from hub.identity.desk import Desk
from hub.identity.reviews import WAITING, State

from .form import form_of
from .pages import page

ACTION = "identity-review"
LISTED = 200
FIELDS = {
    "number": ("身份证号", "Resident number"),
    "name": ("姓名", "Name"),
    "born": ("出生日期", "Birth date"),
    "sex": ("性别", "Sex"),
    "phone": ("电话", "Telephone"),
    "address": ("住址", "Address"),
    "document": ("其他证件与院内号", "Other numbers"),
}
LEVELS = {
    "same": "一致", "sound": "同音", "reordered": "字序不同", "close": "相近", "other": "不同", "near": "差一处",
    "far": "相差多处", "part": "部分一致", "house": "同一住址", "village": "同村", "shared": "共用，不计分",
}  # fmt: skip
RULES = {
    "number-disputed": "同一身份证号，姓名、出生日期或性别不符",
    "number-and-name": "身份证号与姓名一致",
    "likely": "得分接近，不能自动判定",
    "twins": "疑似双胞胎",
    "score": "得分领先不足",
    "crowded": "候选过多，未全部比对",
    "number-reused": "同一院内号的影像写着另一个人",
}
REFUSALS = {
    "A decision on identity needs a reason.": "请填写理由。",
    "The two persons hold two different valid resident numbers.": (
        "两人持有不同的有效身份证号。号码经公安机关更正的，请先办理号码变更；否则请更正有误的档案。"
    ),
    "Somebody decided that these are two persons.": "已有人判定不是同一人，须先撤销该判定。",
    "Records that came later have answered this review.": "后来的档案已使本次核对失效，请返回列表。",
    "This is no decision.": "请选择一个结论。",
}
STATES = {
    State.OPEN: "待核对", State.LATER: "暂缓", State.SAME: "同一人", State.NOT_SAME: "不是同一人",
    State.OBSOLETE: "已失效",
}  # fmt: skip
SEXES = {"male": "男", "female": "女", "unknown": "未知", "other": "其他"}


def identity_pages(desk: Desk, gate: Gate, audit: ReadAudit) -> APIRouter:
    router = APIRouter(include_in_schema=False)

    @router.get("/identity")
    def queue(request: Request) -> Response:
        caller = _admin(request, gate)
        waiting = [_listed(one) for one in desk.listed(WAITING, LISTED)]
        decided = [_listed(one) for one in desk.listed((State.SAME, State.NOT_SAME), LISTED)]
        decided.sort(key=lambda one: str(one["changed"]), reverse=True)
        return page("identity.html", caller=caller, waiting=waiting, decided=decided[:20])

    @router.get("/identity/review/{review_id}")
    def one(request: Request, review_id: str) -> Response:
        caller = _admin(request, gate)
        return _review_page(review_id, caller, None)

    @router.post("/identity/review/{review_id}")
    async def decide(request: Request, review_id: str) -> Response:
        caller = _admin(request, gate)
        form = await form_of(request)
        try:
            decided = await asyncio.wrap_future(
                desk.decide(review_id, form.get("decision", ""), form.get("reason", ""), caller)
            )
        except ExchangeError as refusal:
            return await asyncio.to_thread(_review_page, review_id, caller, refusal)
        audit.note(caller, "operation", "Task", [decided.one, decided.other])
        return RedirectResponse("/identity", 303, headers={"Cache-Control": "no-store"})

    def _review_page(review_id: str, caller: Caller, refusal: ExchangeError | None) -> Response:
        review, shown = desk.compared(review_id)
        audit.note(caller, "operation", "Task", [review.one, review.other])
        answer = page(
            "identity_review.html",
            refusal.http_status if refusal is not None else 200,
            caller=caller,
            review=_listed(shown),
            rows=[_row(one) for one in shown["evidence"]],
            refusal=refusal,
            refusal_zh=REFUSALS.get(refusal.what, "") if refusal is not None else "",
        )
        # Without a referrer a browser says of its own form that it comes from nowhere (Origin: null).
        answer.headers["Referrer-Policy"] = "same-origin"
        return answer

    return router


def _admin(request: Request, gate: Gate) -> Caller:
    caller: Caller = request.scope["state"]["caller"]
    gate.check_action(caller, ACTION)
    return caller


def _listed(one: dict[str, Any]) -> dict[str, Any]:
    records: Sequence[Any] = one["records"]
    return {
        **one,
        "rule_zh": RULES.get(one["rule"], one["rule"]),
        "state_zh": STATES[State(one["state"])],
        "opened": _local(one["opened"]),
        "changed": _local(one["changed"]),
        "records": [
            record if isinstance(record, str) else {**record, "time": _local(record.get("lastUpdated"))}
            for record in records
        ],
    }


def _row(evidence: dict[str, Any]) -> dict[str, Any]:
    said = [[SEXES.get(text, text) if evidence["field"] == "sex" else text for text in evidence[side]]
            for side in ("one", "other")]  # fmt: skip
    zh, en = FIELDS[evidence["field"]]
    level = evidence["level"]
    equal = level is None and bool(said[0]) and said[0] == said[1]
    return {
        "zh": zh,
        "en": en,
        "one": said[0],
        "other": said[1],
        "level": LEVELS.get(level, level) if level else "一致" if equal else "",
        "bits": evidence["bits"],
        "tone": "good" if equal or (evidence["bits"] or 0) > 0 else "bad" if (evidence["bits"] or 0) < 0 else "",
    }


def _local(instant: str | None) -> str:
    return datetime.fromisoformat(instant).astimezone(ZONE).strftime("%Y-%m-%d %H:%M") if instant else ""
