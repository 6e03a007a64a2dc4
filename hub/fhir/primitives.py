"""Primitive types (R4 datatypes.html#primitive) as msgspec annotations: one compiled pattern each, calendar included.

Every pattern has a line in ``MEANING``, so that a refusal says what the type wants and never what was sent.
"""

from typing import Annotated, Any

from msgspec import Meta

_LEAP = "(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)"
_YEAR = "(?!0000)[0-9]{4}"
_DAY = (
    "(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])"
    "|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)"
    f"|02-(?:0[1-9]|1[0-9]|2[0-8]|29(?<={_LEAP}-02-29)))"
)
_MONTH = "(?:0[1-9]|1[0-2])"
_TIME = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:(?:[0-5][0-9]|60)(?:\.[0-9]+)?"
_OFFSET = "(?:Z|[+-](?:(?:0[0-9]|1[0-3]):[0-5][0-9]|14:00))"

MAX_STRING_CHARACTERS = 1024 * 1024

PATTERN: dict[str, str] = {
    "string": r"\S",
    "uri": r"^\S++\Z",
    "code": r"^\S++(?:\s\S++)*+\Z",
    "id": r"^[A-Za-z0-9\-.]{1,64}\Z",
    "oid": r"^urn:oid:[0-2](?:\.(?:0|[1-9][0-9]*+))++\Z",
    "uuid": r"^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\Z",
    "date": rf"^{_YEAR}(?:-(?:{_DAY}|{_MONTH}))?\Z",
    "dateTime": rf"^{_YEAR}(?:-(?:{_DAY}(?:T{_TIME}{_OFFSET})?|{_MONTH}))?\Z",
    "instant": rf"^{_YEAR}-{_DAY}T{_TIME}{_OFFSET}\Z",
    "time": rf"^{_TIME}\Z",
    "base64Binary": r"^[0-9A-Za-z+/\s]++={0,2}\s*+\Z",
}

MEANING: dict[str, str] = {
    PATTERN["string"]: "a string with at least one character that is not white space",
    PATTERN["uri"]: "a URI, which holds no white space",
    PATTERN["code"]: "a code: no white space at its ends, single spaces inside",
    PATTERN["id"]: "an id: 1 to 64 characters out of A-Z, a-z, 0-9, '-' and '.'",
    PATTERN["oid"]: "an OID written as urn:oid:1.2.3",
    PATTERN["uuid"]: "a UUID written as urn:uuid: and lower-case hexadecimal",
    PATTERN["date"]: "a date of the calendar written YYYY, YYYY-MM or YYYY-MM-DD",
    PATTERN["dateTime"]: "a date of the calendar (YYYY, YYYY-MM, YYYY-MM-DD), or with time to the second and zone "
    "(YYYY-MM-DDThh:mm:ss+08:00)",
    PATTERN["instant"]: "a full time with seconds and zone (YYYY-MM-DDThh:mm:ss.sss+08:00)",
    PATTERN["time"]: "a time of day written hh:mm:ss, without a zone",
    PATTERN["base64Binary"]: "base64",
}


PATTERNED: dict[str, str] = {
    name: {"markdown": "string", "url": "uri", "canonical": "uri"}.get(name, name)
    for name in (*PATTERN, "markdown", "url", "canonical")
}
"""The key in ``PATTERN`` of each primitive type that has one."""


def _text(name: str, max_length: int | None = None) -> Any:
    return Annotated[str, Meta(pattern=PATTERN[name], max_length=max_length)]


_INT_MAX = 2**31 - 1

PRIMITIVES: dict[str, Any] = {
    "boolean": bool,
    "integer": Annotated[int, Meta(ge=-(2**31), le=_INT_MAX)],
    "positiveInt": Annotated[int, Meta(ge=1, le=_INT_MAX)],
    "unsignedInt": Annotated[int, Meta(ge=0, le=_INT_MAX)],
    "decimal": int | float,
    "xhtml": str,
    **{name: _text(key, MAX_STRING_CHARACTERS if key == "string" else None) for name, key in PATTERNED.items()},
}

UNPATTERNED: dict[str, Any] = {
    name: Annotated[str, Meta(min_length=1, max_length=MAX_STRING_CHARACTERS if key == "string" else None)]
    for name, key in PATTERNED.items()
}
"""For elements whose pattern is checked by the rules of their class."""

SYSTEM_TYPES: dict[str, Any] = {"String": Annotated[str, Meta(min_length=1)], "Id": PRIMITIVES["id"]}
"""FHIRPath's System types, written as attributes: no extensions possible."""
