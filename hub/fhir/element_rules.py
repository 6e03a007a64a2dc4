"""Rules of elements that annotations cannot state, as one generated ``__post_init__`` per class.

Choice types exclude one another (R4 formats.html#choice), required primitives may be replaced by their extension
(json.html#primitive), null stands only where the sister list has something (json.html#primitive), contained and nested
resources are resources (references.html#contained), required bindings of CodeableConcept, and the invariants ext-1,
txt-1, dom-2 and dom-4.
"""

from collections.abc import Callable, Sequence
from functools import cache
from operator import attrgetter
from typing import Any

from msgspec import UNSET, Raw
from msgspec.structs import astuple

from hub.fhir import narrative
from hub.fhir.primitives import PATTERN, PATTERNED
from hub.fhir.reference_targets import reference_pattern
from hub.fhir.seen_values import checker
from hub.fhir.structures import Element, ElementType, value_sets
from hub.fhir.violations import sentence_of, violation

Attribute = Callable[[str], str]
Nested = Callable[[Raw, str], Any]


def post_init(
    path: str,
    elements: Sequence[Element],
    attribute: Attribute,
    decode_nested: Nested,
    targets: tuple[str, ...] = (),
) -> Callable[[Any], None] | None:
    """The ``__post_init__`` of a class, or None where annotations say everything. ``attribute`` names the attribute of
    a JSON property; ``decode_nested`` decodes a resource that stands at a path below the element at hand; ``targets``
    are the types that a Reference may name (none: any)."""
    lines: list[str] = []
    scope: dict[str, Any] = {
        "UNSET": UNSET,
        "violation": violation,
        "check_nulls": _check_nulls,
        "check_base64": _check_base64,
    }
    for number, element in enumerate(elements):
        if path == "Extension" and element.choice:
            lines += _extension(element, attribute, scope)
        elif element.choice:
            lines += _choice(number, element, attribute, scope)
            for element_type in element.types:
                lines += _pattern(path, element, element_type, attribute, scope, ())
        elif element.types[0].primitive and element.types[0].name != "xhtml":
            lines += _primitive(element, attribute)
            lines += _pattern(path, element, element.types[0], attribute, scope, targets)
        elif element.types[0].name == "Resource":
            lines += _resource(element, decode_nested, scope)
        elif element.types[0].name in {"CodeableConcept", "Coding"} and element.types[0].detail:
            lines += _binding(element, attribute, scope)
        elif element.types[0].name == "xhtml":
            scope["check_narrative"] = _check_narrative
            lines.append("check_narrative(self.div)")
    lines += _not_empty(path, elements, attribute)
    for element in elements:
        if element.types[0].name == "base64Binary" and not element.choice:
            lines.append(f"if self.{element.name} is not UNSET: check_base64('{element.name}', self.{element.name})")
    if not lines:
        return None
    source = "def __post_init__(self):\n" + "\n".join("    " + line for line in lines)
    exec(compile(source, f"<rules of {path}>", "exec"), scope)  # noqa: S102 - made from the committed table alone
    function: Callable[[Any], None] = scope["__post_init__"]
    return function


_LAST = ("id", "extension", "modifierExtension")
_FIRST = ("system", "code", "coding", "reference", "value", "text", "start", "type", "family")


def _not_empty(path: str, elements: Sequence[Element], attribute: Attribute) -> list[str]:
    """No object may be empty (ele-1), unless annotations or other rules require something in it anyway. An id alone is
    nothing, but beside a primitive (``Element``)."""
    names = [(element.name, element.json_name(kind), kind) for element in elements for kind in element.types]
    if any(element.minimum for element in elements) or any(kind.name == "Id" for _, _, kind in names):
        return []
    order = sorted(names, key=lambda name: (name[0] in _LAST, name[0] not in _FIRST))
    attributes = [attribute(json_name) for _, json_name, _ in order]
    attributes += [attribute("_" + json_name) for _, json_name, kind in order if kind.primitive]
    return [
        "if " + " and ".join(f"self.{name} is UNSET" for name in attributes if name != "id" or path == "Element") + ":",
        "    raise violation('structure', '', 'may not be empty; leave it out instead.')",
    ]


