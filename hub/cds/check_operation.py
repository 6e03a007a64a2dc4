"""``$check-duplicate`` behind the FHIR door (``hub.api.fhir.check_duplicate`` says how it is called)."""

import uuid
from typing import Any

from hub.contracts.caller import Caller
from hub.contracts.duplicate_check import AskedOrders
from hub.contracts.errors import ExchangeError, Incorrect, Precondition, TooLarge
from hub.exams.rows.fhir_reading import part, reference, text
from hub.exams.telling.issue import detected_issue
from hub.exams.telling.wording import sentence

from .cards import Judged
from .checking import Checked
from .judging import Judging
from .phrases import NOT_CHECKED
from .request import MOST_DRAFTS, Call, Draft

SERVICE = "check-duplicate"
"""Under this name its verdicts stand in the log, beside those of the CDS services."""

_WHERE = {"context.patientId": "patient"}
"""Where a call is wrong, in the words of this operation."""


class CheckOperation:
    """``hub.contracts.duplicate_check.DuplicateCheck``."""

    def __init__(self, judging: Judging) -> None:
        self._judging = judging

    async def __call__(self, asked: AskedOrders, caller: Caller) -> list[dict[str, Any]]:
        call = _call(asked, caller)
        try:
            checked, judged = await self._judging.judge(call, caller)
        except ExchangeError as refused:
            refused.where = _WHERE.get(refused.where, "order")
            raise
        self._judging.keep(judged, checked, caller, SERVICE, call.hook_instance)
        return [_told(each, checked) for each in judged]


def _call(asked: AskedOrders, caller: Caller) -> Call:
    if len(asked.orders) + len(asked.known) > MOST_DRAFTS:
        raise TooLarge("Too many orders in one call.", where="order", remedy=f"Send at most {MOST_DRAFTS}.")
    drafts = tuple(
        Draft(f"ServiceRequest/{text(order, 'id') or f'#{number}'}", order) for number, order in enumerate(asked.orders)
    )
    if len({draft.ref for draft in drafts} | set(asked.known)) != len(drafts) + len(asked.known):
        raise Incorrect("Two orders have the same id.", where="order", remedy="Give each its own.", http_status=400)
    return Call(
        hook_instance=str(uuid.uuid4()),
        patient_id=_patient(asked),
        user=caller.actor or "",
        encounter=asked.encounter,
        drafts=drafts,
        selections=None,
        dispatched=tuple(asked.known),
        beside={draft.ref: draft.resource for draft in drafts if draft.has_id},
    )


def _patient(asked: AskedOrders) -> str:
    """The one Patient that is meant. Raises Incorrect (400) where none is named, Precondition for several."""
    subjects = {reference(part(order, "subject")) for order in asked.orders} - {""}
    named = asked.patient or next(iter(sorted(subjects)), "")
    if not asked.patient and len(subjects) > 1:
        raise Precondition(
            "The orders are for several patients, so nothing was checked.", where="order", remedy="Ask for one each."
        )
    if not named.startswith("Patient/"):
        raise Incorrect(
            "No patient is named.", where="patient", remedy="Give patient as valueReference.", http_status=400
        )
    return named.removeprefix("Patient/")


def _told(judged: Judged, checked: Checked) -> dict[str, Any]:
    verdict, draft, context = judged.told, judged.draft, checked.context
    parts: list[dict[str, Any]] = [
        {"name": "order", "valueReference": {"reference": draft.ref} if draft.has_id else {"display": draft.ref}},
        {"name": "code", "valueCode": verdict.code},
        {"name": "coverage", "valueCode": verdict.coverage.value},
    ]
    if verdict.indicator is not None:
        parts.append({"name": "indicator", "valueCode": verdict.indicator})
    if verdict.code == "not-checked":
        parts.append({"name": "detail", "valueString": NOT_CHECKED})
    elif verdict.indicator is not None:
        parts.append({"name": "detail", "valueString": sentence(verdict, context.now_us, context.institution)})
    parts += [{"name": "id", "valueString": judged.id}, {"name": "tables", "valueString": verdict.tables}]
    if verdict.indicator is not None and verdict.code != "not-checked":
        issue = detected_issue(
            verdict, draft.ref if draft.has_id else "", checked.patients[0], context.now_us, context.institution,
            status="preliminary",
        )  # fmt: skip
        parts.append({"name": "issue", "resource": issue})
    return {"name": "verdict", "part": parts}
