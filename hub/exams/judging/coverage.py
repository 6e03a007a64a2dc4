"""Coverage of an ordered examination by prior ones: rules C1 to C9.

An order is taken apart into needs (a region with a side, an analyte); each prior answers some of them, fully or
possibly. What no prior answers is the remainder. Pure.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from functools import lru_cache

from ..examination import Contrast, Examination, Kind
from ..rules import ignored_techniques, rules, view_names
from .laboratory_coverage import determination_answers
from .regions import Cell, cell_answers, cells


class Coverage(StrEnum):
    FULL = "full"
    PARTIAL = "partial"
    POSSIBLE = "possible"
    NONE = "none"


class Degree(IntEnum):
    """How well one prior answers one need."""

    NOT = 0
    POSSIBLY = 1
    PARTLY = 2
    FULLY = 3


@dataclass(frozen=True, slots=True)
class Need:
    """One thing the order asks for, as it stands in ``remainder``."""

    name: str
    cell: Cell | None = None
    at: int = -1
    """Index of the determination, for laboratory work."""
    item: str = ""
    """The region as ordered (before it was expanded), or the analyte: what windows are looked up by."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What one prior gives to one order, need by need."""

    degrees: tuple[Degree, ...]
    rules: tuple[str, ...] = ()
    missing_views: tuple[str, ...] = ()
    notes: tuple[str, ...] = field(default=())

    @property
    def touches(self) -> bool:
        """Whether it gives anything at all."""
        return any(self.degrees)

    @property
    def coverage(self) -> Coverage:
        if not any(self.degrees):
            return Coverage.NONE
        if all(each is Degree.FULLY for each in self.degrees):
            return Coverage.FULL
        if any(each >= Degree.PARTLY for each in self.degrees):
            return Coverage.PARTIAL
        return Coverage.POSSIBLE


@lru_cache(maxsize=16384)
def needs(order: Examination) -> tuple[Need, ...]:
    """What the order asks for, part by part."""
    if order.kind is Kind.LABORATORY:
        return tuple(Need(name=each.analyte, at=at, item=each.analyte) for at, each in enumerate(order.determinations))
    found = [
        Need(name=cell.name, cell=cell, item=target.region)
        for target in order.targets
        for cell in cells(order.modality, target)
    ]
    return tuple(dict.fromkeys(found)) or (Need(name=order.modality, item=order.modality),)


def _significant(technique: Sequence[str]) -> frozenset[str]:
    return frozenset(technique) - ignored_techniques() - {"colour-doppler", "b-mode"}


def _contrast(order: Examination, prior: Examination) -> tuple[Degree, list[str]]:
    """C4. What was not said counts as plain; a protocol that implies its phases is compared by what both said."""
    if order.modality not in rules()["phases_matter"]:
        return Degree.FULLY, []
    implied = bool(set(order.technique) & set(rules()["phase_implied_by"]))
    if implied and (order.contrast is None or prior.contrast is None):
        return Degree.FULLY, []
    notes = [f"contrast-unsaid-{who}" for who, exam in (("order", order), ("prior", prior)) if exam.contrast is None]
    asked = order.contrast or Contrast.PLAIN
    done = prior.contrast or Contrast.PLAIN
    if asked is done or done is Contrast.BOTH:
        return Degree.FULLY, notes
    if asked is Contrast.PLAIN:
        return Degree.POSSIBLY, notes
    return Degree.NOT, notes


