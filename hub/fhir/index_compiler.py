"""Turns the paths of search parameters into one straight Python function per resource type.

``subject`` of Observation, say, becomes ``v1 = r.subject``, ``if v1 is not UNSET:`` … ``ref((1665, x))``.
The paths come from the committed table alone.
"""

import re
from typing import Any, NamedTuple

from msgspec import UNSET

from hub.fhir import index_rows
from hub.fhir.dates import date_range
from hub.fhir.search_params import NOT_INDEXED, SearchParam, of_type
from hub.fhir.struct_compiler import attribute
from hub.fhir.structures import Element, ElementType, elements, value_sets

_STEP = re.compile(r"(\w+)(?::(\w+)|\[(\w+)=([^\]]*)\]|>(\w+))?")


class Step(NamedTuple):
    """One step of a path, see ``generator.expressions``."""

    name: str
    as_type: str | None
    filter_name: str | None
    filter_value: str | None
    target: str | None


def steps(path: str) -> list[Step]:
    found = []
    for text in re.split(r"\.(?![^\[]*\])", path):
        match = _STEP.fullmatch(text)
        if match is None:
            raise ValueError(f"cannot read path {path!r}")
        found.append(Step(match[1], match[2], match[3], match[4], match[5]))
    return found


class _Source:
    def __init__(self) -> None:
        self.lines: list[str] = []
        self.depth = 1
        self._variables = 0

    def add(self, line: str) -> None:
        self.lines.append("    " * self.depth + line)

    def variable(self) -> str:
        self._variables += 1
        return f"v{self._variables}"


def compile_extractor(resource_type: str) -> tuple[Any, list[str]]:
    """The function ``f(resource, tok, ref, dat, stg, qty, num, uri)`` that appends rows, and the codes of parameters of
    which no path led to anything that can be indexed."""
    source = _Source()
    empty = []
    for param in of_type(resource_type).values():
        if not param.stored or param.code in NOT_INDEXED:
            continue
        if param.paths[0].endswith("?"):
            _exists(source, resource_type, param)
            continue
        written = [_walk(source, "r", resource_type, steps(path), param) for path in param.paths]
        if not any(written):
            empty.append(param.code)
    scope: dict[str, Any] = {"UNSET": UNSET, "date_range": date_range}
    scope |= {name: getattr(index_rows, name) for name in _FUNCTIONS}
    lines = ["def f(r, tok, ref, dat, stg, qty, num, uri):", *source.lines, "    return"]
    exec(compile("\n".join(lines), f"<index rows of {resource_type}>", "exec"), scope)  # noqa: S102 - from the table
    return scope["f"], empty


_FUNCTIONS = (
    *("address", "canonical", "human_name", "leads_to", "money", "number", "period"),
    *("quantity", "range_quantity", "reference", "text", "timing"),
)


def _exists(source: _Source, resource_type: str, param: SearchParam) -> None:
    """``deceased?``: always one row, true or false."""
    name = param.paths[0].removesuffix("?")
    element = next(element for element in elements(resource_type) if element.name == name)
    values = [f"r.{attribute(element.json_name(element_type))}" for element_type in element.types]
    there = " or ".join(f"{value} is not UNSET and {value} is not False" for value in values)
    source.add(f"tok(({param.id}, None, 'true' if {there} else 'false'))")


def _walk(source: _Source, node: str, path: str, rest: list[Step], param: SearchParam) -> bool:
    """Code for the elements that ``rest`` leads to from ``node``; whether there is any."""
    step, further = rest[0], rest[1:]
    element = next((e for e in elements(path) if e.name == step.name), None)
    if element is None:
        return False
    written = False
    for element_type in element.types:
        if step.as_type and element_type.name != step.as_type:
            continue
        before, depth = len(source.lines), source.depth
        value = _enter(source, node, element, element_type)
        if step.filter_name:
            source.add(f"if {value}.{attribute(step.filter_name)} == {step.filter_value!r}:")
            source.depth += 1
        done = (
            _walk(source, value, element_type.name, further, param)
            if further
            else _leaf(source, value, element_type, step, param)
        )
        source.depth = depth
        if not done:
            del source.lines[before:]
        written |= done
    return written


def _enter(source: _Source, node: str, element: Element, element_type: ElementType) -> str:
    value = source.variable()
    source.add(f"{value} = {node}.{attribute(element.json_name(element_type))}")
    source.add(f"if {value} is not UNSET:")
    source.depth += 1
    if element.many:
        source.add(f"for {value} in {value}:")
        source.depth += 1
        if element_type.primitive:
            source.add(f"if {value} is not None:")
            source.depth += 1
    return value


