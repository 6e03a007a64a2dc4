"""Values of search parameters as written in a query (R4 search.html#ptypes), read into typed values.

A value is cut at commas, and its parts at ``|`` and ``$``, where no backslash stands before them (#escaping). Refusals
name the parameter, never the value.
"""

import re
from decimal import Decimal, InvalidOperation

from hub.contracts.errors import Incorrect, Unsupported
from hub.fhir.dates import date_range
from hub.fhir.search_params import SearchParam
from hub.fhir.search_query import (
    DateValue,
    NumberValue,
    Prefix,
    QuantityValue,
    ReferenceValue,
    StringValue,
    TokenValue,
    UriValue,
    Value,
)
from hub.fhir.strings import MAX_CHARACTERS, normalised
from hub.fhir.structures import resource_types

_PREFIXED = re.compile(r"(eq|ne|gt|lt|ge|le|sa|eb|ap)(?=[0-9+\-.])")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?\Z")
_RELATIVE = re.compile(r"(?:([A-Z][A-Za-z]+)/)?([A-Za-z0-9\-.]{1,64})(?:/_history/[A-Za-z0-9\-.]{1,64})?\Z")
_ESCAPED = re.compile(r"\\([\\,|$])")
MOST_VALUES = 500


def bad_value(name: str, sentence: str) -> Incorrect:
    """HTTP 400: the value of parameter ``name`` cannot be read."""
    return Incorrect(
        f"The value of search parameter {name} {sentence}.",
        where=name,
        remedy="See R4 search.html for how values of its type are written.",
        issue_code="value",
        http_status=400,
    )


def split(text: str, at: str, limit: int = 0) -> list[str]:
    """Cut at unescaped ``at``; parts keep their escapes."""
    if "\\" not in text:
        return text.split(at, limit or -1)
    parts: list[str] = []
    start = index = 0
    while index < len(text):
        if text[index] == "\\":
            index += 1
        elif text[index] == at and (not limit or len(parts) < limit):
            parts.append(text[start:index])
            start = index + 1
        index += 1
    parts.append(text[start:])
    return parts


def unescape(text: str) -> str:
    return _ESCAPED.sub(r"\1", text) if "\\" in text else text


def read_values(param: SearchParam, name: str, text: str, target_type: str | None = None) -> tuple[Value, ...]:
    """The alternatives of one ``name=a,b``. ``target_type`` is the type of a ``:[type]`` modifier."""
    return tuple(_read(param, name, part, target_type) for part in alternatives(name, text))


def alternatives(name: str, text: str) -> list[str]:
    """The parts of ``a,b``, still escaped."""
    parts = [part for part in split(text, ",") if part]
    if not parts:
        raise bad_value(name, "is empty")
    if len(parts) > MOST_VALUES:
        raise bad_value(name, f"has more than {MOST_VALUES} alternatives")
    return parts


def _read(param: SearchParam, name: str, text: str, target_type: str | None) -> Value:
    if param.kind == "token":
        return token(text)
    if param.kind == "reference" and not param.canonical:
        return _reference(param, name, unescape(text), target_type)
    if param.kind == "date":
        return date(name, text)
    if param.kind == "string":
        plain = unescape(text)
        if not normalised(plain):
            raise bad_value(name, "is empty")
        return StringValue(normalised(plain), plain[:MAX_CHARACTERS])
    if param.kind == "number":
        return NumberValue(*_number(name, text))
    if param.kind == "quantity":
        return _quantity(name, text)
    return UriValue(unescape(text))


def token(text: str) -> TokenValue:
    parts = [unescape(part) for part in split(text, "|", 1)]
    if len(parts) == 1:
        return TokenValue(None, parts[0])
    return TokenValue(parts[0], parts[1] or None)


def _prefix(name: str, text: str) -> tuple[Prefix, str]:
    match = _PREFIXED.match(text)
    if match is None:
        return Prefix.EQ, text
    if match[1] == "ap":
        raise unsupported(name, "prefix ap")
    return Prefix(match[1]), text[2:]


def unsupported(name: str, feature: str) -> Unsupported:
    """HTTP 400: known to R4, not answered here."""
    return Unsupported(
        f"Search parameter {name}: {feature} is not supported.",
        where=name,
        remedy="Leave it out; the capability statement lists what is supported.",
        http_status=400,
    )


def date(name: str, text: str) -> DateValue:
    prefix, written = _prefix(name, text)
    try:
        low, high = date_range(written.replace(" ", "+"))
    except ValueError:
        raise bad_value(name, "is not a date (YYYY, YYYY-MM, YYYY-MM-DD, or with time and zone)") from None
    return DateValue(prefix, low, high)


def _number(name: str, text: str) -> tuple[Prefix, float, float, float]:
    prefix, written = _prefix(name, text)
    if not _NUMBER.match(written):
        raise bad_value(name, "is not a number")
    try:
        exact = Decimal(written)
        exponent = exact.as_tuple().exponent
        half = Decimal(5).scaleb((exponent if isinstance(exponent, int) else 0) - 1)
        return prefix, float(exact), float(exact - half), float(exact + half)
    except (InvalidOperation, OverflowError):
        raise bad_value(name, "is not a number that can be compared") from None


def _quantity(name: str, text: str) -> QuantityValue:
    parts = [unescape(part) for part in split(text, "|")]
    if len(parts) == 1:
        return QuantityValue(*_number(name, parts[0]), None, None)
    if len(parts) != 3:
        raise bad_value(name, "is not written number|system|code")
    return QuantityValue(*_number(name, parts[0]), parts[1] or None, parts[2] or None)


def _reference(param: SearchParam, name: str, text: str, target_type: str | None) -> ReferenceValue:
    relative = _RELATIVE.match(text)
    if relative is None:
        if ":" in text and not re.search(r"\s", text):
            return ReferenceValue(text, None, None)
        raise bad_value(name, "is not a reference (id, Type/id or a URL)")
    stated, id = relative.groups()
    if stated is None:
        resource_type = target_type or (next(iter(param.targets)) if len(param.targets) == 1 else None)
        return ReferenceValue(f"{resource_type}/{id}" if resource_type else id, resource_type, id)
    if stated not in resource_types() or target_type not in {None, stated}:
        raise bad_value(name, "names a resource type that does not fit")
    return ReferenceValue(f"{stated}/{id}", stated, id)
