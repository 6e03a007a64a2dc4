"""What the priors together give to an order, need by need: the facts that a verdict is read from. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from hub.contracts.site import ZONE

from .coverage import Answer, Degree, Need, answer, needs
from .examination import Examination, Kind
from .intervals import DAY_SECONDS, Circumstances, Window, window_of
from .prior import Context, Order, Prior
from .recognition import refusal
from .row import State
from .rules import rules

_DAY_US = 86_400_000_000


@dataclass(slots=True)
class NeedEvidence:
    """For one need: its window and the youngest prior of each sort."""

    need: Need
    window: Window | None
    full: Prior | None = None
    expected: Prior | None = None
    partly: list[tuple[Prior, tuple[str, ...]]] = field(default_factory=list)
    possible: Prior | None = None
    possibly_expected: Prior | None = None
    undated: Prior | None = None
    unrecognised: Prior | None = None

    @property
    def pooled_views(self) -> list[Prior]:
        """Priors whose views together are all that is asked; empty if they are not."""
        by_views = [(prior, missing) for prior, missing in self.partly if missing]
        if not by_views or set.intersection(*(set(missing) for _, missing in by_views)):
            return []
        return [prior for prior, _ in by_views]


@dataclass(slots=True)
class Evidence:
    needs: list[NeedEvidence]
    rules: set[str] = field(default_factory=set)
    notes: list[str] = field(default_factory=list)
    refusals: dict[str, str] = field(default_factory=dict)
    """Prior → why it is not recognised."""


def local_day(moment_us: int) -> int:
    """The number of the calendar day in the site's zone."""
    return datetime.fromtimestamp(moment_us / 1e6, UTC).astimezone(ZONE).toordinal()


def age_seconds(prior: Prior, now_us: int) -> float:
    """From the anchor to now; by calendar days where only a date is known."""
    if prior.date_only:
        return (local_day(now_us) - local_day(prior.anchor_us)) * float(DAY_SECONDS)
    return (now_us - prior.anchor_us) / 1e6


def child_factor(examination: Examination, context: Context) -> float:
    """Laboratory windows of children are halved."""
    age = context.age_days
    young = age is not None and age < rules()["child_years"] * 365.25
    return float(rules()["laboratory_child_factor"]) if young and examination.kind is Kind.LABORATORY else 1.0


def windows(order: Examination, context: Context) -> list[tuple[Need, Window | None]]:
    """The window of each need; None where a repeat is never told of (no row, zero days)."""
    today = datetime.fromtimestamp(context.now_us / 1e6, UTC).astimezone(ZONE).date().isoformat()
    circumstances = Circumstances(context.setting, context.age_days, today)
    factor = child_factor(order, context)
    found: list[tuple[Need, Window | None]] = []
    for need in needs(order):
        window = window_of(order, need, context.sites, circumstances)
        if window is not None and window.limit_seconds <= 0:
            window = None
        if window is not None and factor != 1.0 and not window.once_per_admission:
            window = Window(window.item, window.minimum_seconds * factor, window.limit_seconds * factor, window.level)
        found.append((need, window))
    return found


def expiry_seconds(order: Examination) -> float:
    """How long an order or an expected result counts as in flight."""
    days = rules()["order_expires_days"]
    return float(days["lab" if order.kind is Kind.LABORATORY else "other"]) * DAY_SECONDS


def furthest_seconds(order: Examination, context: Context) -> float:
    """How far back a prior can lie and still matter: what history has to be read."""
    limits = [
        400.0 * DAY_SECONDS if window.once_per_admission else window.limit_seconds
        for _, window in windows(order, context)
        if window is not None
    ]
    return max([*limits, expiry_seconds(order)]) + 2 * DAY_SECONDS


def _counts(order: Order, prior: Prior) -> bool:
    if prior.state in (State.VOID, State.FACT) or order.ref in prior.refs:
        return False
    return not (prior.in_flight and any(ref in order.based_on or ref in order.replaces for ref in prior.refs))


def _reached(degree: Degree, order: Order, prior: Prior) -> Degree:
    """Contradicting sources cap at POSSIBLE (clarification 17)."""
    if degree > Degree.POSSIBLY and (order.contradictions or (prior.raw_details and prior.contradictions)):
        return Degree.POSSIBLY
    return degree


def gather(order: Order, exam: Examination, priors: Sequence[Prior], context: Context) -> Evidence:
    """``priors`` youngest first; those that are invalid, of the future or too old fall out here."""
    found = Evidence([NeedEvidence(need, window) for need, window in windows(exam, context)])
    laboratory = exam.kind is Kind.LABORATORY
    expiry = expiry_seconds(exam)
    answers: dict[int, Answer] = {}
    for prior in priors:
        given = answers.get(id(prior.examination))
        if given is None:
            given = answers[id(prior.examination)] = answer(exam, prior.examination)
            if given.rules[0] in ("C4", "C7"):
                found.rules.update(given.rules)
        if not given.touches or not _counts(order, prior):
            continue
        age = age_seconds(prior, context.now_us)
        if prior.dated and age < 0:
            found.notes.append("future-prior")
            continue
        useful = False
        for evidence, degree in zip(found.needs, given.degrees, strict=True):
            if degree is not Degree.NOT:
                reached = _reached(degree, order, prior)
                useful |= _place(evidence, reached, given.missing_views, prior, age, expiry, order, context,
                                 laboratory, found)  # fmt: skip
        if useful:
            found.rules.update(given.rules)
            found.notes += [note for note in given.notes if note not in found.notes]
            if all(each.full or each.window is None for each in found.needs):
                break
    return found


def _place(
    evidence: NeedEvidence, degree: Degree, missing: tuple[str, ...], prior: Prior, age: float, expiry: float,
    order: Order, context: Context, laboratory: bool, found: Evidence,
) -> bool:  # fmt: skip
    """Put one prior where it belongs for one need; False where it does not matter."""
    window = evidence.window
    if window is None or evidence.full or (degree is Degree.POSSIBLY and evidence.possible):
        return False
    if prior.in_flight:
        if prior.dated and age > expiry:
            return False
        if degree is Degree.FULLY:
            evidence.expected = evidence.expected or prior
        else:
            evidence.possibly_expected = evidence.possibly_expected or prior
        return True
    if prior.first("quality_complaint"):
        found.notes.append("quality-complaint")
        return False
    if not _in_time(window, prior, age, order):
        return False
    reason = refusal(context.organization, prior.organization, prior.details, prior.anchor_us, laboratory,
                     context.institution)  # fmt: skip
    if reason:
        found.refusals[prior.refs[0]] = reason
        if degree is Degree.FULLY:
            evidence.unrecognised = evidence.unrecognised or prior
        return degree is Degree.FULLY
    if not prior.dated:
        if degree is Degree.FULLY:
            evidence.undated = evidence.undated or prior
        return degree is Degree.FULLY
    if degree is Degree.FULLY:
        evidence.full = evidence.full or prior
    elif degree is Degree.PARTLY:
        evidence.partly.append((prior, missing))
    elif window.once_per_admission or age <= window.minimum_seconds:
        evidence.possible = evidence.possible or prior
    else:
        return False
    return True


def _in_time(window: Window, prior: Prior, age: float, order: Order) -> bool:
    if window.once_per_admission:
        return bool(order.encounter) and prior.first("encounter") == order.encounter
    return not prior.dated or age <= window.limit_seconds
