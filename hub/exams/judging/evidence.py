"""What the priors together give to an order, need by need: the facts that a verdict is read from. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache

from hub.contracts.site import ZONE

from ..examination import Examination, Kind
from ..rows.row import State
from ..rules import rules
from .coverage import Answer, Degree, Need, answer, needs
from .intervals import DAY_SECONDS, Circumstances, SiteTables, Window, window_of
from .prior import Context, Order, Prior
from .recognition import refusal

_DAY_US = 86_400_000_000
MOST_OTHERS = 24
"""Priors that change nothing, kept for the explanation beside those that do."""


class Outcome(StrEnum):
    """What became of a prior."""

    COVERS = "covers"
    COVERS_IN_PART = "covers-in-part"
    MAY_COVER = "may-cover"
    ON_ITS_WAY = "on-its-way"
    MAY_BE_ON_ITS_WAY = "may-be-on-its-way"
    UNDATED = "undated"
    UNRECOGNISED = "unrecognised"
    QUALITY_COMPLAINT = "quality-complaint"
    FUTURE = "future"
    ANSWERS_NOTHING = "answers-nothing"
    NOT_A_PRIOR = "not-a-prior"
    """Void, the order itself, or what the order replaces or is based on."""
    ANSWERED_BY_YOUNGER = "answered-by-younger"
    NO_WINDOW = "no-window"
    BEYOND_WINDOW = "beyond-window"
    ORDER_EXPIRED = "order-expired"


@dataclass(frozen=True, slots=True)
class Weighed:
    """One prior with what became of it, the coverage rules that were asked, and why it was not recognised.
    ``decisive`` where the verdict would not be the same without it."""

    prior: Prior
    outcome: Outcome
    rules: tuple[str, ...]
    decisive: bool
    refusal: str = ""


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
    weighed: list[Weighed] = field(default_factory=list)
    """In the order of ``priors``: everything decisive, and some of the rest."""
    passed_over: int = 0
    """How many more there were."""
    _others: int = 0

    def weigh(self, prior: Prior, outcome: Outcome, given: Answer, decisive: bool) -> None:
        if not decisive and self._others >= MOST_OTHERS:
            self.passed_over += 1
            return
        self._others += not decisive
        refused = self.refusals.get(prior.refs[0], "") if outcome is Outcome.UNRECOGNISED else ""
        self.weighed.append(Weighed(prior, outcome, given.rules, decisive, refused))


def local_day(moment_us: int) -> int:
    """The number of the calendar day in the site's zone."""
    return datetime.fromtimestamp(moment_us / 1e6, UTC).astimezone(ZONE).toordinal()


FAST_CLOCK_SECONDS = 600.0
"""What is dated this little ahead is of now: the clocks of devices are not those of the hub."""


def age_seconds(prior: Prior, now_us: int) -> float:
    """From the anchor to now; by calendar days where only a date is known. Negative for what is of the future."""
    if prior.date_only:
        return (local_day(now_us) - local_day(prior.anchor_us)) * float(DAY_SECONDS)
    age = (now_us - prior.anchor_us) / 1e6
    return 0.0 if -FAST_CLOCK_SECONDS <= age < 0 else age


def child_factor(examination: Examination, context: Context) -> float:
    """Laboratory windows of children are halved."""
    age = context.age_days
    young = age is not None and age < rules()["child_years"] * 365.25
    return float(rules()["laboratory_child_factor"]) if young and examination.kind is Kind.LABORATORY else 1.0


def windows(order: Examination, context: Context) -> Sequence[tuple[Need, Window | None]]:
    """The window of each need; None where a repeat is never told of (no row, zero days)."""
    factor = child_factor(order, context)
    sites = context.sites
    if not sites.organization and not sites.consortium and not sites.province:
        return _built_in_windows(order, context.setting, factor)
    today = datetime.fromtimestamp(context.now_us / 1e6, UTC).astimezone(ZONE).date().isoformat()
    return _windows(order, sites, Circumstances(context.setting, context.age_days, today), factor)


@lru_cache(maxsize=16384)
def _built_in_windows(order: Examination, setting: str, factor: float) -> tuple[tuple[Need, Window | None], ...]:
    """Where no site has rows of its own, neither the age nor the day has a say."""
    return _windows(order, SiteTables(), Circumstances(setting), factor)


