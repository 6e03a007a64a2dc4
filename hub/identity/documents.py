"""What the identifiers of a Patient say of who it is: checked numbers, mistyped ones, and other documents.

Checked are numbers of 18 characters with a right check character: the resident identity number, the foreigner's
permanent residence number since 2023 (beginning with 9), residence permits of Hong Kong, Macao and Taiwan (81, 82, 83).
Other documents have no check character, so they are evidence and never a rule: the foreigner's card until 2023 (three
letters, twelve digits), travel permits, passports, health cards and insurance numbers. What a clinic calls its own
(PI, MR …) says nothing elsewhere.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from hub.contracts import resident_id
from hub.contracts.codes import RESIDENT_ID

HEALTH_CARD = "urn:oid:2.16.156.10011.1.19"
"""Resident health card (居民健康卡), WS/T 500 header."""

_RESIDENT_TYPES = frozenset({"NNCHN", "NNCN"})
_KINDS = {
    "PPN": "passport", "PRC": "permanent-residence", "HC": "health-card", "SS": "insurance", "MA": "insurance",
    "MB": "insurance", "MC": "insurance", "NH": "insurance",
}  # fmt: skip
"""By the code of Identifier.type (v2-0203)."""
_KINDS_BY_TEXT = (
    ("护照", "passport"), ("永久居留", "permanent-residence"), ("通行证", "travel-permit"), ("回乡证", "travel-permit"),
    ("台胞证", "travel-permit"), ("健康卡", "health-card"), ("医保", "insurance"), ("医疗保险", "insurance"),
    ("社保", "insurance"), ("社会保障", "insurance"),
)  # fmt: skip
_PASSPORT_SYSTEM = "http://hl7.org/fhir/sid/passport-"

_FOREIGNER = re.compile(r"[A-Z]{3}[0-9]{12}")
_HONG_KONG_MACAO = re.compile(r"[HM][0-9]{8}(?:[0-9]{2})?")
_RESIDENT_SHAPE = re.compile(r"[0-9][0-9A-Z]{13,18}")
_BARE = re.compile(r"[^0-9A-Z]")


@dataclass(frozen=True, slots=True)
class Stated:
    """``numbers``: checked ones, sorted; ``mistyped``: what was meant as one; ``documents``: ``kind|value``, sorted."""

    numbers: tuple[str, ...] = ()
    mistyped: tuple[str, ...] = ()
    documents: tuple[str, ...] = ()


def stated(identifiers: Iterable[Mapping[str, Any]]) -> Stated:
    """Identifiers marked ``old`` do not speak; a period ends a card, not the number on it."""
    numbers, mistyped, documents = set(), set(), set()
    for identifier in identifiers:
        value = bare(str(identifier.get("value") or ""))
        if not value or identifier.get("use") == "old":
            continue
        if _is_resident(identifier):
            number = resident_id.parse(value)
            if number is not None:
                numbers.add(number.value)
            elif kind := _by_shape(value):
                documents.add(f"{kind[0]}|{kind[1]}")
            elif _RESIDENT_SHAPE.fullmatch(value) and len(set(value)) > 2:
                mistyped.add(value)
            continue
        kind_of = _kind(identifier)
        number = resident_id.parse(value) if kind_of == "permanent-residence" or _is_permit(kind_of, value) else None
        if number is not None:
            numbers.add(number.value)
        elif kind_of is not None and len(value) >= 5 and len(set(value)) > 2:
            documents.add("|".join(_by_shape(value) or (kind_of, value)))
    return Stated(tuple(sorted(numbers)), tuple(sorted(mistyped)), tuple(sorted(documents)))


def bare(value: str) -> str:
    """Letters and digits of a number, in half-width capitals."""
    return _BARE.sub("", unicodedata.normalize("NFKC", value).upper())


def corrections(mistyped: str) -> frozenset[str]:
    """Every checked number that one wrong, missing, superfluous or swapped character away was meant by ``mistyped``."""
    return frozenset(number.value for text in _edited(mistyped) if (number := resident_id.parse(text)) is not None)


def is_near(mistyped: str, number: str) -> bool:
    """Whether ``number`` is one of the ``corrections`` of ``mistyped``."""
    if len(mistyped) == len(number):
        places = [place for place in range(len(number)) if mistyped[place] != number[place]]
        if len(places) == 2 and places[0] + 1 == places[1]:
            first, second = places
            return mistyped[first] == number[second] and mistyped[second] == number[first]
        return len(places) <= 1
    longer, shorter = (mistyped, number) if len(mistyped) > len(number) else (number, mistyped)
    if len(longer) - len(shorter) != 1:
        return False
    place = next((place for place, character in enumerate(shorter) if character != longer[place]), len(shorter))
    return longer[place + 1 :] == shorter[place:]


def _edited(text: str) -> Iterator[str]:
    characters = "0123456789X"
    places = range(len(text))
    if len(text) == 18:
        for place in places:
            for character in characters if place == 17 else characters[:10]:
                yield text[:place] + character + text[place + 1 :]
        for place in range(17):
            yield text[:place] + text[place + 1] + text[place] + text[place + 2 :]
    elif len(text) == 17:
        for place in range(18):
            for character in characters if place == 17 else characters[:10]:
                yield text[:place] + character + text[place:]
    elif len(text) == 19:
        for place in places:
            yield text[:place] + text[place + 1 :]


def _is_resident(identifier: Mapping[str, Any]) -> bool:
    return identifier.get("system") == RESIDENT_ID or any(
        coding.get("code") in _RESIDENT_TYPES for coding in (identifier.get("type") or {}).get("coding") or ()
    )


def _is_permit(kind: str | None, value: str) -> bool:
    return kind == "travel-permit" and value[:2] in ("81", "82", "83") and len(value) == 18


def _kind(identifier: Mapping[str, Any]) -> str | None:
    system = str(identifier.get("system") or "")
    if system == HEALTH_CARD:
        return "health-card"
    if system.startswith(_PASSPORT_SYSTEM):
        return "passport"
    concept = identifier.get("type") or {}
    texts = [concept.get("text") or ""]
    for coding in concept.get("coding") or ():
        if coding.get("code") in _KINDS:
            return _KINDS[coding["code"]]
        texts.append(coding.get("display") or "")
    return next((kind for word, kind in _KINDS_BY_TEXT if any(word in text for text in texts)), None)


def _by_shape(value: str) -> tuple[str, str] | None:
    """Kind and value of what can be told by its looks. The last two digits of a Hong Kong or Macao permit count how
    often it was issued."""
    if _FOREIGNER.fullmatch(value):
        return "permanent-residence", value
    if _HONG_KONG_MACAO.fullmatch(value):
        return "travel-permit", value[:9]
    return None
