"""Conditional reads (FHIR R4 http.html 3.1.0.5.1; RFC 9110 13). If-Match is the store's to judge, in the commit."""

import re
from datetime import datetime
from email.utils import parsedate_to_datetime

from .exchange import Request, Response

_ETAG = re.compile(r'\s*(?:W/)?"([0-9]{1,18})"\s*\Z|\s*([0-9]{1,18})\s*\Z')


def not_modified(request: Request, response: Response) -> Response:
    """304 without a body where the reader has this version already; If-None-Match outweighs If-Modified-Since."""
    known = request.header(b"if-none-match")
    if known is not None:
        if known == "*" or any(_names(part, response.version) for part in known.split(",")):
            return Response(304, b"", response.version, response.last_updated)
        return response
    since = request.header(b"if-modified-since")
    if since is not None and response.last_updated:
        try:
            unchanged = datetime.fromisoformat(response.last_updated).replace(microsecond=0) <= parsedate_to_datetime(
                since
            )
        except (ValueError, TypeError):
            return response  # RFC 9110 13.1.3: an invalid date is ignored
        if unchanged:
            return Response(304, b"", response.version, response.last_updated)
    return response


def _names(part: str, version: int | None) -> bool:
    match = _ETAG.match(part)
    return match is not None and int(match[1] or match[2]) == version
