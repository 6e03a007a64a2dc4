"""One key and the value asked for as an SQL condition (PS3.4 C.2.2.2: single value, list of UID, wildcard, range)."""

import re

from hub.contracts.errors import Incorrect

from .. import uids
from ..person_name import SEPARATOR, normalised
from .keys import Key, Matching

Condition = tuple[str, list[object]]

_DATE = re.compile(r"\d{8}\Z")
_TIME = re.compile(r"\d{2}(?:\d{2}(?:\d{2}(?:\.\d{1,6})?)?)?\Z")
_MOST_VALUES = 500
_AFTER_ANY_DIGIT = "~"
_AFTER_ANY_CHARACTER = "\U0010ffff"
_PATIENT, _BY_SPELLING = "st.name_key", "st.id IN (SELECT study FROM study_name WHERE"
_WILDCARD = re.compile(r"[*?]")


def condition(key: Key, value: str, name: str) -> Condition | None:
    """None where the value matches everything (universal matching). Raises Incorrect (400) where it is malformed;
    ``name`` is the attribute as the client called it."""
    value = value.strip()
    if not value or set(value) == {"*"}:
        return None
    column = key.column
    match key.matching:
        case Matching.UID:
            return _any_of(column, [_uid(part, name) for part in _values(value, name)])
        case Matching.TEXT:
            return _text(column, value)
        case Matching.CODE:
            parts = _values(value, name)
            if len(parts) == 1:
                return _text(column, parts[0])
            return _any_of(column, parts)
        case Matching.MODALITIES:
            parts = _values(value, name)
            either = " OR ".join([f"instr({column}, ?)"] * len(parts))
            return f"({either})", [f"\\{part}\\" for part in parts]
        case Matching.NAME:
            return _name(column, value)
        case Matching.DATE:
            return _date(column, value, name)
        case Matching.TIME:
            return _time(column, value, name)
        case Matching.NUMBER:
            if not re.fullmatch(r"-?\d{1,12}", value):
                raise malformed(name, "Give a number.")
            return f"{column} = ?", [int(value)]


def malformed(name: str, remedy: str) -> Incorrect:
    return Incorrect("A query parameter is malformed.", where=name, remedy=remedy, issue_code="value", http_status=400)


def _values(value: str, name: str) -> list[str]:
    parts = [part.strip() for part in re.split(r"[,\\]", value) if part.strip()]
    if not parts or len(parts) > _MOST_VALUES:
        raise malformed(name, f"Give between 1 and {_MOST_VALUES} values.")
    return parts


def _uid(text: str, name: str) -> str:
    if not uids.is_uid(text):
        raise malformed(name, "Give one or more UIDs, with commas between them.")
    return text


def _any_of(column: str, values: list[str]) -> Condition:
    if len(values) == 1:
        return f"{column} = ?", [values[0]]
    return f"{column} IN ({', '.join('?' * len(values))})", list(values)


def _text(column: str, value: str) -> Condition:
    beginning = _WILDCARD.split(value, maxsplit=1)[0]
    if beginning == value:
        return f"({column} = ? AND {column} <> '')", [value]  # said for the index that leaves empty ones out
    if not beginning:
        return f"glob_match(?, {column})", [value]
    within = f"{column} <> '' AND {column} >= ? AND {column} < ?"  # a range of the index, where there is one
    bounds: list[object] = [beginning, beginning + _AFTER_ANY_CHARACTER]
    if value == beginning + "*":
        return f"({within})", bounds
    return f"({within} AND glob_match(?, {column}))", [*bounds, value]


def _name(column: str, value: str) -> Condition:
    """Wildcards are tried on those names alone that hold the longest literal part, which needs no call for each row."""
    pattern = normalised(value)
    parts = _WILDCARD.split(pattern)
    if column == _PATIENT and "\\" not in pattern:
        if len(parts) == 1:
            return f"{_BY_SPELLING} spelling = ?)", [pattern]
        if pattern == parts[0] + "*":
            return f"{_BY_SPELLING} spelling >= ? AND spelling < ?)", [parts[0], parts[0] + _AFTER_ANY_CHARACTER]
    if len(parts) == 1:
        return f"instr({column}, ?)", [f"{SEPARATOR}{pattern}{SEPARATOR}"]
    if pattern == parts[0] + "*":
        return f"instr({column}, ?)", [SEPARATOR + parts[0]]
    return f"CASE WHEN instr({column}, ?) THEN key_matches(?, {column}) END", [max(parts, key=len), pattern]


def _date(column: str, value: str, name: str) -> Condition:
    low, dash, high = value.partition("-")
    if not (low or high) or any(part and not _DATE.match(part) for part in (low, high)):
        raise malformed(name, "Give a date as YYYYMMDD or a range as YYYYMMDD-YYYYMMDD.")
    if not dash:
        return f"{column} = ?", [low]
    if not low:
        return f"({column} <> '' AND {column} <= ?)", [high]
    if not high:
        return f"{column} >= ?", [low]
    return f"{column} BETWEEN ? AND ?", [low, high]


def _time(column: str, value: str, name: str) -> Condition:
    low, dash, high = value.partition("-")
    if not (low or high) or any(part and not _TIME.match(part) for part in (low, high)):
        raise malformed(name, "Give a time as HHMMSS or a range as HHMMSS-HHMMSS.")
    if not dash:
        high = low
    conditions, parameters = [f"{column} <> ''"], []
    if low:
        conditions.append(f"{column} >= ?")
        parameters.append(low)
    if high:
        conditions.append(f"{column} <= ?")
        parameters.append(high + _AFTER_ANY_DIGIT)
    return f"({' AND '.join(conditions)})", list[object](parameters)
