"""Verdicts kept after the answer, with what they rested on, so that each can be explained and judged again."""

from collections.abc import Sequence
from typing import Any

import msgspec

from hub.contracts.caller import Caller
from hub.contracts.store import CommitView
from hub.exams.examination import Examination, attributes
from hub.exams.explaining import PriorRecord, Record
from hub.exams.prior import Prior

from .cards import Judged
from .checking import Checked

MOST_PRIORS = 12
"""Priors kept with a verdict beside those it rests on, youngest first."""


def _prior(prior: Prior) -> PriorRecord:
    return PriorRecord(
        refs=prior.refs,
        examination=attributes(prior.examination),
        state=prior.state.value,
        anchor_us=prior.anchor_us if prior.dated else None,
        date_only=prior.date_only,
        organization=prior.organization,
        contradictions=prior.contradictions,
    )


def record_of(judged: Judged, checked: Checked) -> Record:
    """What ``hub exams explain`` prints of one verdict."""
    verdict, order = judged.verdict, judged.verdict.order
    exam: Examination | None = order.examination
    same = [p for p in checked.priors if exam is not None and p.examination.modality == exam.modality]
    considered = list(dict.fromkeys([*verdict.covering, *same[:MOST_PRIORS]]))
    return Record(
        id=judged.id,
        draft=judged.draft.ref,
        name=order.name,
        examination=attributes(exam) if exam is not None else None,
        reasons=tuple(said.text or next((d for _, _, d in said.codings if d), "") for said in order.reasons),
        verdict=verdict.code,
        coverage=verdict.coverage.value,
        indicator=verdict.indicator,
        priors=verdict.priors,
        remainder=verdict.remainder,
        rules=verdict.rules,
        notes=verdict.notes,
        reason=verdict.reason,
        lowered_by=verdict.lowered_by,
        item=verdict.window.item if verdict.window else "",
        window_level=verdict.window.level if verdict.window else "",
        minimum_days=_days(verdict.window.minimum_seconds) if verdict.window else None,
        limit_days=_days(verdict.window.limit_seconds) if verdict.window else None,
        now_us=checked.context.now_us,
        setting=checked.context.setting,
        tables=verdict.tables,
        considered=tuple(_prior(prior) for prior in considered),
    )


def _days(seconds: float) -> float | None:
    return seconds / 86_400 if seconds != float("inf") else None


def rows_of(
    judged: Sequence[Judged], checked: Checked, caller: Caller, service: str, hook_instance: str, patient: str
) -> list[tuple[Any, ...]]:
    """The rows of ``cds_verdict`` for one answered call."""
    return [
        (each.id, checked.context.now_us, service, hook_instance, caller.client, caller.organization, caller.actor,
         patient, each.draft.ref, each.verdict.code, each.verdict.indicator, each.card, each.verdict.tables,
         msgspec.json.encode(record_of(each, checked)))
        for each in judged
    ]  # fmt: skip


def store_rows(view: CommitView, rows: Sequence[tuple[Any, ...]]) -> None:
    for row in rows:
        view.execute("INSERT OR IGNORE INTO cds_verdict VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