def _primitive(element: Element, attribute: Attribute) -> list[str]:
    value, sister = "self." + attribute(element.name), "self." + attribute("_" + element.name)
    lines = []
    if element.minimum:
        lines += [
            f"if {value} is UNSET and {sister} is UNSET:",
            f"    raise violation('required', '{element.name}', 'is required.')",
        ]
    if element.many:
        lines += [
            f"if {sister} is not UNSET or {value} is not UNSET and None in {value}:",
            f"    check_nulls('{element.name}', {value}, {sister})",
        ]
    return lines


_QUANTITIES = frozenset({"Age", "Count", "Distance", "Duration", "Money", "Quantity"})
_HOT = _QUANTITIES | {"CodeableConcept", "Coding", "Identifier", "Period", "Reference"}
_DATES = frozenset({"date", "dateTime", "instant"})


def checks_pattern(path: str, element: Element, element_type: ElementType) -> bool:
    """Whether the rules of a class check this primitive's pattern, because that is faster than the annotation: in the
    commonest data types, and the dates of resources."""
    if element.many or element_type.name not in PATTERNED or element_type.detail:
        return False
    return path in _HOT or ("." not in path and path != "Extension" and element_type.name in _DATES)


def _pattern(
    path: str,
    element: Element,
    element_type: ElementType,
    attribute: Attribute,
    scope: dict[str, Any],
    targets: tuple[str, ...],
) -> list[str]:
    if not checks_pattern(path, element, element_type):
        return []
    name = element.json_name(element_type)
    value = "self." + attribute(name)
    pattern = PATTERN[PATTERNED[element_type.name]]
    if path == "Reference" and name == "reference":
        pattern = reference_pattern(targets)
    elif PATTERNED[element_type.name] == "string":
        return [
            f"if {value} is not UNSET and {value}.isspace():",
            f"    raise violation('value', '{name}', {sentence_of(pattern)!r})",
        ]
    scope[f"seen_{name}"], scope[f"check_{name}"] = _checker(pattern)
    return [f"if {value} not in seen_{name}: check_{name}({value}, '{name}')"]


_checker = cache(checker)


def _choice(number: int, element: Element, attribute: Attribute, scope: dict[str, Any]) -> list[str]:
    names = [element.json_name(element_type) for element_type in element.types]
    sisters = ["_" + name for name, element_type in zip(names, element.types, strict=True) if element_type.primitive]
    check = _choice_check(element, tuple(names), tuple(sisters), attribute)
    scope[f"values{number}"] = attrgetter(*map(attribute, names + sisters))
    scope[f"check{number}"] = check
    absent = len(names) + len(sisters)
    quiet = f"!= {absent - 1}" if element.minimum else f"< {absent - 1}"
    return [f"if values{number}(self).count(UNSET) {quiet}: check{number}(self)"]


def _choice_check(
    element: Element, names: Sequence[str], sisters: Sequence[str], attribute: Attribute
) -> Callable[[Any], None]:
    plain = [name.lstrip("_") for name in (*names, *sisters)]
    values = attrgetter(*map(attribute, (*names, *sisters)))

    def check(self: Any) -> None:
        given = {name for name, value in zip(plain, values(self), strict=True) if value is not UNSET}
        if len(given) > 1:
            sentence = f"may have one value only, not both {' and '.join(sorted(given)[:2])}."
            raise violation("structure", f"{element.name}[x]", sentence)
        if element.minimum and not given:
            raise violation("required", f"{element.name}[x]", f"is required, as one of {_some(names)}.")

    return check


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:12]) + (" …" if len(names) > 12 else "")