def _technique(order: Examination, prior: Examination) -> tuple[Degree, list[str]]:
    """C1 (Doppler) and C5 (dedicated protocols)."""
    asked, done = _significant(order.technique), _significant(prior.technique)
    if not asked <= done:
        return Degree.NOT, ["C5"]
    dedicated = set(rules()["dedicated_regions"])
    if bool(dedicated & set(order.regions)) and not dedicated & set(prior.regions):
        return Degree.NOT, ["C5"]
    additive = set(rules()["additive_techniques"])
    extra = done - asked
    if prior.contrast is not None:
        extra -= additive
    elif order.contrast is not None and done & additive:
        return Degree.POSSIBLY, ["C5"]  # a sequence alone, without the examination it is added to
    if extra or (dedicated & set(prior.regions) and not dedicated & set(order.regions)):
        return Degree.POSSIBLY, ["C5"]
    if order.modality == "US" and "colour-doppler" in order.technique and "colour-doppler" not in prior.technique:
        if "b-mode" in prior.technique:
            return Degree.NOT, ["C1"]
        if not set(prior.regions) <= set(rules()["doppler_always"]):
            return Degree.POSSIBLY, ["C1"]
    return Degree.FULLY, []


def _views(order: Examination, prior: Examination) -> tuple[Degree, tuple[str, ...]]:
    """C6. Unsaid on both sides is equal; unsaid in the prior alone is unknown."""
    if order.modality not in rules()["views_matter"]:
        return Degree.FULLY, ()
    usual = rules()["usual_views"].get(order.modality, [])
    same = view_names()
    asked = {same.get(view, view) for view in order.views or usual}
    done = {same.get(view, view) for view in prior.views or usual}
    for whole, parts in rules()["view_contains"].items():
        if done & set(parts):
            done.add(whole)
    if not asked:
        frontal = not done or bool(done & set(rules()["frontal_views"]))
        return (Degree.FULLY if frontal else Degree.POSSIBLY), ()
    if not done:
        return Degree.POSSIBLY, ()
    missing = tuple(sorted(asked - done))
    if not missing:
        return Degree.FULLY, ()
    return (Degree.PARTLY, missing) if asked & done else (Degree.NOT, missing)


def _nothing(count: int, rule: str) -> Answer:
    return Answer((Degree.NOT,) * count, (rule,))


def _imaging_answer(order: Examination, prior: Examination) -> Answer:
    wanted = needs(order)
    if order.guidance or prior.guidance:
        return _nothing(len(wanted), "C7")
    if order.modality != prior.modality:
        return _nothing(len(wanted), "C1")
    fired = ["C2"] if order.targets else ["C1"]
    limit, technique_rules = _technique(order, prior)
    fired += technique_rules
    phase, notes = _contrast(order, prior)
    if order.modality in rules()["phases_matter"]:
        fired.append("C4")
    views, missing = _views(order, prior)
    if order.modality in rules()["views_matter"]:
        fired.append("C6")
    limit = min(limit, phase, views)
    if limit is Degree.NOT:
        return Answer((Degree.NOT,) * len(wanted), tuple(fired), (), tuple(notes))
    degrees = []
    for need in wanted:
        reached = Degree.FULLY if need.cell is None else Degree(cell_answers(need.cell, order, prior))
        degrees.append(min(limit, reached))
    if any(need.cell is not None and need.cell.sided for need in wanted):
        fired.append("C3")
    return Answer(tuple(degrees), tuple(fired), missing, tuple(notes))


def _laboratory_answer(order: Examination, prior: Examination) -> Answer:
    degrees = []
    fired = {"C8"}
    for asked in order.determinations:
        best = Degree.NOT
        for done in prior.determinations:
            reached, by_method = determination_answers(asked, done)
            best = max(best, Degree(reached))
            if by_method:
                fired.add("C9")
        degrees.append(best)
    return Answer(tuple(degrees), tuple(sorted(fired)))


@lru_cache(maxsize=65536)
def answer(order: Examination, prior: Examination) -> Answer:
    """What ``prior`` gives to ``order``. Pure, and cached by the pair."""
    if (order.kind is Kind.LABORATORY) is not (prior.kind is Kind.LABORATORY):
        return _nothing(len(needs(order)), "C1")
    if order.kind is Kind.LABORATORY:
        return _laboratory_answer(order, prior)
    return _imaging_answer(order, prior)
