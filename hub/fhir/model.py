"""FHIR R4 (4.0.1) resources as validated structs.

One pass over the bytes parses and checks: R4 resource.html, datatypes.html, json.html and the required bindings. Not
checked: profiles, extensible bindings, most invariants, and whether references lead anywhere.

Attributes have FHIR's JSON names; ``class`` is ``class_``, ``_birthDate`` is ``u_birthDate``, what is absent is
``msgspec.UNSET``. Decimals become int or float: the digits stand in the body, which is what the store keeps.
"""

import re
from collections.abc import Iterable
from typing import Any

import msgspec

from hub.contracts.errors import Incorrect
from hub.fhir import duplicate_keys, structures, violations
from hub.fhir.struct_compiler import attribute, decoder, type_of

__all__ = ["RESOURCE_TYPES", "attribute", "decode", "kept", "warm"]

RESOURCE_TYPES: frozenset[str] = structures.resource_types()
"""The 146 concrete resource types of R4."""

_encode = msgspec.json.Encoder().encode
_BYTE = re.compile(r"byte (\d+)")
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*+\\u0000")
_RESEND = "Send one JSON object in UTF-8, as RFC 8259 defines."


def decode(body: bytes, expected_type: str | None = None) -> Any:
    """The struct of a resource. Raises Incorrect: 400 where the bytes are not JSON, 422 with ``where`` as
    ``Observation.code.coding[0].system`` where they break a rule. Only the first fault is told."""
    resource_type = expected_type or "Resource"
    try:
        stated = type_of(body)
        if expected_type is not None and stated != expected_type:
            raise _wrong_type(expected_type)
        resource_type = stated if stated in RESOURCE_TYPES else resource_type
        resource = decoder(stated).decode(body)
        duplicate_keys.refuse(body, _encode(resource), resource_type)
        if b"\\" in body and b"\\u0000" in body and _NUL.search(body):
            raise _nul(resource_type)
    except msgspec.ValidationError as error:
        raise violations.incorrect(error, resource_type) from None
    except msgspec.DecodeError as error:
        raise not_json(error, body) from None
    except UnicodeDecodeError:
        raise not_utf8() from None
    except RecursionError:
        raise too_deep() from None
    return resource


def kept(body: bytes, resource_type: str) -> Any:
    """The struct of a body that ``decode`` has taken before, as the store keeps it. Raises msgspec's errors."""
    return decoder(resource_type).decode(body)


def not_json(error: Exception, body: bytes) -> Incorrect:
    """HTTP 400 for bytes that are not JSON, naming the byte where reading stopped."""
    if body[:3] == b"\xef\xbb\xbf":
        what, remedy = "The body starts with a byte order mark.", "Send UTF-8 without it."
    elif not body.strip():
        what, remedy = "The body is empty.", _RESEND
    else:
        at = _BYTE.search(str(error))
        what, remedy = f"The body is not valid JSON{' (at byte ' + at[1] + ')' if at else ''}.", _RESEND
    return Incorrect(what, remedy=remedy, issue_code="structure", http_status=400)


def not_utf8() -> Incorrect:
    """HTTP 400 for bytes that are not UTF-8."""
    return Incorrect("The body is not valid UTF-8.", remedy=_RESEND, issue_code="structure", http_status=400)


def too_deep() -> Incorrect:
    """HTTP 400 for JSON nested deeper than any resource needs."""
    return Incorrect(
        "The body is nested too deeply.",
        remedy="Send fewer levels of objects and lists.",
        issue_code="structure",
        http_status=400,
    )


def _nul(resource_type: str) -> Incorrect:
    return Incorrect(
        f"{resource_type} has a string with the character U+0000.",
        where=resource_type,
        remedy="Remove it; R4 strings hold no control characters but tab and line ends.",
        issue_code="value",
    )


def warm(types: Iterable[str] = RESOURCE_TYPES) -> None:
    """Compile the classes of these types now, so that processes forked later share them."""
    for resource_type in sorted(types):
        decoder(resource_type)


def _wrong_type(expected: str) -> Incorrect:
    where = f"{expected}.resourceType"
    return Incorrect(
        f"{where} must be {expected} here.",
        where=where,
        remedy=f"Send a resource of type {expected}, or use the address of its own type.",
        issue_code="structure",
        http_status=400,
    )
