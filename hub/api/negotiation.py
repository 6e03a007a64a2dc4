"""Content negotiation and preferences (FHIR R4 http.html 3.1.0.1.9 to 3.1.0.1.11; RFC 9110 12.5.1; RFC 7240).

This hub speaks JSON alone; XML and Turtle are refused by name.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from hub.contracts.errors import Incorrect

FHIR_JSON = "application/fhir+json"
_JSON_TYPES = frozenset({FHIR_JSON, "application/json", "text/json", "application/json+fhir"})
_ANY = frozenset({"*/*", "application/*"})
_FORMATS = _JSON_TYPES | {"json", "application/fhir json"}
"""Values of ``_format``; the one with a space is what an unescaped ``+`` in a URL becomes."""

Return = Literal["minimal", "representation", "OperationOutcome"]


@dataclass(frozen=True, slots=True)
class Preferences:
    """The Prefer header: what to return after a write (None: nothing was said), and how to take what a search does
    not know (strict is the default)."""

    returned: Return | None = None
    lenient: bool = False


@lru_cache(maxsize=256)
def preferences(header: bytes) -> Preferences:
    """Preferences that this hub does not know are ignored, as RFC 7240 2 demands."""
    returned: Return | None = None
    lenient = False
    for part in header.decode("latin-1").replace(",", ";").split(";"):
        name, _, value = part.strip().partition("=")
        value = value.strip().strip('"')
        if name.strip().lower() == "return" and returned is None:
            match value.lower():
                case "minimal":
                    returned = "minimal"
                case "representation":
                    returned = "representation"
                case "operationoutcome":
                    returned = "OperationOutcome"
        elif name.strip().lower() == "handling":
            lenient = value.lower() == "lenient"
    return Preferences(returned, lenient)


@lru_cache(maxsize=256)
def answer_type(accept: bytes, wanted_format: str | None) -> str:
    """The Content-Type of the answer. ``_format`` outweighs Accept. Raises Incorrect with status 406."""
    if wanted_format is not None:
        media_type, version = _media_type(wanted_format)
        if media_type not in _FORMATS or version not in ("", "4.0", "4.0.1"):
            raise not_acceptable()
        return FHIR_JSON
    if not accept.strip():
        return FHIR_JSON
    offers: list[tuple[float, int, str]] = []
    for number, part in enumerate(accept.decode("latin-1").split(",")):
        media_type, version = _media_type(part)
        quality = _quality(part)
        if quality > 0 and version in ("", "4.0", "4.0.1"):
            if media_type in _JSON_TYPES:
                offers.append((-quality, number, media_type))
            elif media_type in _ANY:
                offers.append((-quality, number, FHIR_JSON))
    if not offers:
        raise not_acceptable()
    chosen = min(offers)[2]
    return chosen if chosen == "application/json" else FHIR_JSON


@lru_cache(maxsize=256)
def check_content_type(header: bytes) -> None:
    """Raises Incorrect with status 415 unless the body says it is JSON in UTF-8, or says nothing."""
    text = header.decode("latin-1")
    if not text.strip():
        return
    media_type, version = _media_type(text)
    charset = _parameter(text, "charset").lower()
    if media_type not in _JSON_TYPES or charset not in ("", "utf-8", "utf8") or version not in ("", "4.0", "4.0.1"):
        raise Incorrect(
            "This Content-Type is not taken here.",
            remedy=f"Send FHIR R4 as JSON in UTF-8 with Content-Type: {FHIR_JSON}.",
            issue_code="not-supported",
            http_status=415,
        )


def _media_type(text: str) -> tuple[str, str]:
    return text.partition(";")[0].strip().lower(), _parameter(text, "fhirversion")


def _parameter(text: str, wanted: str) -> str:
    for part in text.split(";")[1:]:
        name, _, value = part.partition("=")
        if name.strip().lower() == wanted:
            return value.strip().strip('"')
    return ""


def _quality(text: str) -> float:
    value = _parameter(text, "q")
    try:
        return float(value) if value else 1.0
    except ValueError:
        return 0.0


def not_acceptable() -> Incorrect:
    """406, naming what there is."""
    return Incorrect(
        "The asked format is not available.",
        remedy=f"This hub answers FHIR R4 as JSON: use Accept: {FHIR_JSON} or _format=json.",
        issue_code="not-supported",
        http_status=406,
    )
