"""What a verdict was given from, kept so that it can be given again: the order, the circumstances, the priors that
were weighed, the organizations that were asked about. Pure; the site tables stay in the store under their version."""

from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any, get_type_hints

import msgspec

from ..examination import attributes, encode
from ..judging.evidence import Outcome, Weighed
from ..judging.history import exam_of
from ..judging.intervals import SiteTables
from ..judging.prior import Context, Order, Prior
from ..judging.recognition import Institution, Lookup
from ..judging.verdict import Verdict, judge
from ..rows.row import State

_LOOKED_UP = frozenset({"institution", "sites"})
"""Fields of a Context that are kept apart: they are no plain values."""
_DEEPEST = 16


def _plain_context() -> Any:
    hints = get_type_hints(Context)
    kept: list[Any] = []
    for each in fields(Context):
        if each.name in _LOOKED_UP:
            continue
        given = each.default if each.default is not MISSING else each.default_factory
        kept.append((each.name, hints[each.name]) if given is MISSING else (each.name, hints[each.name], given))
    return msgspec.defstruct("PlainContext", kept, frozen=True, omit_defaults=True)


_PlainContext = _plain_context()


class KeptPrior(msgspec.Struct, frozen=True, omit_defaults=True):
    """A prior as it was weighed."""

    refs: tuple[str, ...]
    examination: msgspec.Raw
    state: str
    anchor_us: int
    owner: str
    outcome: str
    decisive: bool
    rules: tuple[str, ...] = ()
    refusal: str = ""
    details: tuple[msgspec.Raw, ...] = ()
    date_only: bool = False
    sibling: bool = False

    def prior(self) -> Prior:
        return Prior(
            refs=self.refs,
            examination=exam_of(bytes(self.examination)),
            state=State(self.state),
            anchor_us=self.anchor_us,
            owner=self.owner,
            raw_details=tuple(bytes(detail) for detail in self.details),
            date_only=self.date_only,
            sibling=self.sibling,
        )

    def attributes(self) -> dict[str, Any]:
        return attributes(exam_of(bytes(self.examination)))


class KeptCase(msgspec.Struct, frozen=True, omit_defaults=True):
    """``priors`` in the order in which they were weighed; ``passed_over`` is how many more there were, none of which
    mattered. ``site_tables`` are (level, site, version)."""

    order: Order
    context: Any
    priors: tuple[KeptPrior, ...] = ()
    others: tuple[KeptPrior, ...] = ()
    """Priors that were found and could give the order nothing."""
    passed_over: int = 0
    institutions: tuple[Institution, ...] = ()
    site_tables: tuple[tuple[str, str, str], ...] = ()


def _kept(one: Weighed) -> KeptPrior:
    prior = one.prior
    return KeptPrior(
        refs=prior.refs,
        examination=msgspec.Raw(encode(prior.examination)),
        state=prior.state.value,
        anchor_us=prior.anchor_us,
        owner=prior.owner,
        outcome=one.outcome.value,
        decisive=one.decisive,
        rules=one.rules,
        refusal=one.refusal,
        details=tuple(msgspec.Raw(raw) for raw in prior.raw_details),
        date_only=prior.date_only,
        sibling=prior.sibling,
    )


def _asked_about(organizations: set[str], institution: Lookup) -> tuple[Institution, ...]:
    """These organizations and everything they are part of."""
    found: dict[str, Institution] = {}
    waiting = sorted(organizations)
    while waiting and len(found) < _DEEPEST * len(organizations):
        one = waiting.pop()
        if one and one not in found:
            found[one] = institution(one)
            waiting.append(found[one].parent)
    return tuple(found.values())


def case_of(verdict: Verdict, context: Context, others: tuple[Prior, ...] = ()) -> KeptCase:
    """``context`` is the one that the verdict was given in."""
    organizations = {one.prior.organization for one in verdict.weighed if one.decisive} | {context.organization}
    plain = {each.name: getattr(context, each.name) for each in fields(Context) if each.name not in _LOOKED_UP}
    return KeptCase(
        order=verdict.order,
        context=_PlainContext(**plain),
        priors=tuple(_kept(one) for one in verdict.weighed),
        others=tuple(_kept(Weighed(prior, Outcome.ANSWERS_NOTHING, (), decisive=False)) for prior in others),
        passed_over=verdict.passed_over,
        institutions=_asked_about(organizations, context.institution) if len(organizations) > 1 else (),
        site_tables=context.sites.held,
    )


def context_of(case: KeptCase, sites: SiteTables) -> Context:
    """The circumstances again. Organizations that were not asked about say nothing."""
    plain = msgspec.convert(case.context, _PlainContext) if isinstance(case.context, Mapping) else case.context
    known = {one.id: one for one in case.institutions}
    values = {each.name: getattr(plain, each.name) for each in fields(Context) if each.name not in _LOOKED_UP}
    return Context(**values, institution=lambda one: known.get(one) or Institution(one), sites=sites)


def replayed(case: KeptCase, sites: SiteTables) -> Verdict:
    """The verdict once more, by the rules and built-in tables of today."""
    context = context_of(case, sites)
    return judge(case.order, [each.prior() for each in case.priors], context)


def told(verdict: Verdict) -> bytes:
    """Everything a verdict says, in one form: the same verdict is the same bytes."""
    window = verdict.window
    return msgspec.json.encode(
        {
            "verdict": verdict.code,
            "coverage": verdict.coverage.value,
            "indicator": verdict.indicator,
            "priors": verdict.priors,
            "remainder": verdict.remainder,
            "rules": verdict.rules,
            "notes": verdict.notes,
            "reason": verdict.reason,
            "loweredBy": verdict.lowered_by,
            "window": None
            if window is None
            else {
                "item": window.item,
                "level": window.level,
                "minimumDays": _days(window.minimum_seconds),
                "limitDays": _days(window.limit_seconds),
                "oncePerAdmission": window.once_per_admission,
            },
            "tables": verdict.tables,
        }
    )


def _days(seconds: float) -> float | None:
    return seconds / 86_400 if seconds != float("inf") else None
