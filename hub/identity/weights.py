"""Weights of evidence after Fellegi and Sunter: for each field and level ``m``, how often records of one person show
it, and ``u``, how often records of two people do. Its weight is log2(m/u) bits.

They are data with a version, which stands in every link and review that used them. Equal names weigh by how common they
are: a surname's share times how often two people of one surname share the given name.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib import resources
from typing import Any

from .chinese import HAN

_COMPOUND = frozenset(
    ("欧阳", "上官", "司马", "诸葛", "夏侯", "皇甫", "尉迟", "公孙", "慕容", "令狐", "司徒", "端木", "东方", "独孤",
     "南宫", "长孙", "宇文", "闻人", "百里")
)  # fmt: skip
_LONGEST_HAN = 4
"""Code points of a Han name; longer ones are transliterated."""


@dataclass(frozen=True)
class Weights:
    """``table`` is the file as it stands; two of the same ``version`` are equal."""

    table: Mapping[str, Any]

    @property
    def version(self) -> str:
        return str(self.table["version"])

    @cached_property
    def link_bits(self) -> float:
        return float(self.table["link_bits"])

    @cached_property
    def lead_bits(self) -> float:
        return float(self.table["lead_bits"])

    @cached_property
    def review_bits(self) -> float:
        return float(self.table["review_bits"])

    @cached_property
    def bits(self) -> Mapping[tuple[str, str], float]:
        """By field and level; name levels whose ``u`` depends on the name are left out."""
        found = {
            (field, level): math.log2(m / u)
            for field, levels in self.table["fields"].items()
            for level, (m, u) in levels.items()
            if u is not None
        }
        return found | {("number", level): float(bits) for level, bits in self.table["mistyped_bits"].items()}

    def name_bits(self, level: str, form: str) -> float:
        """Bits of a name that agrees, ``level`` being ``same`` or ``sound``."""
        names = self.table["names"]
        m = float(self.table["fields"]["name"][level][0])
        share = _share(self, form) * (1.0 if level == "same" else float(names["sound_spread"]))
        return min(math.log2(m / share), float(names["most_bits"]))

    def __hash__(self) -> int:
        return hash(self.version)


@lru_cache(maxsize=65_536)
def _share(weights: Weights, form: str) -> float:
    """How often two people share this name."""
    names = weights.table["names"]
    if not HAN.search(form):
        return float(names["latin"])
    if len(form) > _LONGEST_HAN:
        return float(names["transliterated"])
    surname = surname_of(form)
    given = names["given_one"] if len(form) - len(surname) == 1 else names["given_more"]
    return float(names["surnames"].get(surname, names["other_surname"]) * given)


def surname_of(form: str) -> str:
    """The first character of a Han name, or the first two where they are a compound surname."""
    return form[:2] if form[:2] in _COMPOUND and len(form) > 2 else form[:1]


def built_in() -> Weights:
    """The table this release brings."""
    text = resources.files("hub.identity").joinpath("reference", "weights.json").read_text(encoding="utf-8")
    return Weights(json.loads(text))
