"""Verdicts kept after the answer, with what they rested on, so that each can be explained and judged again."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hub.contracts.caller import Caller
from hub.contracts.errors import NotFound
from hub.contracts.store import CommitView, ResourceReader
from hub.exams.code_maps import unread
from hub.exams.items import item_of
from hub.exams.judging.verdict import Verdict
from hub.exams.telling.explaining import encode_record
from hub.exams.telling.kept_case import case_of

from .cards import Judged
from .checking import Checked


def record_of(judged: Judged, checked: Checked) -> bytes:
    """What ``hub exams explain`` reads of one verdict."""
    verdict = judged.verdict
    exam = verdict.order.examination
    others = [p for p in checked.passed_over if exam is not None and p.examination.modality == exam.modality]
    context = checked.contexts.get(verdict.order.ref, checked.context)
    return encode_record(judged.id, verdict, case_of(verdict, context, tuple(others)))


@dataclass(frozen=True, slots=True)
class Log:
    """What is kept of one answered call: rows of ``cds_verdict`` and ``cds_asked``, and the names nobody understood."""

    verdicts: tuple[tuple[Any, ...], ...]
    asked: tuple[tuple[Any, ...], ...]
    unread: tuple[tuple[str, unread.Name], ...]


def log_of(
    judged: Sequence[Judged], checked: Checked, caller: Caller, service: str, hook_instance: str, patient: str
) -> Log:
    at_us = checked.context.now_us
    verdicts = tuple(
        (each.id, at_us, service, hook_instance, caller.client, caller.organization, caller.actor, patient,
         each.draft.ref, each.verdict.code, each.verdict.indicator, each.card, each.verdict.tables,
         record_of(each, checked))
        for each in judged
    )  # fmt: skip
    asked = tuple(
        (at_us, each.id, hook_instance, caller.organization, checked.departments.get(each.draft.ref, ""), patient,
         *_item(each.verdict), each.verdict.code, each.verdict.coverage.value, each.verdict.indicator, each.card,
         each.verdict.reason)
        for each in judged
    )  # fmt: skip
    names = (
        unread.name_in("ServiceRequest", each.draft.resource)
        for each in judged
        if each.verdict.code == "not-understood"
    )
    return Log(verdicts, asked, tuple((caller.organization, name) for name in names if name is not None))


def _item(verdict: Verdict) -> tuple[str, str]:
    exam = verdict.order.examination
    return item_of(exam) if exam is not None else ("", "")


def store_log(view: CommitView, log: Log) -> None:
    for row in log.verdicts:
        view.execute("INSERT OR IGNORE INTO cds_verdict VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
    for row in log.asked:
        view.execute("INSERT OR IGNORE INTO cds_asked VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
    if log.unread:
        unread.count(view, log.unread, log.verdicts[0][1])


def patient_of(reader: ResourceReader, verdict_id: str, caller: Caller) -> str:
    """The Patient a verdict is about. Raises NotFound for one that another organization asked for."""
    rows = reader.side_rows(
        "SELECT patient FROM cds_verdict WHERE id = ? AND organization = ?", (verdict_id, caller.organization)
    )
    if not rows:
        raise NotFound("There is no such verdict.", where="verdict", remedy="Use the id in the extension hub.verdict.")
    return str(rows[0][0])
