"""What came of the reminders: counted from what was asked, shown, answered and ordered. Pure.

Every card that was shown is exactly one of: ``accepted`` and ``overridden`` (feedback said so); ``replaced`` (no
feedback, and a later call of the same organization was shown a card on the same item of the same patient within a day:
that one counts); ``ignored`` (no feedback, and the order came from that organization within a day); ``open`` (neither
yet: withdrawn in silence, or not decided).

``saved`` counts examinations, not cards: accepted cards with full coverage, but not one that follows another for the
same person and item within ``FOLLOWS_DAYS``. It is net: one that was ordered again by anybody within those days is
``reordered``, one whose days have not passed is ``awaiting``.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

FOLLOWS_DAYS = 14
HARM_HOURS = 72
EPISODE_HOURS = 24
FIRINGS, LEAST_ACCEPTANCE = 50, 0.05
FEWEST = 5
"""Groups with fewer look-ups are pooled where somebody reads who may see no chart."""
OTHERS = "others"
_HOUR_US = 3_600_000_000
_SAVING = frozenset({"duplicate", "reusable", "in-flight"})


@dataclass(frozen=True, slots=True)
class Asked:
    """One draft that was judged, with what became of its card."""

    id: str
    at_us: int
    call: str
    organization: str
    department: str
    patient: str
    person: str
    item: str
    verdict: str
    coverage: str
    indicator: str | None
    card: str | None
    reason: str = ""
    outcome: str | None = None
    override: str = ""
    orders: tuple[tuple[int, str], ...] = ()
    """Orders for the same examination that became active after the card: (when, organization)."""


@dataclass(slots=True)
class Row:
    """The figures of one group. ``fen_saved`` is money in 1/100 yuan; ``unpriced`` are saved examinations without a
    price."""

    calls: int = 0
    lookups: int = 0
    reminders: int = 0
    shown: int = 0
    accepted: int = 0
    overridden: int = 0
    ignored: int = 0
    replaced: int = 0
    open: int = 0
    saved: int = 0
    reordered: int = 0
    reordered_72h: int = 0
    awaiting: int = 0
    fen_saved: int = 0
    unpriced: int = 0

    def __iadd__(self, other: "Row") -> "Row":
        for each in fields(Row):
            setattr(self, each.name, getattr(self, each.name) + getattr(other, each.name))
        return self

    @property
    def acceptance(self) -> float | None:
        return round(self.accepted / self.shown, 4) if self.shown else None


@dataclass(slots=True)
class Figures:
    total: Row = field(default_factory=Row)
    clinics: dict[str, Row] = field(default_factory=dict)
    departments: dict[str, Row] = field(default_factory=dict)
    items: dict[str, Row] = field(default_factory=dict)
    verdicts: dict[str, Row] = field(default_factory=dict)
    overrides: Counter[str] = field(default_factory=Counter)
    """Reason code → overridden cards; empty where none was given."""
    exemptions: Counter[str] = field(default_factory=Counter)
    """Reason code → drafts whose card an exemption silenced."""
    rules: dict[tuple[str, str], Row] = field(default_factory=dict)
    """(verdict, item) → what came of its cards: what a committee may mute."""


Price = Callable[[str, str], int | None]
"""(organization, item) → price in fen."""


def fates(asked: Sequence[Asked]) -> dict[str, str]:
    """Card → what became of it."""
    found: dict[str, str] = {}
    newest: dict[tuple[str, str, str], tuple[int, str]] = {}
    for one in sorted(asked, key=_when, reverse=True):
        if one.card is None:
            continue
        episode = one.organization, one.patient, one.item
        newer_us, newer_call = newest.get(episode, (None, one.call))
        newest[episode] = one.at_us, one.call
        if one.outcome is not None:
            found[one.card] = one.outcome
        elif newer_us is not None and newer_call != one.call and newer_us - one.at_us <= EPISODE_HOURS * _HOUR_US:
            found[one.card] = "replaced"
        elif any(whose == one.organization and at - one.at_us <= EPISODE_HOURS * _HOUR_US for at, whose in one.orders):
            found[one.card] = "ignored"
        else:
            found[one.card] = "open"
    return found


def _when(one: Asked) -> tuple[int, str]:
    return one.at_us, one.id


def savings(asked: Iterable[Asked], now_us: int) -> dict[str, str]:
    """Id of a verdict → ``saved``, ``reordered_72h``, ``reordered`` or ``awaiting``: one for each examination that an
    accepted card spared, for the first of the cards that did."""
    found: dict[str, str] = {}
    since: dict[tuple[str, str], int] = {}
    for one in sorted(asked, key=_when):
        if one.outcome != "accepted" or one.coverage != "full" or one.verdict not in _SAVING:
            continue
        key = one.person, one.item
        before_us, since[key] = since.get(key), one.at_us
        if before_us is not None and one.at_us - before_us <= FOLLOWS_DAYS * 24 * _HOUR_US:
            continue
        waits_us = [at - one.at_us for at, _ in one.orders if at - one.at_us <= FOLLOWS_DAYS * 24 * _HOUR_US]
        if waits_us:
            found[one.id] = "reordered_72h" if min(waits_us) <= HARM_HOURS * _HOUR_US else "reordered"
        else:
            passed = now_us - one.at_us > FOLLOWS_DAYS * 24 * _HOUR_US
            found[one.id] = "saved" if passed else "awaiting"
    return found


def _count(row: Row, one: Asked, fate: str | None, saving: str | None, fen: int | None) -> None:
    row.lookups += 1
    if one.indicator is not None:
        row.reminders += 1
    if fate is None:
        return
    row.shown += 1
    setattr(row, fate, getattr(row, fate) + 1)
    match saving:
        case "saved":
            row.saved += 1
            row.fen_saved += fen or 0
            row.unpriced += fen is None
        case "awaiting":
            row.awaiting += 1
        case "reordered" | "reordered_72h":
            row.reordered += 1
            row.reordered_72h += saving == "reordered_72h"


def figures(asked: Sequence[Asked], now_us: int, price: Price, counts: Callable[[Asked], bool]) -> Figures:
    """The figures of those that ``counts``. ``asked`` reaches ``FOLLOWS_DAYS`` before them and ``EPISODE_HOURS`` after
    them, and holds all organizations': what became of a card may hang on cards beside it."""
    became, spared = fates(asked), savings(asked, now_us)
    found = Figures()
    groups: tuple[defaultdict[Any, Row], ...] = tuple(defaultdict(Row) for _ in range(5))
    clinics, departments, items, verdicts, rules = groups
    calls: set[tuple[str, str]] = set()
    for one in filter(counts, asked):
        fate, saving = became.get(one.card) if one.card is not None else None, spared.get(one.id)
        fen = price(one.organization, one.item) if saving == "saved" else None
        rows = [found.total, clinics[one.organization], departments[one.department], items[one.item],
                verdicts[one.verdict]]  # fmt: skip
        if fate is not None:
            rows.append(rules[one.verdict, one.item])
        for row in rows:
            _count(row, one, fate, saving, fen)
        calls.add((one.organization, one.call))
        if one.outcome == "overridden":
            found.overrides[one.override] += 1
        if one.verdict == "exempt":
            found.exemptions[one.reason] += 1
    found.total.calls = len(calls)
    for organization, _ in calls:
        clinics[organization].calls += 1
    found.clinics, found.departments, found.items, found.verdicts, found.rules = (dict(group) for group in groups)
    return found


def unheeded(rules: Mapping[tuple[str, str], Row]) -> list[tuple[str, str]]:
    """Rules that fired often and were hardly ever accepted, for a committee to decide on."""
    return sorted(
        key for key, row in rules.items() if row.shown >= FIRINGS and row.accepted < LEAST_ACCEPTANCE * row.shown
    )


def pooled(group: Mapping[str, Row]) -> dict[str, Row]:
    """Groups of fewer than ``FEWEST`` look-ups together as ``OTHERS``, and so many more, smallest first, that
    ``OTHERS`` are not few either: no small group can be told from the rest by subtraction."""
    smallest_first = sorted(group.items(), key=lambda pair: (pair[1].lookups, pair[0]))
    others = Row()
    kept = dict(group)
    for key, row in smallest_first:
        if row.lookups >= FEWEST and (others.lookups == 0 or others.lookups >= FEWEST):
            break
        others += row
        del kept[key]
    return kept | ({OTHERS: others} if others.lookups else {})
