"""What an Observation says besides its value: laboratory or not, abnormal, or no result at all."""

import re
from collections.abc import Iterable
from typing import Any

from ..rules import rules
from .fhir_reading import codes, concepts, name_of, part, parts, text

_NOT_LABORATORY = frozenset({"vital-signs", "survey", "social-history", "exam", "therapy", "activity", "imaging"})
_SPAN = re.compile(r"\(?(\d+(?:\.\d+)?)\s*[-~–—～]+\s*(\d+(?:\.\d+)?)\)?[^\d]*")
"""A reference range in words: 3.5-5.3 mmol/L."""
_NORMAL = frozenset({"N", "NEG", "ND", "NR", "S", "WR"})


def is_laboratory(observation: Any) -> bool:
    """Unless its category says that it is something else: many senders give none."""
    said = codes(observation, "category")
    return "laboratory" in said or not said & _NOT_LABORATORY


def is_rejected(texts: Iterable[str]) -> bool:
    """Whether a text says that the specimen could not be used."""
    plain = [text.upper().replace("样本", "标本").replace("样品", "标本") for text in texts if text]
    return any(word in each for each in plain for word in rules()["rejected_words"])


def _number(quantity: Any) -> float | None:
    try:
        return float(part(quantity, "value"))
    except (TypeError, ValueError):
        return None


def is_abnormal(observation: Any) -> bool:
    """By its interpretation, else by its reference range (clarification 25)."""
    said = codes(observation, "interpretation") - {""}
    if said:
        return any(code.upper() not in _NORMAL for code in said)
    worded = [name_of(each) for each in concepts(observation, "interpretation")]
    if any(word in each for each in worded for word in rules()["abnormal_words"]):
        return True
    value = _number(part(observation, "valueQuantity"))
    if value is None:
        return False
    for span in parts(observation, "referenceRange"):
        if text(part(span, "appliesTo"), "text"):
            continue
        low, high = _number(part(span, "low")), _number(part(span, "high"))
        if low is None and high is None and (worded_span := _SPAN.fullmatch(text(span, "text").strip())):
            low, high = float(worded_span[1]), float(worded_span[2])
        if (low is not None and value < low) or (high is not None and value > high):
            return True
    return False
