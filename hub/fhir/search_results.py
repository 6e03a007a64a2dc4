"""Search result parameters (R4 search.html#return): order, page size, totals, what else to include."""

from collections.abc import Callable
from typing import Any

from hub.fhir import search_params, search_values
from hub.fhir.search_query import Include, SearchQuery, SortKey, Total
from hub.fhir.structures import resource_types

DEFAULT_COUNT = 50
MOST_COUNT = 1000
_QUIET = frozenset({"_format", "_pretty"})


class ResultParameters:
    """Takes the result parameters out of a query, one by one."""

    def __init__(self, resource_type: str) -> None:
        self._type = resource_type
        self._sort: tuple[SortKey, ...] = ()
        self._count = DEFAULT_COUNT
        self._summary_count = False
        self._total = Total.NONE
        self._includes: list[Include] = []
        self._revincludes: list[Include] = []
        self._readers: dict[str, Callable[[str], None]] = {
            "_sort": self._read_sort,
            "_count": self._read_count,
            "_summary": self._read_summary,
            "_total": self._read_total,
            "_include": lambda value: self._includes.append(self._include("_include", value)),
            "_revinclude": lambda value: self._revincludes.append(self._include("_revinclude", value)),
        }

    def take(self, name: str, value: str) -> bool:
        """Whether ``name`` is a result parameter; its value is kept."""
        code, _, modifier = name.partition(":")
        if code in _QUIET:
            return True
        reader = self._readers.get(code)
        if reader is None:
            return False
        if modifier:
            raise search_values.unsupported(code, f"modifier :{modifier[:20]}")
        reader(value)
        return True

    def query(self, **found: Any) -> SearchQuery:
        return SearchQuery(
            type=self._type,
            sort=self._sort,
            count=self._count,
            summary_count=self._summary_count or self._count == 0,
            total=self._total,
            includes=tuple(self._includes),
            revincludes=tuple(self._revincludes),
            **found,
        )

    def _read_sort(self, value: str) -> None:
        keys = []
        for part in value.split(","):
            code = part.removeprefix("-")
            param = None
            if code not in {"_id", "_lastUpdated"}:
                param = search_params.find(self._type, code)
                if param is None:
                    raise search_values.bad_value("_sort", "names a parameter that the type does not have")
            keys.append(SortKey(code, part.startswith("-"), param))
        self._sort = tuple(keys)

    def _read_count(self, value: str) -> None:
        if not value.isascii() or not value.isdigit() or len(value) > 9:
            raise search_values.bad_value("_count", "is not a whole number")
        self._count = min(int(value), MOST_COUNT)

    def _read_summary(self, value: str) -> None:
        if value not in {"count", "false"}:
            if value in {"true", "text", "data"}:
                raise search_values.unsupported("_summary", f"value {value}")
            raise search_values.bad_value("_summary", "is not one of count, false")
        self._summary_count = value == "count"

    def _read_total(self, value: str) -> None:
        if value not in set(Total):
            raise search_values.bad_value("_total", "is not one of none, estimate, accurate")
        self._total = Total(value)

    def _include(self, name: str, value: str) -> Include:
        parts = value.split(":")
        if "*" in parts:
            raise search_values.unsupported(name, "value *")
        if len(parts) not in {2, 3} or not set(parts[:1] + parts[2:]) <= resource_types():
            raise search_values.bad_value(name, "is not written Type:parameter or Type:parameter:Target")
        param = search_params.find(parts[0], parts[1])
        if param is None or param.kind != "reference":
            raise search_values.bad_value(name, "names no reference parameter of its type")
        target = parts[2] if len(parts) == 3 else None
        if name == "_include" and parts[0] != self._type:
            raise search_values.bad_value(name, "must start with the type that is searched")
        if name == "_revinclude" and target not in {None, self._type}:
            raise search_values.bad_value(name, "must lead to the type that is searched")
        if (target or self._type) not in param.targets and (target or name == "_revinclude"):
            raise search_values.bad_value(name, "names a target that the parameter does not lead to")
        return Include(param, target if name == "_include" else self._type)