def _leaf(source: _Source, value: str, element_type: ElementType, step: Step, param: SearchParam) -> bool:
    name = element_type.name
    lines = _LEAVES[param.kind](value, name, element_type, step, param.id)
    for line in lines:
        source.add(line)
    return bool(lines)


def _optional(expression: str) -> str:
    return f"None if {expression} is UNSET else {expression}"


def _token(v: str, name: str, element_type: ElementType, step: Step, id: int) -> list[str]:
    coding = f"tok(({id}, {_optional('c.system')}, {_optional('c.code')}))"
    if name == "CodeableConcept":
        return [
            f"if {v}.coding is not UNSET:",
            f"    for c in {v}.coding:",
            f"        if c.code is not UNSET or c.system is not UNSET: {coding}",
        ]
    if name == "Coding":
        return [f"c = {v}", f"if c.code is not UNSET or c.system is not UNSET: {coding}"]
    if name == "Identifier":
        return [f"if {v}.value is not UNSET: tok(({id}, {_optional(v + '.system')}, {v}.value))"]
    if name == "ContactPoint":
        return [f"if {v}.value is not UNSET: tok(({id}, None, {v}.value))"]
    if name == "boolean":
        return [f"tok(({id}, None, 'true' if {v} else 'false'))"]
    if name == "code":
        systems = list(value_sets()[element_type.detail[0]]) if element_type.detail else []
        return [f"tok(({id}, {systems[0]!r}, {v}))" if len(systems) == 1 else f"tok(({id}, None, {v}))"]
    if name in {"string", "id", "Id", "uri", "canonical", "oid", "uuid"}:
        return [f"tok(({id}, None, {v}))"]
    return []


def _reference(v: str, name: str, element_type: ElementType, step: Step, id: int) -> list[str]:
    if name == "Reference":
        narrowed = f" and leads_to(x, {step.target!r})" if step.target else ""
        return [
            f"if {v}.reference is not UNSET:",
            f"    x = reference({v}.reference)",
            f"    if x is not None{narrowed}: ref(({id}, x))",
        ]
    if name == "Attachment":
        return [f"if {v}.url is not UNSET: uri(({id}, {v}.url))"]
    if name == "canonical":
        return [f"for x in canonical({v}): uri(({id}, x))"]
    return [f"uri(({id}, {v}))"] if name in {"uri", "url"} else []


def _date(v: str, name: str, element_type: ElementType, step: Step, id: int) -> list[str]:
    if name in {"date", "dateTime", "instant"}:
        return [f"dat(({id}, *date_range({v})))"]
    if name == "Period":
        return [f"if {v}.start is not UNSET or {v}.end is not UNSET: dat(({id}, *period({v})))"]
    if name == "Timing":
        return [f"x = timing({v})", f"if x is not None: dat(({id}, *x))"]
    return []


def _string(v: str, name: str, element_type: ElementType, step: Step, id: int) -> list[str]:
    if name in {"string", "markdown", "code", "String"}:
        return [f"stg(({id}, *text({v})))"]
    if name == "CodeableConcept":
        return [f"if {v}.text is not UNSET: stg(({id}, *text({v}.text)))"]
    if name == "HumanName":
        return [f"for x in human_name({v}): stg(({id}, *x))"]
    if name == "Address":
        return [f"for x in address({v}): stg(({id}, *x))"]
    return []


def _quantity(v: str, name: str, element_type: ElementType, step: Step, id: int) -> list[str]:
    function = {"Money": "money", "Range": "range_quantity"}.get(name)
    if name in {"Quantity", "Age", "Duration", "Count", "Distance"}:
        function = "quantity"
    if function is None:
        return []
    return [f"x = {function}({v})", f"if x is not None: qty(({id}, *x))"]


def _number(v: str, name: str, element_type: ElementType, step: Step, id: int) -> list[str]:
    if name in {"decimal", "integer", "positiveInt", "unsignedInt"}:
        return [f"num(({id}, *number({v})))"]
    return []


def _uri(v: str, name: str, element_type: ElementType, step: Step, id: int) -> list[str]:
    if name == "canonical":
        return [f"for x in canonical({v}): uri(({id}, x))"]
    return [f"uri(({id}, {v}))"] if name in {"uri", "url", "oid", "uuid"} else []


_LEAVES = {
    "token": _token,
    "reference": _reference,
    "date": _date,
    "string": _string,
    "quantity": _quantity,
    "number": _number,
    "uri": _uri,
}