def _windows(
    order: Examination, sites: SiteTables, circumstances: Circumstances, factor: float
) -> tuple[tuple[Need, Window | None], ...]:
    found: list[tuple[Need, Window | None]] = []
    for need in needs(order):
        window = window_of(order, need, sites, circumstances)
        if window is not None and window.limit_seconds <= 0:
            window = None
        if window is not None and factor != 1.0 and not window.once_per_admission:
            window = Window(window.item, window.minimum_seconds * factor, window.limit_seconds * factor, window.level)
        found.append((need, window))
    return tuple(found)


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
        by_rule = False
        given = answers.get(id(prior.examination))
        if given is None:
            given = answers[id(prior.examination)] = answer(exam, prior.examination)
            if given.rules[0] in ("C4", "C7"):
                by_rule = not found.rules.issuperset(given.rules)
                found.rules.update(given.rules)
        if not given.touches or not _counts(order, prior):
            found.weigh(prior, Outcome.NOT_A_PRIOR if given.touches else Outcome.ANSWERS_NOTHING, given, by_rule)
            continue
        age = age_seconds(prior, context.now_us)
        if prior.dated and age < 0:
            found.notes.append("future-prior")
            found.weigh(prior, Outcome.FUTURE, given, True)
            continue
        outcomes: list[tuple[Outcome, bool]] = []
        for evidence, degree in zip(found.needs, given.degrees, strict=True):
            if degree is not Degree.NOT:
                reached = _reached(degree, order, prior)
                outcomes.append(_place(evidence, reached, given.missing_views, prior, age, expiry, order, context,
                                       laboratory, found))  # fmt: skip
        outcome, useful = max(outcomes, key=_weight)
        found.weigh(prior, outcome, given, useful or by_rule or outcome in _TOLD)
        if useful:
            found.rules.update(given.rules)
            found.notes += [note for note in given.notes if note not in found.notes]
            if all(each.full or each.window is None for each in found.needs):
                break
    return found


_TOLD = frozenset({Outcome.UNRECOGNISED, Outcome.QUALITY_COMPLAINT})
"""Of no use, and yet the verdict tells of it."""


def _weight(placed: tuple[Outcome, bool]) -> tuple[bool, bool]:
    return placed[1], placed[0] in _TOLD


def _place(
    evidence: NeedEvidence, degree: Degree, missing: tuple[str, ...], prior: Prior, age: float, expiry: float,
    order: Order, context: Context, laboratory: bool, found: Evidence,
) -> tuple[Outcome, bool]:  # fmt: skip
    """Put one prior where it belongs for one need: what became of it, and whether it matters."""
    window = evidence.window
    if window is None:
        return Outcome.NO_WINDOW, False
    if evidence.full or (degree is Degree.POSSIBLY and evidence.possible):
        return Outcome.ANSWERED_BY_YOUNGER, False
    fully = degree is Degree.FULLY
    if prior.in_flight:
        if prior.dated and age > expiry:
            return Outcome.ORDER_EXPIRED, False
        if fully:
            evidence.expected = evidence.expected or prior
            return Outcome.ON_ITS_WAY, True
        evidence.possibly_expected = evidence.possibly_expected or prior
        return Outcome.MAY_BE_ON_ITS_WAY, True
    if prior.first("quality_complaint"):
        found.notes.append("quality-complaint")
        return Outcome.QUALITY_COMPLAINT, False
    if not _in_time(window, prior, age, order):
        return Outcome.BEYOND_WINDOW, False
    reason = refusal(context.organization, prior.organization, prior.details, prior.anchor_us, laboratory,
                     context.institution)  # fmt: skip
    if reason:
        found.refusals[prior.refs[0]] = reason
        if fully:
            evidence.unrecognised = evidence.unrecognised or prior
        return Outcome.UNRECOGNISED, fully
    if not prior.dated:
        if fully:
            evidence.undated = evidence.undated or prior
        return Outcome.UNDATED, fully
    if fully:
        evidence.full = evidence.full or prior
        return Outcome.COVERS, True
    if degree is Degree.PARTLY:
        evidence.partly.append((prior, missing))
        return Outcome.COVERS_IN_PART, True
    if window.once_per_admission or age <= window.minimum_seconds:
        evidence.possible = evidence.possible or prior
        return Outcome.MAY_COVER, True
    return Outcome.BEYOND_WINDOW, False


def _in_time(window: Window, prior: Prior, age: float, order: Order) -> bool:
    if window.once_per_admission:
        return bool(order.encounter) and prior.first("encounter") == order.encounter
    return not prior.dated or age <= window.limit_seconds
