"""Makes one msgspec Struct class per type out of the structure table, when first asked for.

The classes refuse unknown fields, wrong JSON types, missing elements, empty lists, codes outside required bindings and
references to wrong types while they decode. What annotations cannot say is in ``element_rules``.
"""

import keyword
import re
import sys
import threading
from types import ModuleType
from typing import Annotated, Any, Literal, Optional

import msgspec
from msgspec import UNSET, Raw

from hub.fhir import element_rules, violations
from hub.fhir.primitives import PRIMITIVES, SYSTEM_TYPES, UNPATTERNED
from hub.fhir.structures import Element, ElementType, data_types, elements, parts_of, resource_types, value_sets

_NOT_EMPTY = msgspec.Meta(min_length=1)
_OPTIONS: dict[str, Any] = {"kw_only": True, "omit_defaults": True, "forbid_unknown_fields": True, "gc": False}
_FIRST_KEY = re.compile(rb'[ \t\r\n]*\{[ \t\r\n]*"resourceType"[ \t\r\n]*:[ \t\r\n]*"([A-Za-z]+)"')

_namespace = ModuleType("hub.fhir.model_classes")
"""Where msgspec looks up the class names that stand in annotations."""
sys.modules[_namespace.__name__] = _namespace
_classes: dict[str, Any] = _namespace.__dict__
_decoders: dict[str, msgspec.json.Decoder[Any]] = {}
_lock = threading.RLock()


class _Head(msgspec.Struct):
    resourceType: str


_head_decoder = msgspec.json.Decoder(_Head)


def type_of(body: bytes | Raw) -> str:
    """The ``resourceType`` of a JSON object, wherever it stands in it. Raises msgspec.DecodeError if there is none."""
    first = _FIRST_KEY.match(body)
    return first[1].decode() if first else _head_decoder.decode(body).resourceType


def decoder(resource_type: str) -> msgspec.json.Decoder[Any]:
    """The decoder of a resource type; the first call for a type compiles its classes (some milliseconds)."""
    found = _decoders.get(resource_type)
    if found is None:
        if resource_type not in resource_types():
            fault = violations.violation("structure", "resourceType", "must be a resource type of FHIR R4.")
            raise msgspec.ValidationError(str(fault))
        with _lock:
            found = _decoders[resource_type] = msgspec.json.Decoder(compile_type(resource_type))
    return found


def decode_nested(raw: Raw, path: str) -> Any:
    """A resource inside another one, at ``path`` below the element that holds it."""
    try:
        return decoder(type_of(raw)).decode(raw)
    except msgspec.ValidationError as error:
        raise violations.nested(error, path) from None


def class_name(path: str) -> str:
    return path.replace(".", "_")


def attribute(json_name: str) -> str:
    """The Python attribute of a JSON property: ``class`` is ``class_``, ``_birthDate`` is ``u_birthDate``."""
    if json_name.startswith("_"):
        return "u" + json_name
    return json_name + "_" if keyword.iskeyword(json_name) else json_name


def compile_type(resource_type: str) -> Any:
    """The Struct class of a resource type. Safe to call from several threads."""
    with _lock:
        if "Reference" not in _classes:
            for name in sorted(data_types(), key=lambda name: name != "Reference"):
                _compile(name)
        if resource_type not in _classes:
            for path in parts_of(resource_type):
                _compile(path)
        return _classes[resource_type]


def _compile(path: str) -> None:
    fields: list[Any] = []
    rename: dict[str, str] = {}

    def add(json_name: str, annotation: Any, required: bool) -> None:
        python_name = attribute(json_name)
        if python_name != json_name:
            rename[python_name] = json_name
        fields.append((python_name, annotation) if required else (python_name, annotation, UNSET))

    is_resource = path in resource_types()
    for element in elements(path):
        for element_type in element.types:
            json_name = element.json_name(element_type)
            primitive = element_type.primitive and element_type.name != "xhtml"
            annotation = _annotation(element, element_type)
            if element_rules.checks_pattern(path, element, element_type):
                annotation = UNPATTERNED[element_type.name]
            add(json_name, annotation, element.minimum > 0 and not (element.choice or primitive))
            if primitive:
                add("_" + json_name, _sisters(element), required=False)
    rules = element_rules.post_init(path, elements(path), attribute, decode_nested)
    name = class_name(path)
    _classes[name] = msgspec.defstruct(
        name,
        fields,
        namespace={"__post_init__": rules} if rules else {},
        module=_namespace.__name__,
        rename=rename or None,
        tag_field="resourceType" if is_resource else None,
        tag=path if is_resource else None,
        **_OPTIONS,
    )


def _annotation(element: Element, element_type: ElementType) -> Any:
    single: Any = _single(element_type)
    if not element.many:
        return single
    # A primitive list may hold null where its sister list has an extension.
    item: Any = Optional[single] if element_type.primitive else single  # noqa: UP045 - ``single`` may be a name
    return Annotated[list[item], _NOT_EMPTY]


def _sisters(element: Element) -> Any:
    """``_name`` beside a primitive ``name``: its id and extensions."""
    if not element.many:
        return "Element"
    return Annotated[list[Optional["Element"]], _NOT_EMPTY]


def _single(element_type: ElementType) -> Any:
    name = element_type.name
    if name == "code" and element_type.detail:
        codes = value_sets()[element_type.detail[0]].values()
        return Literal[tuple(sorted({code for of_system in codes for code in of_system}))]
    if name in PRIMITIVES:
        return PRIMITIVES[name]
    if name in SYSTEM_TYPES:
        return SYSTEM_TYPES[name]
    if name == "Resource":
        return Raw
    if name == "Reference" and element_type.detail:
        return _reference_to(element_type.detail)
    return class_name(name)


def _reference_to(targets: tuple[str, ...]) -> Any:
    """A Reference that may name these types only (R4 references.html#Reference, ``targetProfile``)."""
    name = "_".join(("Reference", "to", *targets))
    if name not in _classes:
        rules = element_rules.post_init("Reference", elements("Reference"), attribute, decode_nested, targets)
        _classes[name] = msgspec.defstruct(
            name,
            [],
            bases=(_classes["Reference"],),
            namespace={"__post_init__": rules},
            module=_namespace.__name__,
            **_OPTIONS,
        )
    return _classes[name]
