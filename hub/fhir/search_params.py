"""The search parameters of R4 (searchparameter-registry.html), and which of them answer from another's index rows."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import msgspec

from hub.fhir.structures import resource_types, table_bytes

__all__ = ["SearchParam", "compartment_params", "find", "of_type", "primary_date", "unsupported"]


@dataclass(frozen=True, slots=True)
class SearchParam:
    """One search parameter of one resource type.

    ``id`` is stable for ever and names the index rows. ``kind`` is token, reference, date, string, quantity, number or
    uri. ``targets`` are the types a reference may lead to (empty where it is no reference).

    Where the rows stand: under ``stored_as`` (its own id unless another parameter's rows serve), of these only
    references to ``target_restriction`` where that is set; or, where ``union_of`` is set, under each of those ids.
    """

    id: int
    type: str
    code: str
    kind: str
    targets: frozenset[str]
    paths: tuple[str, ...]
    stored_as: int
    target_restriction: frozenset[str] | None = None
    union_of: tuple[int, ...] = ()
    canonical: bool = False
    """A reference parameter whose elements are canonical URLs: its rows stand among the uris."""

    @property
    def stored(self) -> bool:
        """Whether ``extract`` writes rows under this id."""
        return self.stored_as == self.id and not self.union_of and self.code not in NOT_INDEXED


NOT_INDEXED = frozenset({"_id", "_lastUpdated"})
"""Answered from the resource's own columns, not from index rows."""

_PRIMARY_DATES = (
    "authored",
    "authoredon",
    "authored-on",
    "date",
    "started",
    "onset-date",
    "effective-time",
    "effective",
    "whenhandedover",
    "whenprepared",
    "period",
    "collected",
    "created",
    "identified",
    "sent",
    "recorded",
    "start-date",
    "start",
    "occurrence",
    "datetime",
    "datewritten",
    "issued",
    "timestamp",
    "birthdate",
)


class _Table(msgspec.Struct):
    parameters: dict[str, dict[str, tuple[int, str, list[str] | str, list[str] | str]]]
    unsupported: dict[str, dict[str, str]]


@cache
def _table() -> _Table:
    return msgspec.json.decode(table_bytes("search_parameters.json"), type=_Table)


@cache
def of_type(resource_type: str) -> Mapping[str, SearchParam]:
    """Every supported parameter of a type by its code, ``_id`` and ``_lastUpdated`` included."""
    rows = _table().parameters.get(resource_type, {})
    return {code: _read(resource_type, code, row, rows) for code, row in rows.items()}


def find(resource_type: str, code: str) -> SearchParam | None:
    """The parameter, or None where R4 has none or it is not supported."""
    return of_type(resource_type).get(code)


def unsupported(resource_type: str) -> Mapping[str, str]:
    """R4 parameters of a type that this hub does not answer, with the reason."""
    return _table().unsupported.get(resource_type, {})


@cache
def primary_date(resource_type: str) -> SearchParam | None:
    """The date parameter whose earliest value is ``IndexRows.sort_date_us``: when what the resource tells happened."""
    params = of_type(resource_type)
    for code in _PRIMARY_DATES:
        if code in params and params[code].kind == "date":
            return params[code]
    return None


@cache
def _compartment() -> dict[str, list[str]]:
    return msgspec.json.decode(table_bytes("patient_compartment.json"), type=dict[str, list[str]])


@cache
def compartment_params(resource_type: str) -> tuple[SearchParam, ...]:
    """The reference parameters by which a resource lies in a Patient's compartment (R4
    compartmentdefinition-patient.html), the one that names the subject first."""
    params = of_type(resource_type)
    return tuple(params[code] for code in _compartment().get(resource_type, ()) if code in params)


def _read(resource_type: str, code: str, row: tuple[int, str, Any, Any], rows: Mapping[str, Any]) -> SearchParam:
    id, kind, paths, targets = row
    own_targets = resource_types() if targets == "*" else frozenset(targets)
    stored_as, restriction, union = id, None, ()
    if isinstance(paths, str):
        other, _, target = paths.removeprefix("=").partition(">")
        if "+" in other:
            union = tuple(rows[name][0] for name in other.split("+"))
        else:
            stored_as = rows[other][0]
            restriction = frozenset([target]) if target else None
        paths = ()
    own_kind = "reference" if kind == "canonical" else kind
    return SearchParam(
        id,
        resource_type,
        code,
        own_kind,
        own_targets,
        tuple(paths),
        stored_as,
        restriction,
        union,
        canonical=kind == "canonical",
    )
