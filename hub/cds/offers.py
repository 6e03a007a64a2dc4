"""What a card offers to do and to look at (CDS Hooks 2.0, Suggestion, Action, Link): withdraw the draft, narrow it, see
the prior itself."""

import uuid
from collections.abc import Callable
from typing import Any

import msgspec

from hub.contracts.errors import ExchangeError
from hub.exams.judging.coverage import Coverage
from hub.exams.judging.verdict import Verdict
from hub.exams.telling.narrowing import narrowed
from hub.exams.telling.wording import need_in_words
from hub.fhir.model import decode

from .request import Draft

View = Callable[[str], str]
"""``Type/id`` → the absolute address of a page that a browser opens without more."""
MOST_LINKS = 6
LONGEST_LABEL = 80
_UNSURE = frozenset({"possible", "undated"})
"""A verdict or a note with which nobody is asked to withdraw anything."""
_LABELS = {"DiagnosticReport": "查看报告", "ImagingStudy": "查看影像", "ServiceRequest": "查看申请"}


def _suggestion(label: str, action: dict[str, Any]) -> dict[str, Any]:
    return {"label": label[:LONGEST_LABEL], "uuid": str(uuid.uuid4()), "actions": [action]}


def fewer(draft: Draft, verdict: Verdict) -> dict[str, Any] | None:
    """The narrowed draft, whole and valid, as an update wants it; None where there is nothing to narrow."""
    resource = narrowed(draft.resource, verdict)
    if resource is None or not draft.has_id:
        return None
    resource = {"status": "draft", "intent": "order"} | resource
    try:
        decode(msgspec.json.encode(resource), "ServiceRequest")
    except ExchangeError:
        return None  # the draft itself is no valid resource, and so would be what is made of it
    return resource


def suggestions(draft: Draft, verdict: Verdict) -> list[dict[str, Any]]:
    """At most one of them makes sense: to do the rest alone, or to withdraw the draft."""
    found: list[dict[str, Any]] = []
    rest = fewer(draft, verdict)
    if rest is not None:
        label = "只做缺少的部分：" + "、".join(need_in_words(each) for each in verdict.remainder)
        found.append(_suggestion(label, {"type": "update", "description": label, "resource": rest}))
    if draft.has_id and verdict.coverage is Coverage.FULL and not _UNSURE & {verdict.code, *verdict.notes}:
        label = "撤销本次医嘱，等待已申请项目的结果" if verdict.code == "in-flight" else "撤销本次医嘱，采用已有结果"
        found.append(_suggestion(label, {"type": "delete", "description": label, "resourceId": draft.ref}))
    return found


def links(verdict: Verdict, view: View) -> list[dict[str, str]]:
    """One to each resource of the priors, but for drafts of the same call and for what lies outside and has no address
    there."""
    siblings = {ref for prior in verdict.covering if prior.sibling for ref in prior.refs}
    shown = [ref for ref in verdict.priors if ref not in siblings and not ref.startswith("urn:")][:MOST_LINKS]
    return [_link(ref, view) for ref in shown]


def _link(ref: str, view: View) -> dict[str, str]:
    if ref.startswith("https://"):
        return {"label": "查看外部结果", "url": ref, "type": "absolute"}
    return {"label": _LABELS.get(ref.partition("/")[0], "查看结果"), "url": view(ref), "type": "absolute"}
