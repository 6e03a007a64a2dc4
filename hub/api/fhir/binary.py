"""The content of a Binary itself (https://hl7.org/fhir/R4/binary.html#rest): a read that accepts its content type and
no FHIR format is answered with the bytes as they were before base64."""

import base64
import binascii

import msgspec

from hub.api.negotiation import not_acceptable
from hub.contracts.store import Stored

from .exchange import Request, Response


class _Binary(msgspec.Struct):
    contentType: str
    data: str | None = None


_decode = msgspec.json.Decoder(_Binary).decode


def asks_for_content(request: Request) -> bool:
    """Whether this is a read of one Binary that leaves no FHIR format to answer in."""
    return (
        request.method in ("GET", "HEAD")
        and len(request.path) == 2
        and request.path[0] == "Binary"
        and request.parameter("_format") is None
    )


def content_of(stored: Stored, request: Request) -> Response:
    """Raises Incorrect (406) where the Binary is of another type than was accepted."""
    binary = _decode(stored.body)
    kind = binary.contentType.strip()
    wanted = {part.partition(";")[0].strip().lower() for part in (request.header(b"accept") or "").split(",")}
    plain = kind.partition(";")[0].strip().lower()
    if not wanted & {plain, f"{plain.partition('/')[0]}/*", "application/octet-stream"}:
        raise not_acceptable()
    try:
        content = base64.b64decode(binary.data or "", validate=False)
    except binascii.Error:
        raise not_acceptable() from None
    response = Response(200, content, stored.version, stored.last_updated)
    response.media_type = kind if kind.isascii() and kind.isprintable() else "application/octet-stream"
    # Foreign bytes under our own origin: a browser may save them, never run them.
    response.headers += [
        (b"content-disposition", b"attachment"),
        (b"content-security-policy", b"sandbox; default-src 'none'"),
    ]
    return response
