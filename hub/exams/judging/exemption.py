"""Why a repeat may be right: reasons stated on the order, and what follows from the patient and the prior.

Terms and effects stand in ``tables/exemptions.csv``. ``silence`` takes the card away, ``lower`` makes it informative,
``due`` depends on whether a recommended follow-up is due.
"""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

from ..naming.understanding import Said
from ..vocabulary import table_rows


class Effect(StrEnum):
    SILENCE = "silence"
    LOWER = "lower"
    DUE = "due"


@dataclass(frozen=True, slots=True)
class Reason:
    code: str
    zh: str
    effect: Effect
    national: bool
    items: frozenset[str]
    words: tuple[str, ...]


@cache
def reasons() -> dict[str, Reason]:
    return {
        row["code"]: Reason(
            code=row["code"],
            zh=row["zh"],
            effect=Effect(row["effect"]),
            national=row["national"] == "yes",
            items=frozenset(filter(None, row["items"].split(";"))),
            words=tuple(filter(None, row["words"].split(";"))),
        )
        for row in table_rows("exemptions.csv")
    }


_NEGATED = re.compile(r"(?:无|未|否认|非|不是|没有)[^,。;,；，]{0,2}$")


def _says(text: str, word: str) -> bool:
    at = text.find(word)
    return at >= 0 and not _NEGATED.search(text[:at])


def stated(said: Iterable[Said], items: Iterable[str]) -> tuple[Reason, ...]:
    """The reasons that the order states, by code or by text; reasons bound to items only where one of them is asked."""
    texts: list[str] = []
    codes: set[str] = set()
    for each in said:
        texts += [
            unicodedata.normalize("NFKC", text).upper()
            for text in (each.text, *(d for _, _, d in each.codings))
            if text
        ]
        codes |= {code for _, code, _ in each.codings}
    asked = frozenset(items)
    return tuple(
        reason
        for reason in reasons().values()
        if (not reason.items or reason.items & asked)
        and (reason.code in codes or any(_says(text, word) for text in texts for word in reason.words))
    )
