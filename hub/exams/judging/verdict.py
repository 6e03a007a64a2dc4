"""The decision: an order and its priors to a verdict with its reasons. Pure, and replayable from what it is given.

Verdict table of §5: FULL and final within the minimum interval is a duplicate, up to the recognition limit reusable;
in flight warns until it expires; PARTIAL narrows; POSSIBLE informs. ``critical`` is never used and nothing is ever
cancelled from here.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from ..examination import Examination, Kind
from ..rules import rules
from .coverage import Coverage, answer, needs
from .evidence import Evidence, NeedEvidence, Weighed, age_seconds, gather
from .exemption import Effect, Reason, reasons, stated
from .intervals import Window, items_of
from .prior import Context, Order, Prior

WARNING, INFO = "warning", "info"
_ONE_MINUTE_US = 60_000_000


@dataclass(frozen=True, slots=True)
class Verdict:
    """``indicator`` is None where no card is shown. ``covering`` are the priors it rests on, the one to show first;
    ``reason`` is the exemption that silenced it, ``lowered_by`` those that made a warning informative."""

    order: Order
    code: str
    coverage: Coverage
    indicator: str | None = None
    covering: tuple[Prior, ...] = ()
    remainder: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    tables: str = ""
    reason: str = ""
    lowered_by: tuple[str, ...] = ()
    window: Window | None = None
    notes: tuple[str, ...] = ()
    weighed: tuple[Weighed, ...] = field(default=(), compare=False, repr=False)
    """Every prior that was decisive, and some of the others: what the verdict can be given again from."""
    passed_over: int = field(default=0, compare=False, repr=False)
    withheld: int = 0
    """How many of the priors it rests on may not be named to whom it is told (``withholding.shown_to``)."""

    @property
    def priors(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(ref for prior in self.covering for ref in prior.refs))


@dataclass(frozen=True, slots=True)
class _Finding:
    code: str
    coverage: Coverage
    indicator: str | None
    covering: tuple[Prior, ...] = ()
    remainder: tuple[str, ...] = ()
    window: Window | None = None
    note: str = ""
    abnormal: bool = False
    """A laboratory result among the youngest that it rests on is abnormal."""


def _abnormal(covering: Sequence[Prior]) -> bool:
    """Results of one report are priors of their own: those of the youngest report, or of the minute in which it was
    taken, speak together (clarification 25)."""
    done = [prior for prior in covering if prior.dated and not prior.in_flight]
    youngest = max(done, key=lambda prior: prior.anchor_us, default=None)
    return youngest is not None and any(
        prior.abnormal
        for prior in done
        if prior.refs == youngest.refs or youngest.anchor_us - prior.anchor_us < _ONE_MINUTE_US
    )


def _distinct(priors: Iterable[Prior | None]) -> tuple[Prior, ...]:
    found: dict[tuple[str, ...], Prior] = {}
    for prior in priors:
        if prior is not None:
            found.setdefault(prior.refs, prior)
    return tuple(sorted(found.values(), key=lambda prior: -prior.anchor_us))


def _names(evidence: Sequence[NeedEvidence]) -> tuple[str, ...]:
    """Needs as a remainder names them: both sides of a region are the region."""
    names = [each.need.name for each in evidence]
    joined = []
    for name in names:
        region, _, side = name.partition(":")
        both = side and {f"{region}:left", f"{region}:right"} <= set(names)
        joined.append(region if both else name)
    return tuple(sorted(dict.fromkeys(joined)))


def _finding(evidence: Evidence, now_us: int) -> _Finding:
    """The row of the verdict table that fits what the priors give."""
    asked = evidence.needs
    done = [bool(each.full or each.pooled_views) for each in asked]
    used = [prior for each in asked for prior in ([each.full] if each.full else each.pooled_views)]
    finals, abnormal = _distinct(used), _abnormal(used)
    window = next((each.window for each in asked if each.window), None)
    if all(done) and finals:
        repeat = all(
            each.window is not None and age_seconds(prior, now_us) <= each.window.minimum_seconds
            for each in asked
            for prior in ([each.full] if each.full else each.pooled_views)
        )
        code, indicator = ("duplicate", WARNING) if repeat else ("reusable", INFO)
        return _Finding(code, Coverage.FULL, indicator, finals, window=window, abnormal=abnormal)
    expected = _distinct(each.expected for each, is_done in zip(asked, done, strict=True) if not is_done)
    if expected and all(is_done or each.expected for each, is_done in zip(asked, done, strict=True)):
        return _Finding("in-flight", Coverage.FULL, WARNING, (*expected, *finals), window=window)
    partly = _distinct(prior for each in asked for prior, _ in each.partly)
    if finals or partly:
        left = [each for each, is_done in zip(asked, done, strict=True) if not is_done]
        by_views = sorted({view for each in left for _, missing in each.partly for view in missing})
        only_views = bool(by_views) and all(each.partly for each in left)
        remainder = tuple(by_views) if only_views else _names(left)
        return _Finding("narrow", Coverage.PARTIAL, INFO, finals or partly, remainder, window, abnormal=abnormal)
    if expected:
        left = [each for each in asked if not each.expected]
        return _Finding("in-flight", Coverage.PARTIAL, INFO, expected, _names(left), window)
    maybe = _distinct(each.possibly_expected for each in asked)
    if maybe:
        return _Finding("in-flight", Coverage.POSSIBLE, INFO, maybe, window=window)
    if asked and all(each.undated for each in asked):
        undated = _distinct(each.undated for each in asked)
        return _Finding("duplicate", Coverage.FULL, INFO, undated, window=window, note="undated")
    possible = _distinct(each.possible for each in asked)
    if possible:
        return _Finding("possible", Coverage.POSSIBLE, INFO, possible, window=window)
    if asked and all(each.unrecognised for each in asked):
        unrecognised = _distinct(each.unrecognised for each in asked)
        return _Finding("unrecognised", Coverage.FULL, None, unrecognised, window=window)
    return _Finding("none", Coverage.NONE, None)


def _newborn(order: Examination, context: Context) -> bool:
    age = context.age_days
    return order.kind is Kind.LABORATORY and age is not None and age <= rules()["newborn_days"]


def _child_and_rays(order: Examination, context: Context) -> bool:
    age = context.age_days
    young = age is not None and age < rules()["child_years"] * 365.25
    return young and order.modality in rules()["ionising"]


def _planned_days(order: Order, exam: Examination, context: Context) -> float | None:
    if order.planned_days is not None:
        return order.planned_days
    for plan in context.plans:
        if answer(exam, plan.examination).coverage is Coverage.FULL:
            return plan.interval_days
    return None


def _exemptions(
    order: Order, exam: Examination, finding: _Finding, context: Context
) -> tuple[list[Reason], list[Reason]]:
    """What silences the card, and what lowers it."""
    known = reasons()
    silencing: list[Reason] = []
    lowering: list[Reason] = []
    items = {item for need in needs(exam) for item in items_of(exam, need)}
    lead = next((prior for prior in finding.covering if not prior.in_flight), None)
    age_days = age_seconds(lead, context.now_us) / 86_400 if lead is not None and lead.dated else None
    follow_up = next((days for p in finding.covering if (days := p.follow_up_days) is not None), None)
    due = follow_up is not None and age_days is not None and age_days >= follow_up * rules()["follow_up_fraction"]
    if due:
        silencing.append(known["follow-up"])
    for reason in stated(order.reasons, items):
        if reason.effect is Effect.SILENCE:
            silencing.append(reason)
        elif reason.effect is Effect.LOWER or follow_up is None:
            lowering.append(reason)
    planned = _planned_days(order, exam, context)
    if planned is not None and age_days is not None and age_days >= planned * rules()["plan_fraction"]:
        silencing.append(known["planned"])
    if order.standing_child and planned is None and not (finding.window and finding.window.once_per_admission):
        silencing.append(known["standing-order"])
    if "follicle-tracking" in exam.technique:
        silencing.append(known["follicle-tracking"])
    if _newborn(exam, context):
        silencing.append(known["newborn"])
    if context.setting == "emergency":
        lowering.append(known["emergency"])
    if order.stat:
        lowering.append(known["stat"])
    if exam.kind is Kind.LABORATORY and finding.abnormal:
        lowering.append(known["abnormal-prior"])
    return silencing, lowering


def judge(order: Order, priors: Sequence[Prior], context: Context) -> Verdict:
    """The verdict on one order. ``priors`` youngest first, drafts of the same request among them."""
    exam = order.examination
    if exam is None:
        return Verdict(order, "not-understood", Coverage.NONE, tables=context.sites.name)
    evidence = gather(order, exam, priors, context)
    verdict = _read_from(evidence, order, exam, context)
    return replace(verdict, weighed=tuple(evidence.weighed), passed_over=evidence.passed_over)


def _read_from(evidence: Evidence, order: Order, exam: Examination, context: Context) -> Verdict:
    tables = context.sites.name
    finding = _finding(evidence, context.now_us)
    fired, notes = tuple(sorted(evidence.rules)), tuple(evidence.notes)
    if order.contradictions:
        notes = (*notes, *(f"order-contradiction:{each}" for each in order.contradictions))
    told = [each for prior in finding.covering for each in prior.contradictions]
    notes = (*notes, *(f"prior-contradiction:{each}" for each in dict.fromkeys(told)))
    if finding.note:
        notes = (*notes, finding.note)
    if finding.code == "none":
        return Verdict(order, "none", Coverage.NONE, rules=fired, tables=tables, notes=notes)
    if finding.code == "unrecognised":
        return Verdict(
            order, "unrecognised", finding.coverage, INFO if context.show_unrecognised else None, finding.covering,
            (), fired, tables, next(iter(evidence.refusals.values()), ""), (), finding.window, notes,
        )  # fmt: skip
    silencing, lowering = _exemptions(order, exam, finding, context)
    indicator = finding.indicator
    lowered_by: tuple[str, ...] = ()
    if silencing and _child_and_rays(exam, context):
        lowering, silencing = [*lowering, *silencing], []
    if silencing:
        return Verdict(
            order, "exempt", finding.coverage, None, finding.covering, finding.remainder, fired, tables,
            silencing[0].code, (), finding.window, notes,
        )  # fmt: skip
    if lowering:
        lowered_by = tuple(dict.fromkeys(reason.code for reason in lowering))
        indicator = INFO
    return Verdict(
        order, finding.code, finding.coverage, indicator, finding.covering, finding.remainder, fired, tables,
        "", lowered_by, finding.window, notes,
    )  # fmt: skip
