"""How much two records' evidence speaks for one person, in bits, field by field. Pure and symmetrical."""

from dataclasses import dataclass

from .contacts import is_house
from .documents import is_near
from .evidence import Evidence
from .names import Grade, alike
from .weights import Weights

FieldBits = tuple[str, str, float]
"""Field, level, bits: as it is shown to who decides."""

_LEVELS = {Grade.SAME: "same", Grade.SOUND: "sound", Grade.REORDERED: "reordered", Grade.CLOSE: "close",
           Grade.OTHER: "other"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Score:
    """``twins``: a shared telephone or house with one birth date and another name, which therefore counts nothing.
    ``against``: some field speaks for two people."""

    bits: float
    grade: Grade
    fields: tuple[FieldBits, ...]
    twins: bool = False

    @property
    def against(self) -> bool:
        return any(level in ("other", "far") and field in ("born", "sex", "name") for field, level, _ in self.fields)

    @property
    def corroborated_bits(self) -> float:
        """What remains without the likeness of a mistyped number, which never decides."""
        return self.bits - sum(max(bits, 0.0) for field, _, bits in self.fields if field == "number")


def score(one: Evidence, other: Evidence, weights: Weights) -> Score:
    """The checked number itself is a rule, not a weight (``judging``); what it says of birth and sex stands in the
    evidence."""
    grade = alike(one.names, other.names)
    found: list[FieldBits] = []

    def add(field: str, level: str) -> None:
        found.append((field, level, weights.bits[field, level]))

    if grade is not Grade.ABSENT:
        level = _LEVELS[grade]
        if grade >= Grade.SOUND:
            bits = min(weights.name_bits(level, names[0].form) for names in (one.names, other.names))
            found.append(("name", level, bits))
        else:
            add("name", level)
    born = _born(one.known_born, other.known_born)
    if born is not None:
        add("born", born)
    if one.known_sex is not None and other.known_sex is not None:
        add("sex", "same" if one.known_sex == other.known_sex else "other")
    phone, place = _phone(one, other), _place(one, other)
    twins = born == "same" and grade < Grade.SAME and (phone == "same" or place in ("house", "village"))
    if twins:
        found.extend((field, "shared", 0.0) for field, level in (("phone", phone), ("address", place)) if level)
    else:
        if phone is not None:
            add("phone", phone)
        if place is not None:
            add("address", place)
    document = _document(one, other)
    if document is not None:
        add("document", document)
    number = _mistyped(one, other)
    if number is not None:
        add("number", number)
    return Score(sum(bits for _, _, bits in found), grade, tuple(found), twins)


def _born(one: str | None, other: str | None) -> str | None:
    if one is None or other is None:
        return None
    if len(one) != len(other) or len(one) < 10:
        return "part" if one.startswith(other) or other.startswith(one) else "other"
    if one == other:
        return "same"
    equal = (one[:4] == other[:4]) + (one[5:7] == other[5:7]) + (one[8:] == other[8:])
    swapped = one[:4] == other[:4] and one[5:7] == other[8:] and one[8:] == other[5:7]
    return "near" if equal == 2 or swapped else "other"


def _phone(one: Evidence, other: Evidence) -> str | None:
    if not one.phones or not other.phones:
        return None
    return "other" if set(one.phones).isdisjoint(other.phones) else "same"


def _place(one: Evidence, other: Evidence) -> str | None:
    if not one.addresses or not other.addresses:
        return None
    shared = set(one.addresses).intersection(other.addresses)
    if not shared:
        return "other"
    return "house" if any(map(is_house, shared)) else "village"


def _document(one: Evidence, other: Evidence) -> str | None:
    """Documents of one kind: a passport says nothing about a health card."""
    if not one.documents or not other.documents:
        return None
    if not set(one.documents).isdisjoint(other.documents):
        return "same"
    kinds = {text.partition("|")[0] for text in one.documents}
    return "other" if any(text.partition("|")[0] in kinds for text in other.documents) else None


def _mistyped(one: Evidence, other: Evidence) -> str | None:
    for wrong, right in ((one, other), (other, one)):
        if wrong.mistyped is not None and right.number is not None:
            return "near" if is_near(wrong.mistyped, right.number) else "far"
    if one.mistyped is not None and one.mistyped == other.mistyped:
        return "near"
    return None
