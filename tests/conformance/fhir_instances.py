"""Made-up resources with every element of their type filled in, from the structure table."""

from typing import Any

from hub.fhir.structures import Element, ElementType, elements, value_sets

_PRIMITIVE: dict[str, Any] = {
    "base64Binary": "aGVsbG8=",
    "boolean": True,
    "canonical": "http://example.org/canonical|1.0",
    "code": "sample-code",
    "date": "2024-02-29",
    "dateTime": "2024-02-29T08:30:00+08:00",
    "decimal": 12.5,
    "id": "sample-1",
    "Id": "sample-1",
    "instant": "2024-02-29T08:30:00.123+08:00",
    "integer": 7,
    "markdown": "文字 *text*",
    "oid": "urn:oid:2.16.156.10011",
    "positiveInt": 3,
    "string": "文字 text",
    "String": "http://example.org/url",
    "time": "08:30:00",
    "unsignedInt": 0,
    "uri": "http://example.org/uri",
    "url": "http://example.org/url",
    "uuid": "urn:uuid:c757873d-ec9a-4326-a141-556f43239520",
    "xhtml": '<div xmlns="http://www.w3.org/1999/xhtml">文字</div>',
}


def instance(resource_type: str, choice: int = 0, depth: int = 3) -> dict[str, Any]:
    """A valid resource with each element once, down to ``depth`` levels below it. Of a choice, option ``choice`` (by
    turns) is taken."""
    return {"resourceType": resource_type, **_filled(resource_type, choice, depth)}


def _filled(path: str, choice: int, depth: int) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for element in elements(path):
        if element.name in {"extension", "modifierExtension", "contained"} or element.types[0].name == "Resource":
            continue
        if depth <= 0 and not element.minimum:
            continue
        kind = element.types[choice % len(element.types)]
        value = _value(path, element, kind, choice, depth)
        if value is not None:
            out[element.json_name(kind)] = [value] if element.many else value
    return out or _one(path, choice)


def _one(path: str, choice: int) -> dict[str, Any]:
    """A single element, since no object may be empty: a primitive one where there is any."""
    named = [element for element in elements(path) if element.name not in {"id", "extension", "modifierExtension"}]
    element = next((element for element in named if element.types[0].name in _PRIMITIVE), named[0])
    kind = element.types[0]
    value = _value(path, element, kind, choice, 1)
    return {element.json_name(kind): [value] if element.many else value}


def _value(path: str, element: Element, kind: ElementType, choice: int, depth: int) -> Any:
    if kind.name == "code" and kind.detail:
        return sorted(code for codes in value_sets()[kind.detail[0]].values() for code in codes)[0]
    if kind.name in {"CodeableConcept", "Coding"} and kind.detail:
        system, codes = next(iter(value_sets()[kind.detail[0]].items()))
        coding = {"system": system, "code": codes[0]}
        return {"coding": [coding]} if kind.name == "CodeableConcept" else coding
    if kind.name in _PRIMITIVE:
        return _PRIMITIVE[kind.name]
    if kind.name == "Reference":
        return {"reference": f"{kind.detail[0] if kind.detail else 'Patient'}/1", "display": "文字"}
    if kind.name == "Extension":
        return {"url": "http://example.org/extension", "valueString": "文字"}
    if depth <= 0 and not element.minimum:
        return None
    return _filled(kind.name, choice, depth - 1)
