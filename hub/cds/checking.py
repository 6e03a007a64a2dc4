"""One call judged: the person resolved, the history read from a snapshot, every draft given its verdict.

Where the history cannot be read, or not in time, the verdicts say ``not-checked``: silence would read as "no
duplicate".
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cache
from typing import Any

import msgspec

from hub.contracts.caller import Caller, Scope
from hub.contracts.errors import Gone, NotFound, Precondition
from hub.contracts.persons import Persons, person_of_regional
from hub.contracts.store import ResourceReader
from hub.exams.code_maps.current import local_codes
from hub.exams.judging.coverage import Coverage
from hub.exams.judging.history import history
from hub.exams.judging.institutions import Institutions
from hub.exams.judging.order_facts import order_from
from hub.exams.judging.prior import Context, Order, Prior
from hub.exams.judging.recognition import Institution
from hub.exams.judging.signing import judge_all, reach
from hub.exams.judging.site_windows import site_tables
from hub.exams.judging.verdict import Verdict
from hub.exams.naming.local_codes import NO_LOCAL_CODES, LocalCodes
from hub.exams.recheck import birth_us_of, microseconds, setting_of
from hub.exams.rows.fhir_reading import part, reference
from hub.telemetry import events

from .department import department_of
from .outside import Heard
from .request import Call, Draft

BUDGET_SECONDS = 1.0
"""CDS Hooks asks for an answer on the order of 500 ms; one a little later still serves better than "not checked"."""
NOT_CHECKED = events.declare(
    "cds.not-checked", "warning", ("error", "seconds"), "The history could not be read in time."
)


@dataclass(frozen=True, slots=True)
class Checked:
    """``verdicts`` go with ``drafts``: those that were judged. ``others`` are of types nobody judges. ``contexts`` are
    the circumstances of each draft, by its reference; ``passed_over`` are priors that could give none of them anything.
    """

    drafts: tuple[Draft, ...]
    verdicts: tuple[Verdict, ...]
    context: Context
    patients: tuple[str, ...]
    others: tuple[Draft, ...] = ()
    contexts: Mapping[str, Context] = field(default_factory=dict)
    passed_over: tuple[Prior, ...] = ()
    departments: Mapping[str, str] = field(default_factory=dict)
    """Where each draft was ordered, as far as it says so."""
    heard: tuple[Heard, ...] = ()
    """What outside sources said, where there are any."""


class Checker:
    """One per process. ``now`` and ``clock`` are handed in by tests."""

    def __init__(
        self,
        reader: ResourceReader,
        persons: Persons,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        clock: Callable[[], float] = time.monotonic,
        budget_seconds: float = BUDGET_SECONDS,
    ) -> None:
        self._reader = reader
        self._persons = persons
        self._now = now
        self._clock = clock
        self._budget_seconds = budget_seconds

    def check(
        self, call: Call, caller: Caller, scope: Scope, outside: Sequence[tuple[Prior, Institution]] = ()
    ) -> Checked:
        """``outside`` are priors that the hub does not hold. Raises NotFound for an unknown patient, Precondition where
        drafts are of somebody else."""
        began = self._clock()
        patient = self._patient(call, scope)
        patients = tuple(self._persons.sources(call.patient_id))
        if call.dispatched:
            placed = (self._dispatched(ref, at, call, scope) for at, ref in enumerate(call.dispatched))
            call = replace(call, drafts=(*call.drafts, *placed))
        self._check_subjects(call, patients)
        now_us = microseconds(self._now())
        drafts = [draft for draft in call.drafts if draft.is_request]
        others = tuple(draft for draft in call.drafts if not draft.is_request)
        chosen = {call.drafts[at].ref for at in call.selected}
        selected = [at for at, draft in enumerate(drafts) if draft.ref in chosen]
        institutions = Institutions(lambda kind, number: self._body(kind, number, scope))
        context = Context(now_us, caller.organization, institutions, birth_us=self._birth(patient, patients, scope))
        orders = [self._order(draft, call, scope, NO_LOCAL_CODES) for draft in drafts]
        judged = tuple(drafts[at] for at in selected)
        try:
            if local := local_codes(self._reader.side_rows, caller.organization):
                orders = [self._order(draft, call, scope, local) for draft in drafts]
            context = replace(context, sites=site_tables(self._reader.side_rows, caller.organization, institutions))
            read = cache(lambda ref: self._resource(ref, scope))
            contexts = [replace(context, setting=_setting(order, read)) for order in orders]
            departments = {
                draft.ref: department_of(draft.resource, order.encounter, read)
                for draft, order in zip(drafts, orders, strict=True)
            }
            since_us = reach(orders, contexts)
            wanted = [order.examination for order in orders if order.examination is not None]
            found = history(self._reader.side_rows, patients, since_us, wanted)
            priors = _readable(found.priors, scope)
            if outside:
                for _, institution in outside:
                    institutions.know(institution)
                priors = sorted([*priors, *(prior for prior, _ in outside)], key=lambda prior: -prior.anchor_us)
            self._in_time(began)
            contexts = [replace(each, plans=found.plans) for each in contexts]
            verdicts = judge_all(orders, selected, priors, contexts)
            self._in_time(began)
        except Exception as error:
            NOT_CHECKED.log(error=type(error).__name__, seconds=round(self._clock() - began, 3))
            missed = tuple(not_checked(orders[at], context) for at in selected)
            return Checked(judged, missed, context, patients, others)
        by_ref = {order.ref: each for order, each in zip(orders, contexts, strict=True)}
        passed_over = tuple(_readable(found.others, scope))
        return Checked(judged, tuple(verdicts), context, patients, others, by_ref, passed_over, departments)

    def _in_time(self, began: float) -> None:
        if self._clock() - began > self._budget_seconds:
            raise TimeoutError

    def _patient(self, call: Call, scope: Scope) -> Any:
        """The Patient that the call names: a source record, or the regional one of a person."""
        person = person_of_regional(call.patient_id)
        patient = (
            self._persons.regional(person, scope) if person else self._resource(f"Patient/{call.patient_id}", scope)
        )
        if patient is None:
            raise NotFound(
                "The patient is not known to the hub, so nothing was checked.",
                where="context.patientId",
                remedy="Send the Patient first, or the id under which the hub keeps it.",
            )
        return patient

    def _dispatched(self, ref: str, at: int, call: Call, scope: Scope) -> Draft:
        """An order that was placed before, as the hub holds it, else as it came with the call."""
        resource = self._resource(ref, scope) or call.beside.get(ref)
        if resource is None:
            raise Precondition(
                "A dispatched order is not known to the hub, so nothing was checked.",
                where=f"context.dispatchedOrders[{at}]",
                remedy="Send the ServiceRequest first, or with the call as prefetch.",
            )
        return Draft(ref, resource)

    def _check_subjects(self, call: Call, patients: Sequence[str]) -> None:
        for number, draft in enumerate(call.drafts):
            subject = reference(part(draft.resource, "subject"))
            if subject.startswith("Patient/") and subject.partition("/")[2] not in (*patients, call.patient_id):
                where = f"dispatchedOrders[{number}]" if call.dispatched else f"draftOrders.entry[{number}].resource"
                raise Precondition(
                    "A draft is for another patient than the call, so nothing was checked.",
                    where=f"context.{where}.subject",
                    remedy="Send the drafts of one patient in one call.",
                )

    def _body(self, resource_type: str, resource_id: str, scope: Scope) -> bytes | None:
        try:
            return self._reader.read(resource_type, resource_id, scope).body
        except (NotFound, Gone):
            return None

    def _resource(self, ref: str, scope: Scope) -> Any:
        kind, _, number = ref.partition("/")
        body = self._body(kind, number, scope) if number else None
        return msgspec.json.decode(body) if body else None

    def _birth(self, patient: Any, patients: Sequence[str], scope: Scope) -> int | None:
        """From the record the call names, else from another of the same person."""
        found = birth_us_of(patient)
        for other in patients[1:]:
            if found is not None:
                break
            found = birth_us_of(self._resource(f"Patient/{other}", scope))
        return found

    def _order(self, draft: Draft, call: Call, scope: Scope, local: LocalCodes) -> Order:
        def referenced(ref: str) -> Any:
            return call.beside.get(ref) or self._resource(ref, scope)

        order = order_from(draft.resource, draft.ref, referenced=referenced, local=local)
        return order if order.encounter or not call.encounter else replace(order, encounter=call.encounter)


def _setting(order: Order, read: Callable[[str], Any]) -> str:
    return setting_of(read(order.encounter)) if order.encounter.startswith("Encounter/") else "outpatient"


def _readable(priors: Sequence[Prior], scope: Scope) -> Sequence[Prior]:
    return priors if scope.owners is None else [prior for prior in priors if prior.owner in scope.owners]


def not_checked(order: Order, context: Context) -> Verdict:
    """The verdict where nobody could look."""
    return Verdict(order, "not-checked", Coverage.NONE, "info", tables=context.sites.name, notes=("not-checked",))
