"""C8 and C9: whether a determination that was done answers one that is asked for."""

from ..examination import Determination
from ..naming.laboratory_name import BLOOD
from ..rules import incompatible_methods, rules
from ..vocabulary import analytes

NOT, POSSIBLY, FULLY = 0, 1, 3
_FASTING = "fasting"
_SPECIFIC_TIMES = frozenset({"fasting", "2h-postprandial", "24h", "series"})


def specimen_of(determination: Determination) -> str:
    """The specimen said, else the usual one of the analyte; empty where there is no usual one."""
    return determination.specimen or analytes()[determination.analyte].specimen


def _same_specimen(asked: Determination, done: Determination) -> bool:
    wanted, given = specimen_of(asked), specimen_of(done)
    if not wanted or not given or wanted == given:
        return True
    said = asked.specimen and done.specimen
    return not said and {wanted, given} <= BLOOD


def _time(asked: str, done: str) -> int:
    """Unsaid against fasting (or another stated time) is unknown; two different stated times never answer."""
    if asked == done:
        return FULLY
    if asked and done:
        return NOT
    return POSSIBLY if (asked or done) in _SPECIFIC_TIMES else FULLY


def determination_answers(asked: Determination, done: Determination) -> tuple[int, bool]:
    """NOT, POSSIBLY or FULLY, and whether the method class decided."""
    same = asked.analyte == done.analyte
    if not same and analytes()[asked.analyte].related != done.analyte:
        return NOT, False
    if asked.analyte in rules()["never_duplicate_analytes"] or not _same_specimen(asked, done):
        return NOT, False
    reached = _time(asked.time_aspect, done.time_aspect)
    if reached == NOT:
        return NOT, False
    by_method = not same or (
        bool(asked.method and done.method) and frozenset({asked.method, done.method}) in incompatible_methods()
    )
    return (min(reached, POSSIBLY), True) if by_method else (reached, False)