def _extension(element: Element, attribute: Attribute, scope: dict[str, Any]) -> list[str]:
    names = [element.json_name(element_type) for element_type in element.types]
    sisters = ["_" + name for name, kind in zip(names, element.types, strict=True) if kind.primitive]
    exclusive = _choice_check(element, names, sisters, attribute)

    def check(self: Any) -> None:
        exclusive(self)
        valued = any(getattr(self, attribute(name)) is not UNSET for name in (*names, *sisters))
        if valued == (self.extension is not UNSET):
            raise violation("invariant", "", "must have either a value or extensions of its own (ext-1).")

    scope["astuple"], scope["check_extension"] = astuple, check
    fields = len(names) + len(sisters) + 3
    # Two fields set and none of them id: url, and either one value or extensions.
    return [f"if astuple(self).count(UNSET) != {fields - 2} or self.id is not UNSET: check_extension(self)"]


def _check_nulls(name: str, values: Any, sisters: Any) -> None:
    if values is UNSET:
        if all(sister is None for sister in sisters):
            raise violation("structure", "_" + name, "holds nothing but null.")
        return
    if sisters is not UNSET and len(sisters) != len(values):
        raise violation("structure", "_" + name, f"must be as long as {name}, with null where there is no extension.")
    for index, value in enumerate(values):
        if value is None and (sisters is UNSET or sisters[index] is None):
            raise violation("structure", f"{name}[{index}]", f"may be null only where _{name} has an extension.")


def _check_base64(name: str, value: str) -> None:
    if len(value) % 4 and len("".join(value.split())) % 4:
        raise violation("value", name, sentence_of(PATTERN["base64Binary"]))


def _resource(element: Element, decode_nested: Nested, scope: dict[str, Any]) -> list[str]:
    name = element.name

    def decode_contained(raws: Sequence[Raw]) -> list[Any]:
        return [_contained(decode_nested(raw, f"contained[{i}]"), f"contained[{i}]") for i, raw in enumerate(raws)]

    scope["decode_contained"], scope["decode_nested"] = decode_contained, decode_nested
    if name == "contained":
        return [f"if self.{name} is not UNSET: self.{name} = decode_contained(self.{name})"]
    if element.many:
        return [
            f"if self.{name} is not UNSET:",
            f"    self.{name} = [decode_nested(raw, f'{name}[{{i}}]') for i, raw in enumerate(self.{name})]",
        ]
    return [f"if self.{name} is not UNSET: self.{name} = decode_nested(self.{name}, '{name}')"]


def _contained(struct: Any, path: str) -> Any:
    if getattr(struct, "contained", UNSET) is not UNSET:
        raise violation("invariant", f"{path}.contained", "may not stand in a contained resource (dom-2).")
    if struct.meta is not UNSET and (struct.meta.versionId is not UNSET or struct.meta.lastUpdated is not UNSET):
        raise violation("invariant", f"{path}.meta", "may not have a version in a contained resource (dom-4).")
    return struct


@cache
def _members(key: str) -> frozenset[tuple[str, str]]:
    return frozenset((system, code) for system, codes in value_sets()[key].items() for code in codes)


def _binding(element: Element, attribute: Attribute, scope: dict[str, Any]) -> list[str]:
    key = element.types[0].detail[0]
    members = _members(key)
    concept = element.types[0].name == "CodeableConcept"

    def check(value: Any, path: str) -> None:
        codings = (value.coding if value.coding is not UNSET else ()) if concept else (value,)
        if not any((coding.system, coding.code) in members for coding in codings):
            sentence = f"must hold a code of the required value set {key} with its system."
            raise violation("code-invalid", path, sentence)

    scope[f"bound_{element.name}"] = check
    value = "self." + attribute(element.name)
    if element.many:
        return [
            f"if {value} is not UNSET:",
            f"    for i, v in enumerate({value}): bound_{element.name}(v, f'{element.name}[{{i}}]')",
        ]
    return [f"if {value} is not UNSET: bound_{element.name}({value}, '{element.name}')"]


def _check_narrative(div: str) -> None:
    fault = narrative.fault(div)
    if fault:
        raise violation("invariant", "div", fault)
