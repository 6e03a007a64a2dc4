"""From an identifier to a query (PS3.4 C.4.1.2, C.6.1, C.6.2): level, unique keys, conditions, what is asked back."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hub.contracts.errors import Incorrect

from ..data_set_bytes import person_name
from ..study_index.keys import Level, key_of
from ..study_index.match import Condition, condition
from .identifier import Identifier, where
from .matching import is_universal

QUERY_LEVEL = "00080052"
PATIENT_ID, STUDY, SERIES, INSTANCE = "00100020", "0020000D", "0020000E", "00080018"
_NOT_KEYS = frozenset({QUERY_LEVEL, "00080005", "00080054", "00080056", "00080201"})
_MODALITY, _MODALITIES_IN_STUDY = "00080060", "00080061"
_UNIQUE = {"PATIENT": PATIENT_ID, "STUDY": STUDY, "SERIES": SERIES, "IMAGE": INSTANCE}
_LEVELS: dict[str, Level] = {"PATIENT": "study", "STUDY": "study", "SERIES": "series", "IMAGE": "instance"}


@dataclass(slots=True)
class FindQuery:
    """``level`` is the Query/Retrieve Level. ``beyond`` are keys with a value that no index column answers;
    ``returned`` every attribute asked back, by tag in the JSON Model."""

    level: str
    conditions: list[tuple[Level, Condition]] = field(default_factory=list)
    beyond: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    returned: dict[str, str] = field(default_factory=dict)

    @property
    def index_level(self) -> Level:
        return _LEVELS[self.level]


def levels(patient_root: bool) -> tuple[str, ...]:
    return ("PATIENT", "STUDY", "SERIES", "IMAGE") if patient_root else ("STUDY", "SERIES", "IMAGE")


def level_of(identifier: Identifier, *, patient_root: bool) -> str:
    """Raises Incorrect where there is none that this information model has."""
    level = identifier.text(QUERY_LEVEL).strip()
    if level not in levels(patient_root):
        raise Incorrect(
            "There is no such Query/Retrieve Level here.",
            where=where(QUERY_LEVEL),
            remedy=f"Send one of {', '.join(levels(patient_root))}.",
            issue_code="value",
        )
    return level


def read_query(identifier: Identifier, *, patient_root: bool, relational: bool = False) -> FindQuery:
    """Raises Incorrect naming the attribute that is missing or malformed."""
    level = level_of(identifier, patient_root=patient_root)
    query = FindQuery(level)
    if not relational:
        check_unique_keys(identifier, level, patient_root=patient_root)
    for name, attribute in identifier.attributes.items():
        if name == QUERY_LEVEL:
            continue
        query.returned[name] = attribute["vr"]
        if name in _NOT_KEYS or is_universal(attribute):
            continue
        key = key_of(int(_MODALITIES_IN_STUDY if name == _MODALITY and level in ("PATIENT", "STUDY") else name, 16))
        if key is not None:
            found = condition(key, key_text(attribute), where(name))
            if found is not None:
                query.conditions.append((key.level, found))
        elif not _is_count(name):
            query.beyond[name] = attribute
    return query


def check_unique_keys(identifier: Identifier, level: str, *, patient_root: bool) -> None:
    """Hierarchical search: one value for the unique key of every level above (PS3.4 C.4.1.2.1)."""
    above = levels(patient_root)
    for upper in above[: above.index(level)]:
        name = _UNIQUE[upper]
        attribute = identifier.attributes.get(name)
        if attribute is None or is_universal(attribute) or _is_pattern(key_text(attribute)):
            raise Incorrect(
                f"The unique key of level {upper} is missing.",
                where=where(name),
                remedy="Send one value for the unique key of every level above.",
                issue_code="required",
            )


def key_text(attribute: Mapping[str, Any]) -> str:
    """The value of a key as one text, values between backslashes."""
    return "\\".join(person_name(value) for value in attribute.get("Value", ()))


def _is_pattern(text: str) -> bool:
    return "*" in text or "?" in text


def _is_count(name: str) -> bool:
    return name.startswith("002012") and name[-2:] in ("00", "02", "04", "06", "08", "09")
