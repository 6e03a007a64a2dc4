"""National items of medical service prices (全国医疗服务价格项目规范), where a public price list shows code and name.

A province adds letters or digits after the nine of the national item; they grade the price, not the examination. Most
imaging items name no body region: those tell a modality and leave the rest to the text.
"""

import re
from collections.abc import Mapping
from functools import cache

from hub.contracts.codes import BASE

from ..examination import KIND_OF_MODALITY, Examination, Kind
from ..vocabulary import table_rows
from .name_parser import parse

NATIONAL_PRICE_ITEM = f"{BASE}/CodeSystem/medical-service-price-item"
_ITEM = re.compile(r"\d{9}")
_GRADED = re.compile(r"[1-4]\d{8}[A-Za-z0-9]{0,6}")


def _meaning(row: Mapping[str, str]) -> Examination | None:
    if row["means"]:
        return parse(row["means"]).examination
    modality = row["modality"]
    return Examination(KIND_OF_MODALITY.get(modality, Kind.IMAGING), modality, technique=(row["technique"],))


@cache
def _items() -> Mapping[str, Examination]:
    found = {row["code"]: _meaning(row) for row in table_rows("codes_national.csv")}
    return {code: examination for code, examination in found.items() if examination is not None}


def may_be_price_item(code: str) -> bool:
    """Whether a code that stands without any name, in a system nobody knows, has the form of such an item."""
    return _GRADED.fullmatch(code) is not None


def national_code(code: str) -> Examination | None:
    """What an item says; None for an item that is not in the table."""
    item = _ITEM.match(code)
    return _items().get(item[0]) if item else None
