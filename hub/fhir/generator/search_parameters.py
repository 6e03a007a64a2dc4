"""SearchParameter resources (R4 searchparameter-registry.html) as one table of what each resource type can be asked.

``code: [id, kind, paths, targets]``. Ids never change once committed: the store's index rows carry them. The kind of a
reference parameter whose elements are canonical URLs is canonical; targets are those that both the parameter and its
elements allow (``*``: any type). Where a parameter's rows would only repeat another's, ``paths`` says so:
``=subject>Patient`` are the rows of ``subject`` that lead to a Patient, ``=code+component-code`` the rows of both.
"""

from collections.abc import Mapping
from typing import Any

from hub.fhir.generator.definitions import Definitions, Json
from hub.fhir.generator.expressions import paths
from hub.fhir.generator.structures import Leaves

Row = list[Any]
Table = dict[str, dict[str, Row]]

NOT_SUPPORTED = {
    "_text": "full text of narratives is not indexed",
    "_content": "full text of resources is not indexed",
    "_query": "there are no named queries",
    "near": "positions are not indexed",
}
_ENTRY = "resources inside a Bundle are not indexed"
_MOST_TARGETS = 120
_COMPOSITE = "composite parameters are not indexed"


def search_table(
    definitions: Definitions, leaves: Leaves, committed: Mapping[str, Mapping[str, Row]]
) -> dict[str, Any]:
    """``{"parameters": {type: {code: row}}, "unsupported": {type: {code: reason}}}``. ``committed`` is what stood under
    ``parameters`` before, for its ids."""
    found: Table = {name: {} for name in definitions.resource_types}
    unsupported: dict[str, dict[str, str]] = {name: {} for name in definitions.resource_types}
    for parameter in definitions.search_parameters:
        code = parameter["code"]
        for base in parameter["base"]:
            for name in definitions.resource_types if base in {"Resource", "DomainResource"} else [base]:
                if parameter["type"] == "composite":
                    unsupported[name][code] = _COMPOSITE
                elif "entry[0]" in parameter.get("expression", ""):
                    unsupported[name][code] = _ENTRY
                elif code in NOT_SUPPORTED:
                    unsupported[name][code] = NOT_SUPPORTED[code]
                else:
                    found[name][code] = _row(parameter, name, leaves)
    for rows in found.values():
        _share(rows)
    _number(found, committed)
    return {"parameters": _sorted(found), "unsupported": _sorted(unsupported)}


def _row(parameter: Json, resource_type: str, leaves: Leaves) -> Row:
    kind, own_paths = parameter["type"], paths(parameter["expression"], resource_type)
    if kind != "reference":
        return [0, kind, own_paths, []]
    ends = [end for path in own_paths for end in leaves.of(resource_type, path)]
    if {name for name, _ in ends} <= {"canonical", "uri"}:
        kind = "canonical"
    targets = set(parameter.get("target", ()))
    allowed = {target for _, of_element in ends for target in of_element}
    if allowed:
        targets &= allowed
    if all(">" in path for path in own_paths):
        targets &= {path.rpartition(">")[2] for path in own_paths}
    every = len(targets) > _MOST_TARGETS
    return [0, kind, own_paths, "*" if every else sorted(targets)]


def _share(rows: dict[str, Row]) -> None:
    """Replace the paths of parameters whose rows stand under others already."""
    written = {code: (row[1], frozenset(row[2])) for code, row in rows.items() if not code.startswith("_")}
    stored: dict[str, tuple[str, frozenset[str]]] = {}
    for code, own in sorted(written.items()):
        kind, own_paths = own
        unrestricted, _, target = next(iter(own_paths)).partition(">") if len(own_paths) == 1 else ("", "", "")
        wider = _first(written, (kind, frozenset([unrestricted]))) if target else None
        same = _first(stored, own)
        narrower = [
            (other, other_paths)
            for other, (other_kind, other_paths) in sorted(written.items())
            if other_kind == kind and other_paths < own_paths
        ]
        if wider:
            rows[code][2] = f"={wider}>{target}"
        elif same:
            rows[code][2] = f"={same}"
        elif narrower and frozenset().union(*(paths for _, paths in narrower)) == own_paths:
            rows[code][2] = "=" + "+".join(other for other, _ in narrower)
        else:
            stored[code] = own


def _first(table: Mapping[str, tuple[str, frozenset[str]]], wanted: tuple[str, frozenset[str]]) -> str | None:
    return next((code for code, own in sorted(table.items()) if own == wanted), None)


def _number(found: Table, committed: Mapping[str, Mapping[str, Row]]) -> None:
    highest = max((row[0] for rows in committed.values() for row in rows.values()), default=0)
    for name in sorted(found):
        for code in sorted(found[name]):
            known = committed.get(name, {}).get(code)
            if known is None:
                highest += 1
            found[name][code][0] = known[0] if known else highest


def _sorted(table: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {name: dict(sorted(rows.items())) for name, rows in sorted(table.items()) if rows}
