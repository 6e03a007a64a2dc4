"""What a file says of the person, without the placeholders that carts write for nobody."""

import re

from .character_set import repaired
from .recording import PatientFacts

_NOBODY = frozenset((
    "?", "-", "--", "---", "unk", "unknown", "na", "n/a", "nn", "null", "none", "anonymous", "anonymized", "anonymised",
    "anon", "noname", "no-name", "name", "test", "未知", "不详", "无", "匿名", "未命名",
))  # fmt: skip
_SEX = {
    "m": "M", "male": "M", "1": "M", "男": "M", "f": "F", "female": "F", "2": "F", "女": "F",
    "un": "O", "o": "O", "other": "O",
}  # fmt: skip
_NO_BIRTH_DATE = ("1900-01-01", "1899-12-30")
_HAN = re.compile(r"[\u3400-\u9fff\U00020000-\U0003ffff]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")


def patient_facts(
    *, identifier: str = "", name: str = "", family: str = "", given: str = "", birth_date: str = "", sex: str = ""
) -> PatientFacts:
    """Cleaned facts. An identifier of zeros alone, ``Anonymous``, ``?`` and the like name nobody: a Patient made from
    them would gather the tracings of many people. ``name`` is made of the parts where only those are given; one part
    alone (carts put the whole name into the family name) counts as an undivided name."""
    identifier = _clean(identifier)
    if not identifier.strip("0-. ") or _is_nobody(identifier):
        identifier = ""
    family, given = _clean(family), _clean(given)
    name = _clean(name) or _joined(family, given)
    if not given or not family:
        family = given = ""
    if _is_nobody(name) or not name.strip("0-. "):
        name = family = given = ""
    return PatientFacts(
        identifier,
        name,
        family,
        given,
        "" if birth_date in _NO_BIRTH_DATE else birth_date,
        _SEX.get(sex.strip().lower(), ""),
    )


def _clean(text: str) -> str:
    return " ".join(_CONTROL.sub(" ", repaired(text)).split())[:250]


def _joined(family: str, given: str) -> str:
    if _HAN.search(family + given):
        return f"{family}{given}"
    return f"{given} {family}".strip()


def _is_nobody(text: str) -> bool:
    return text.lower() in _NOBODY
