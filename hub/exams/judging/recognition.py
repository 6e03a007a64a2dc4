"""Whether a result of another institution is recognised (检查检验结果互认).

Inside one consortium everyone recognises everyone. Outside: the mark, its scope, the direction of hospital levels, and
for laboratory work an external quality assessment that held on the day of performance.
"""

from collections.abc import Callable
from dataclasses import dataclass

from ..rows.row import Detail

_ORDER = {"none": 0, "": 0, "1": 1, "2B": 2, "2A": 3, "3B": 4, "3A": 5}
_GRADE_2A = _ORDER["2A"]
_REACH = {
    "national": ("same", "same-city", "same-province", "other-province", ""),
    "province": ("same", "same-city", "same-province", ""),
    "city": ("same", "same-city", ""),
    "consortium": (),
}
"""Scope of a mark → where the institution may lie, seen from here. A place nobody stated is in this city: the hub is a
county's."""
_DEEPEST = 16


@dataclass(frozen=True, slots=True)
class Institution:
    """What recognition needs of an Organization; empty where it says nothing. ``parent`` is what ``partOf`` names."""

    id: str
    name: str = ""
    parent: str = ""
    level: str = ""
    place: str = ""


Lookup = Callable[[str], Institution]


def line(organization: str, institution: Lookup) -> tuple[str, ...]:
    """The organization and everything it is part of, nearest first."""
    found: list[str] = []
    while organization and organization not in found and len(found) < _DEEPEST:
        found.append(organization)
        organization = institution(organization).parent
    return tuple(found)


def same_consortium(asking: str, performing: str, institution: Lookup) -> bool:
    """Whether they share an organization above them (or are one). Where nobody has drawn up consortia, all who are
    registered here and said to lie nowhere else are one."""
    if asking == performing:
        return True
    ours, theirs = line(asking, institution), line(performing, institution)
    if set(ours) & set(theirs):
        return True
    other = institution(performing)
    return len(ours) <= 1 and len(theirs) <= 1 and not other.level and not other.place


def levels_allow(asking: str, performing: str) -> bool:
    """Grade 2A and above recognise each other; 2B and below recognise each other and all above."""
    mine, theirs = _ORDER.get(asking, 0), _ORDER.get(performing, 0)
    return mine < _GRADE_2A or theirs >= _GRADE_2A


def _assessed(details: tuple[Detail, ...], performed_us: int) -> bool:
    return any(
        detail.assessment_passed
        and (detail.assessed_from_us is None or detail.assessed_from_us <= performed_us)
        and (detail.assessed_to_us is None or performed_us <= detail.assessed_to_us)
        and (detail.assessed_from_us is not None or detail.assessed_to_us is not None)
        for detail in details
    )


def refusal(
    asking: str, performing: str, details: tuple[Detail, ...], performed_us: int, laboratory: bool, institution: Lookup
) -> str:
    """Why a result is not recognised, empty if it is: ``no-mark``, ``scope``, ``level`` or ``quality-assessment``.
    ``performing`` is empty where a platform of this district names nobody."""
    if not performing or same_consortium(asking, performing, institution):
        return ""
    marked = next((detail for detail in details if detail.mark), None)
    if marked is None:
        return "no-mark"
    other = institution(performing)
    if other.place not in _REACH.get(marked.mark_scope, ()):
        return "scope"
    if not levels_allow(institution(asking).level, other.level):
        return "level"
    if laboratory and not _assessed(details, performed_us):
        return "quality-assessment"
    return ""
