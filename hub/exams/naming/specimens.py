"""The specimen and the method class that a resource states beside its code."""

from collections.abc import Sequence
from functools import cache, lru_cache

import msgspec

from ..examination import Examination
from ..vocabulary import table_rows
from .lexicon import laboratory_lexicon
from .normalise import normalised
from .understanding import Said


@cache
def _codes() -> dict[str, str]:
    return {row["code"]: row["specimen"] for row in table_rows("codes_specimen.csv")}


@lru_cache(maxsize=4096)
def _in_text(text: str, slot: str) -> str:
    for token in laboratory_lexicon().tokens(normalised(text)):
        for name, value in token.meanings:
            if name == slot and value:
                return value
    return ""


def specimen_said(said: Sequence[Said]) -> str:
    """The slug of a specimen type, by code (HL7 v2-0487, SNOMED CT) or by text; empty where nobody knows it."""
    for each in said:
        for _, code, display in each.codings:
            if code in _codes():
                return _codes()[code]
            if display and (found := _in_text(display, "specimen")):
                return found
        if each.text and (found := _in_text(each.text, "specimen")):
            return found
    return ""


def method_said(said: Sequence[Said]) -> str:
    """The method class of an Observation.method; empty where nobody knows it."""
    for each in said:
        for text in (each.text, *(display for _, _, display in each.codings)):
            if text and (found := _in_text(text, "method")):
                return found
    return ""


@lru_cache(maxsize=16384)
def specified(examination: Examination, specimen: str, method: str = "") -> Examination:
    """The examination with what its determinations left open."""
    if not specimen and not method:
        return examination
    determinations = tuple(
        msgspec.structs.replace(each, specimen=each.specimen or specimen, method=each.method or method)
        for each in examination.determinations
    )
    return msgspec.structs.replace(examination, determinations=determinations)
