"""A call judged, answered for and kept: what the CDS door and the FHIR operation have in common."""

import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import replace
from typing import Any, Protocol

import msgspec

from hub.contracts.audit import ReadAudit
from hub.contracts.caller import Caller, Scope
from hub.contracts.codes import RESIDENT_ID
from hub.contracts.errors import Gone, NotFound
from hub.contracts.gate import Gate
from hub.contracts.outside import OutsideQuestion
from hub.contracts.persons import Persons
from hub.contracts.store import ResourceReader, ResourceWriter
from hub.exams.items import item_of
from hub.exams.judging.verdict import Verdict
from hub.exams.rows.fhir_reading import parts, text
from hub.exams.telling.withholding import shown_to
from hub.telemetry import events, metrics

from .cards import Judged
from .checking import Checked, Checker
from .muting import muted_for
from .outside import Outside
from .request import Call
from .verdict_log import log_of, store_log

VERDICTS = metrics.describe("hub_cds_verdicts_total", "Verdicts on ordered examinations, by verdict and card.")
LOST = events.declare("cds.verdicts-lost", "error", ("error",), "Verdicts that were answered could not be kept.")


UNMUTED = events.declare("cds.muting-unknown", "warning", ("error",), "What is muted could not be read: all is shown.")
IsMuted = Callable[[str, str], bool]


class Store(ResourceReader, ResourceWriter, Protocol):
    """What this room needs of the store."""


class Judging:
    """One per process. ``outside`` are the sources beside the hub's own record; ``checker`` one with the usual limits
    where none is given."""

    def __init__(
        self,
        store: Store,
        gate: Gate,
        persons: Persons,
        audit: ReadAudit,
        outside: Outside | None = None,
        *,
        checker: Checker | None = None,
    ) -> None:
        self._store = store
        self._outside = outside or Outside()
        self._gate = gate
        self._audit = audit
        self._checker = checker or Checker(store, persons)

    async def judge(self, call: Call, caller: Caller) -> tuple[Checked, list[Judged]]:
        """Each verdict under an id of its own, and as this caller may be told it. Raises ExchangeError: nothing was
        checked then."""
        scope = self._gate.scope(caller)
        checked = self._checker.check(call, caller, scope)
        if self._outside.sources:
            checked = await self._with_outside(call, caller, scope, checked)
        muted = self._muted(caller.organization)
        judged = [
            Judged(
                draft,
                verdict,
                shown_to(verdict, checked.contexts.get(draft.ref, checked.context), caller.role),
                str(uuid.uuid4()),
                muted=_item_is(muted, verdict),
            )
            for draft, verdict in zip(checked.drafts, checked.verdicts, strict=True)
        ]
        return checked, judged

    async def _with_outside(self, call: Call, caller: Caller, scope: Scope, checked: Checked) -> Checked:
        """Judged again with what outside sources know, where they know something."""
        names = tuple(dict.fromkeys(v.order.name for v in checked.verdicts if v.order.examination and v.order.name))
        resident = self._resident(checked.patients, scope)
        if not names or not resident:
            return checked
        answers = await self._outside.ask(OutsideQuestion(resident, names))
        if answers.priors:
            checked = self._checker.check(call, caller, scope, answers.priors)
        return replace(checked, heard=answers.heard)

    def _resident(self, patients: Sequence[str], scope: Scope) -> str:
        """The person's resident number, from the first record that states one."""
        for patient in patients:
            try:
                resource = msgspec.json.decode(self._store.read("Patient", patient, scope).body)
            except (NotFound, Gone):
                continue
            for one in parts(resource, "identifier"):
                if text(one, "system") == RESIDENT_ID and text(one, "value"):
                    return text(one, "value")
        return ""

    def _muted(self, organization: str) -> IsMuted:
        try:
            return muted_for(self._store.side_rows, organization)
        except Exception as error:  # a card too many is better than none
            UNMUTED.log(error=type(error).__name__)
            return lambda verdict, item: False

    def keep(
        self, answered: Sequence[Judged], checked: Checked, caller: Caller, service: str, hook_instance: str
    ) -> None:
        """Audit the look, count the verdicts, and put them into the log. An answer never waits for it."""
        self._audit.note(caller, "cds", "Patient", checked.patients)
        for each in answered:
            shown = each.verdict.indicator if each.card else None
            metrics.count(VERDICTS, service=service, verdict=each.verdict.code, card=shown or "none")
        if answered:
            log = log_of(answered, checked, caller, service, hook_instance, checked.patients[0])
            self._store.act(lambda view: store_log(view, log), caller).add_done_callback(_note_loss)


def _item_is(muted: IsMuted, verdict: Verdict) -> bool:
    exam = verdict.order.examination
    return exam is not None and verdict.indicator is not None and muted(verdict.code, item_of(exam)[0])


def _note_loss(future: "Future[Any]") -> None:
    error = future.exception() if not future.cancelled() else None
    if error is not None:
        LOST.log(error=type(error).__name__)
