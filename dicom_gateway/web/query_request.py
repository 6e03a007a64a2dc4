"""The query string of a search transaction (PS3.18 8.3.4, 10.6.1)."""

from dataclasses import dataclass, field

from hub.contracts.errors import Incorrect

from ..data_dictionary import tag_of
from ..study_index.keys import KEYS, Level
from ..study_index.match import Condition, condition, malformed

MOST_RESULTS = 5000
"""Of one answer; more are announced by a Warning header and fetched by offset."""
MOST_INCLUDED = 200
"""The same where attributes beyond the index are asked for: each result then needs its instance's description."""
_FLAGS = {"true": True, "false": False}
_NOT_OURS = frozenset({"accept", "charset"})


@dataclass(slots=True)
class SearchRequest:
    """``include`` are tags to return beyond the usual ones, ``include_all`` everything there is of the level."""

    conditions: list[tuple[Level, Condition]] = field(default_factory=list)
    include: list[int] = field(default_factory=list)
    include_all: bool = False
    limit: int | None = None
    offset: int = 0
    fuzzy: bool = False

    @property
    def extended(self) -> bool:
        return self.include_all or bool(self.include)

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
    tag = tag_of(name)
    if tag is None:
        raise Incorrect(
            "A query parameter is no attribute.",
            where=name[:64],
            remedy="Give keywords or tags of eight hexadecimal digits.",
            issue_code="not-supported",
            http_status=400,
        )
    key = KEYS.get(tag)
    if key is None:
        if not value.strip():
            request.include.append(tag)  # universal matching asks for the attribute back
            return
        raise Incorrect(
            "This attribute cannot be searched by.",
            where=name[:64],
            remedy="See the conformance statement for the attributes that can.",
            issue_code="not-supported",
            http_status=400,
        )
    if level == "study" and key.column == "se.modality":
        key = KEYS[0x00080061]  # Modality asked of studies means Modalities in Study
    found = condition(key, value, name)
    if found is not None:
        request.conditions.append((key.level, found))


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
