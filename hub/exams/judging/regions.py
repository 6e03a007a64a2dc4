"""C2 and C3: regions with sides, what contains what, and whether one prior's regions answer an ordered one."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from ..examination import Examination, Side, Target
from ..rules import rules
from ..vocabulary import regions

NOT, POSSIBLY, PARTLY, FULLY = 0, 1, 2, 3


@dataclass(frozen=True, slots=True)
class Cell:
    """One region on one side: the unit that is covered or not. ``side`` is left, right, unsaid for a paired region
    whose side nobody knows; bilateral where side means nothing."""

    region: str
    side: Side

    @property
    def sided(self) -> bool:
        return self.side is not Side.BILATERAL

    @property
    def name(self) -> str:
        return f"{self.region}:{self.side.value}" if self.side in (Side.LEFT, Side.RIGHT) else self.region


def _sides(modality: str, region: str, side: Side) -> tuple[Side, ...]:
    known = regions()[region]
    if side in (Side.LEFT, Side.RIGHT):
        return (side,)
    if not known.paired:
        return (Side.BILATERAL,)
    both = known.both_when_unsaid or modality in rules()["side_seldom_said"]
    if side is Side.BILATERAL or both:
        return (Side.LEFT, Side.RIGHT)
    return (Side.UNSAID,)


@lru_cache(maxsize=4096)
def cells(modality: str, target: Target) -> tuple[Cell, ...]:
    """A target as the parts that the modality examines under its name: 腹部彩超 is five organs."""
    parts = rules()["expansions"].get(modality, {}).get(target.region, [target.region])
    return tuple(Cell(region, side) for region in parts for side in _sides(modality, region, target.side))


def _wholes(region: str, modality: str) -> Iterator[str]:
    """The region and all that contain it and are examined whole by the modality."""
    outside = rules()["not_in_the_whole"].get(modality, {})
    yield region
    for whole in regions()[region].ancestors:
        if region not in outside.get(whole, ()):
            yield whole


@lru_cache(maxsize=16384)
def _examined(prior: Examination) -> tuple[tuple[str, Side], ...]:
    """Regions of a prior with sides, and the wholes that its parts make up."""
    found = [(cell.region, cell.side) for target in prior.targets for cell in cells(prior.modality, target)]
    found += [
        (target.region, side) for target in prior.targets for side in _sides(prior.modality, target.region, target.side)
    ]
    named = {region for region, _ in found}
    found += [(whole, Side.BILATERAL) for whole, parts in rules()["whole_of_parts"].items() if set(parts) <= named]
    return tuple(dict.fromkeys(found))


def _by_side(asked: Side, done: set[Side]) -> int:
    if Side.BILATERAL in done or {Side.LEFT, Side.RIGHT} <= done:
        return FULLY
    if asked is Side.BILATERAL:
        return POSSIBLY
    if asked is Side.UNSAID:
        return POSSIBLY
    if asked in done:
        return FULLY
    return POSSIBLY if Side.UNSAID in done else NOT


def cell_answers(cell: Cell, order: Examination, prior: Examination) -> int:
    """FULLY where the prior examined the cell, PARTLY where it examined a part of it, POSSIBLY where the side is
    unknown, else NOT."""
    examined = _examined(prior)
    wholes = set(_wholes(cell.region, order.modality))
    done = {side for region, side in examined if region in wholes}
    if done:
        return _by_side(cell.side, done)
    known = regions()
    outside = rules()["not_in_the_whole"].get(order.modality, {}).get(cell.region, ())
    for region, side in examined:
        inside = cell.region in known[region].ancestors and region not in outside
        if inside and (not cell.sided or side in (cell.side, Side.BILATERAL) or Side.UNSAID in (side, cell.side)):
            return PARTLY
    return NOT
