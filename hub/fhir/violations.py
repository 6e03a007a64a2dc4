"""Broken rules of the model, from the decoder's words to ``Incorrect`` with a FHIRPath-like place and a remedy.

The decoder's own messages may quote what was sent; nothing of that is passed on but names of elements.
"""

import re

import msgspec

from hub.contracts.errors import Incorrect
from hub.fhir.primitives import MEANING
from hub.fhir.reference_targets import ALLOWED

_SEPARATOR = "\x1f"
_AT = " - at `$"
_NAME = re.compile(r"`([^`]*)`")
_ELEMENT_NAME = re.compile(r"_?[A-Za-z][A-Za-z0-9]{0,63}\Z")
_JSON_TYPES = {
    "str": "string",
    "int": "whole number",
    "int | float": "number",
    "float": "number with a fraction",
    "bool": "boolean",
    "array": "list",
}


def violation(code: str, path: str, sentence: str) -> ValueError:
    """A rule broken at ``path`` below the element at hand, to be raised inside ``__post_init__``. ``code`` is a FHIR
    issue type; the sentence follows the place and must not hold the sender's value."""
    return ValueError(_SEPARATOR.join(("", code, path, sentence)))


def nested(error: msgspec.ValidationError, path: str) -> ValueError:
    """The same fault, told from the resource around: ``path`` is where the nested resource stands in it."""
    code, below, sentence = _take_apart(error)
    return violation(code, _join(path, below), sentence)


def incorrect(error: msgspec.ValidationError, resource_type: str) -> Incorrect:
    """HTTP 422 for a body that is JSON but breaks a rule of the resource type."""
    code, path, sentence = _take_apart(error)
    if not path and code == "structure" and "must be a JSON object" in sentence:
        return Incorrect(
            "The body is not a JSON object.", remedy="Send one resource.", issue_code=code, http_status=400
        )
    where = f"{resource_type}.{path}" if path else resource_type
    remedy = "Correct the element and send the resource again."
    if code == "unknown":
        code, remedy = "structure", "Remove it, or move it into an extension."
    elif code == "required":
        remedy = "Add it and send the resource again."
    elif code == "code-invalid":
        remedy = "Use one of the codes that the R4 value set lists."
    return Incorrect(f"{where} {sentence}", where=where, remedy=remedy, issue_code=code)


def _take_apart(error: msgspec.ValidationError) -> tuple[str, str, str]:
    message, at, path = str(error).rpartition(_AT)
    if not at:
        message, path = str(error), ""
    path = path.removesuffix("`").lstrip(".")
    if message.startswith(_SEPARATOR):
        _, code, below, sentence = message.split(_SEPARATOR, 3)
        return code, _join(path, below), sentence
    return _translate(message, path)


def _join(path: str, below: str) -> str:
    return f"{path}.{below}" if path and below else path or below


def _translate(message: str, path: str) -> tuple[str, str, str]:
    if message.startswith("Object missing required field"):
        return "required", _join(path, _name(message)), "is required."
    if message.startswith("Object contains unknown field"):
        name = _name(message)
        if not _ELEMENT_NAME.match(name):
            return "unknown", path, "has a property that FHIR R4 does not define."
        return "unknown", _join(path, name), "is not an element that FHIR R4 defines here."
    if message.startswith("Invalid enum value"):
        return "code-invalid", path, "must be a code of the required value set."
    if "matching regex" in message:
        return "value", path, _pattern_sentence(message)
    if "of length >= 1" in message:
        return "structure", path, "may not be empty; leave it out instead."
    if "of length <=" in message:
        return "too-long", path, "may not be longer than 1 MB."
    if ">=" in message or "<=" in message:
        return "value", path, "must be a whole number in the range of its type."
    if message.startswith("Expected"):
        wanted, got = [*_NAME.findall(message), "", ""][:2]
        return "structure", path, f"must be a JSON {_json_type(wanted)}{', not ' + _json_type(got) if got else ''}."
    if "out of range" in message:
        return "value", path, "is a number too large to be kept."
    return "structure", path, "does not have the structure that FHIR R4 defines."


def _name(message: str) -> str:
    found = _NAME.search(message)
    return found[1] if found else ""


def _json_type(name: str) -> str:
    return _JSON_TYPES.get(name) or " or ".join(_JSON_TYPES.get(part, part) for part in name.split(" | "))


def _pattern_sentence(message: str) -> str:
    quoted = message.partition("regex ")[2]
    for pattern in (*MEANING, *ALLOWED):
        if repr(pattern) == quoted:
            return sentence_of(pattern)
    return "does not have the form that its type defines."


def sentence_of(pattern: str) -> str:
    """What a value that does not match ``pattern`` should have been."""
    if pattern in MEANING:
        return f"must be {MEANING[pattern]}."
    types = ", ".join(ALLOWED[pattern]) or "any resource type"
    return f"must be a reference written Type/id, #id, urn:uuid:… or a URL; type allowed here: {types}."
