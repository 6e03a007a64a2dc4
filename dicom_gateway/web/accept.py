"""Accept headers (RFC 9110 12.5.1; PS3.18 8.7): parameters quoted or not, transfer-syntax with or without a star."""

from dataclasses import dataclass, field

from hub.contracts.errors import Incorrect

DICOM_JSON, JSON = "application/dicom+json", "application/json"
DICOM = "application/dicom"
OCTET_STREAM = "application/octet-stream"
MULTIPART = "multipart/related"
_LONGEST_CHARACTERS = 4096


@dataclass(frozen=True, slots=True)
class MediaRange:
    """One entry. For ``multipart/related`` ``type`` is that of its parts; ``transfer_syntax`` is None where absent."""

    media_type: str
    type: str = ""
    transfer_syntax: str | None = None
    quality: float = 1.0
    parameters: dict[str, str] = field(default_factory=dict, compare=False)

    @property
    def multipart(self) -> bool:
        return self.media_type == MULTIPART

    @property
    def wild(self) -> bool:
        return self.media_type == "*/*"

    def takes(self, media_type: str) -> bool:
        """Does the range (of parts, for a multipart one) include this media type?"""
        wanted = (self.type or "*/*") if self.multipart else self.media_type
        return wanted in ("*/*", media_type) or (wanted.endswith("/*") and media_type.startswith(wanted[:-1]))

    def takes_syntax(self, *uids: str) -> bool:
        return self.transfer_syntax is None or self.transfer_syntax in ("*", *uids)


def media_ranges(accept: str) -> list[MediaRange]:
    """Best first; what cannot be read is left out. No header at all accepts everything."""
    if len(accept) > _LONGEST_CHARACTERS:
        raise Incorrect("The Accept header is too long.", where="Accept", remedy="Shorten it.", http_status=400)
    if not accept.strip():
        return [MediaRange("*/*")]
    ranges = [found for entry in _split(accept, ",") if (found := _media_range(entry)) is not None]
    return sorted((one for one in ranges if one.quality > 0), key=lambda one: -one.quality)


def json_type(accept: str) -> str:
    """The content type of a DICOM JSON answer. Raises Incorrect (406)."""
    for one in media_ranges(accept):
        if not one.multipart:
            if one.takes(DICOM_JSON):
                return DICOM_JSON
            if one.takes(JSON):
                return JSON
    raise not_acceptable(f"Accept {DICOM_JSON}.")


def not_acceptable(remedy: str) -> Incorrect:
    return Incorrect(
        "Nothing of what the Accept header names can be given.",
        where="Accept",
        remedy=remedy,
        issue_code="not-supported",
        http_status=406,
    )


def _media_range(entry: str) -> MediaRange | None:
    media_type, *rest = _split(entry, ";")
    media_type = media_type.strip().lower()
    if "/" not in media_type:
        return None
    parameters: dict[str, str] = {}
    for part in rest:
        name, _equals, value = part.partition("=")
        parameters[name.strip().lower()] = value.strip().strip('"')
    try:
        quality = float(parameters.get("q", "1"))
    except ValueError:
        return None
    return MediaRange(
        media_type, parameters.get("type", "").lower(), parameters.get("transfer-syntax"), quality, parameters
    )


def _split(text: str, separator: str) -> list[str]:
    """At separators outside quotes."""
    parts, begin, quoted = [], 0, False
    for at, character in enumerate(text):
        if character == '"':
            quoted = not quoted
        elif character == separator and not quoted:
            parts.append(text[begin:at])
            begin = at + 1
    parts.append(text[begin:])
    return parts


def content_type_of(header: str) -> MediaRange | None:
    """A Content-Type header, read the same way."""
    return _media_range(header) if header else None
