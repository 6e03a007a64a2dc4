"""The query string of a search transaction (PS3.18 8.3.4, 10.6.1)."""

import re
from dataclasses import dataclass, field
from typing import Any

from hub.contracts.errors import Incorrect

from ..data_dictionary import representation_of, tag_of
from ..study_index.keys import KEYS, Level, key_of
from ..study_index.match import Condition, condition, malformed

MOST_RESULTS = 5000
"""Of one answer; more are announced by a Warning header and fetched by offset."""
MOST_INCLUDED = 200
"""The same where attributes beyond the index are asked for: each result then needs its instance's description."""
_DEEPEST = 4
"""Steps of a path into sequences."""
_FLAGS = {"true": True, "false": False}
_NOT_OURS = frozenset({"accept", "charset"})


@dataclass(slots=True)
class SearchRequest:
    """``beyond`` are keys that no index column answers, in the DICOM JSON Model. ``include`` are tags to return beyond
    the usual ones, ``include_all`` everything there is of the level."""

    conditions: list[tuple[Level, Condition]] = field(default_factory=list)
    beyond: dict[str, Any] = field(default_factory=dict)
    include: list[int] = field(default_factory=list)
    include_all: bool = False
    limit: int | None = None
    offset: int = 0
    fuzzy: bool = False

    @property
    def extended(self) -> bool:
        return self.include_all or bool(self.include) or bool(self.beyond)

    @property
    def most(self) -> int:
        """Results to give at most."""
        cap = MOST_INCLUDED if self.extended else MOST_RESULTS
        return cap if self.limit is None else min(self.limit, cap)


def search_request(level: Level, query: list[tuple[str, str]]) -> SearchRequest:
    """Raises Incorrect (400) naming the parameter that is unknown, malformed, or asked for twice."""
    request, seen = SearchRequest(), dict[str, str]()
    for name, value in query:
        match name:
            case "limit":
                request.limit = _number(name, value)
            case "offset":
                request.offset = _number(name, value)
            case "fuzzymatching":
                if value not in _FLAGS:
                    raise malformed(name, "Give true or false.")
                request.fuzzy = _FLAGS[value]
            case "includefield":
                _include(request, value)
            case _ if name in _NOT_OURS:
                continue
            case _:
                if name in seen:
                    raise malformed(name, "Give it once, with commas between UIDs.")
                seen[name] = value
    for name, value in seen.items():
        _add(request, level, name, value)
    return request


def _add(request: SearchRequest, level: Level, name: str, value: str) -> None:
    path = [tag_of(step) for step in name.split(".")]
    tags = [tag for tag in path if tag is not None]
    if len(tags) < len(path) or len(tags) > _DEEPEST:
        raise Incorrect(
            "A query parameter is no attribute.",
            where=name[:64],
            remedy="Give keywords or tags of eight hexadecimal digits.",
            issue_code="not-supported",
            http_status=400,
        )
    key = key_of(tags[0]) if len(tags) == 1 else None
    if key is None:
        request.include.append(tags[0])  # universal matching asks for the attribute back
        if value.strip():
            request.beyond[f"{tags[0]:08X}"] = _asked(tags, value.strip())
        return
    if level == "study" and key.column == "se.modality":
        key = KEYS[0x00080061]  # Modality asked of studies means Modalities in Study
    found = condition(key, value, name)
    if found is not None:
        request.conditions.append((key.level, found))


def _asked(tags: list[int], value: str) -> dict[str, Any]:
    """A key in the DICOM JSON Model; one of a sequence's item where the path goes on."""
    tag, *inner = tags
    if inner:
        return {"vr": "SQ", "Value": [{f"{inner[0]:08X}": _asked(inner, value)}]}
    representation = representation_of(tag)
    if representation == "SQ":
        where = f"({tag >> 16:04x},{tag & 0xFFFF:04x})"
        raise malformed(where, "Name an attribute of its items: Sequence.Attribute=value.")
    if representation == "PN":
        return {"vr": "PN", "Value": [{"Alphabetic": value}]}
    return {"vr": representation, "Value": re.split(r"[,\\]", value) if representation == "UI" else value.split("\\")}


def _include(request: SearchRequest, value: str) -> None:
    for name in map(str.strip, value.split(",")):
        if name == "all":
            request.include_all = True
        elif name:
            tag = tag_of(name.split(".")[0])
            if tag is None:
                raise malformed("includefield", "Give all, keywords, or tags of eight hexadecimal digits.")
            request.include.append(tag)


def _number(name: str, value: str) -> int:
    if not (value.isascii() and value.isdigit()) or len(value) > 9:
        raise malformed(name, "Give a whole number from 0.")
    return int(value)
