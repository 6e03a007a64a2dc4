"""A recommended follow-up as a report's conclusion words it (建议3个月后复查)."""

import re
import unicodedata

_UNIT_DAYS = {"天": 1.0, "日": 1.0, "周": 7.0, "星期": 7.0, "个月": 30.0, "月": 30.0, "年": 365.0, "个半月": 45.0}
_NUMERALS = {
    "半": 0.5,
    "一": 1,
    "二": 2,
    "两": 2,
    "三": 3,
    "四": 4,
    "五": 5,
    "六": 6,
    "七": 7,
    "八": 8,
    "九": 9,
    "十": 10,
    "十二": 12,
}
_NUMBER = r"(\d+(?:\.\d+)?|十二|[一二两三四五六七八九十半])"
_UNIT = r"(个半月|个月|星期|月|周|天|日|年)"
_RECHECK = r"(?:复查|随访|随诊|复检|复诊|再查|复审)"
_LATER = re.compile(
    rf"{_NUMBER}\s*(?:-|~|至|到)?\s*(?:\d+)?\s*{_UNIT}\s*(?:之?后|左右)?[^,。;,；，\n]{{0,10}}?{_RECHECK}"
)
_WITHIN = re.compile(
    rf"{_RECHECK}[^,。;,；，\n]{{0,6}}?[((]?\s*{_NUMBER}\s*(?:-|~|至|到)?\s*(?:\d+)?\s*{_UNIT}\s*(?:之?后|左右)?"
)


def _days(number: str, unit: str) -> float:
    count = _NUMERALS[number] if number in _NUMERALS else float(number)
    return count * _UNIT_DAYS[unit]


def recommended_days(conclusion: str) -> float | None:
    """Days from the examination to the recommended one; the shorter bound of a range; None where none is worded."""
    plain = unicodedata.normalize("NFKC", conclusion)
    if "复" not in plain and "随" not in plain and "再查" not in plain:
        return None
    found = _LATER.search(plain) or _WITHIN.search(plain)
    return _days(found[1], found[2]) if found else None
