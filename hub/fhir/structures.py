"""The structure table (R4 StructureDefinitions) read back: which elements a type has, lazily and line by line."""

import re
from functools import cache
from importlib.resources import files
from typing import NamedTuple

import msgspec

from hub.fhir.primitives import PRIMITIVES, SYSTEM_TYPES

_TYPE = re.compile(r"([\w.]+)(?:\(([^)]*)\))?")


class ElementType(NamedTuple):
    """One type an element may have; ``detail`` is the value set key of a code, or the targets of a Reference."""

    name: str
    detail: tuple[str, ...] = ()

    @property
    def primitive(self) -> bool:
        return self.name in PRIMITIVES

    @property
    def system(self) -> bool:
        return self.name in SYSTEM_TYPES


class Element(NamedTuple):
    """One element of a structure. ``name`` is without ``[x]``; a choice has several ``types`` and ``choice`` set."""

    name: str
    minimum: int
    many: bool
    choice: bool
    types: tuple[ElementType, ...]

    def json_name(self, element_type: ElementType) -> str:
        if not self.choice:
            return self.name
        return self.name + element_type.name[0].upper() + element_type.name[1:]


class _Table(msgspec.Struct):
    types: dict[str, list[str]]
    resources: dict[str, list[str]]


@cache
def _table() -> _Table:
    return msgspec.json.decode(table_bytes("structures.json"), type=_Table)


def table_bytes(name: str) -> bytes:
    """A file of ``hub/fhir/tables``."""
    return files("hub.fhir").joinpath("tables", name).read_bytes()


@cache
def resource_types() -> frozenset[str]:
    return frozenset(name for name in _table().resources if "." not in name)


def data_types() -> tuple[str, ...]:
    """Complex data types and their nested elements."""
    return tuple(_table().types)


def parts_of(resource_type: str) -> tuple[str, ...]:
    """A resource type's nested elements, as paths (``Observation.component``), and the type itself last."""
    resources = _table().resources
    nested = [name for name in resources if name.startswith(resource_type + ".")]
    return (*sorted(nested, reverse=True), resource_type)


@cache
def elements(path: str) -> tuple[Element, ...]:
    """The elements of a type or nested element. Raises KeyError where there is none."""
    table = _table()
    lines = table.types.get(path) or table.resources[path]
    return tuple(_read(line) for line in lines)


def _read(line: str) -> Element:
    name, cardinality, types = line.split(" ")
    minimum, _, maximum = cardinality.partition("..")
    choice = name.endswith("[x]")
    return Element(
        name.removesuffix("[x]"),
        int(minimum),
        maximum != "1",
        choice,
        tuple(ElementType(match[1], tuple(match[2].split(",")) if match[2] else ()) for match in _TYPE.finditer(types)),
    )


@cache
def value_sets() -> dict[str, dict[str, list[str]]]:
    """``{key: {system: codes}}`` of required bindings."""
    return msgspec.json.decode(table_bytes("value_sets.json"), type=dict[str, dict[str, list[str]]])
