"""What entries of batches and transactions have in common: their requests, their answers, the place of a fault."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from urllib.parse import quote

from hub.contracts.errors import ExchangeError, Unsupported
from hub.fhir.bundle import RawEntry, ResponseEntry

from .bundle_url import relative_url
from .exchange import Headers, Request, Response
from .rooms import Rooms

Dispatch = Callable[[Rooms, Request], Awaitable[Response]]

_STATUS_LINES = {status.value: f"{status.value} {status.phrase}" for status in HTTPStatus}
_ASCII = "".join(chr(code) for code in range(33, 127))


def inner_request(request: Request, entry: RawEntry) -> Request:
    """The entry as the HTTP request it stands for. Raises Incorrect for a URL that leads elsewhere."""
    path, query = relative_url(entry.url, request.base)
    if not path:
        raise Unsupported(
            "A Bundle within a Bundle is not processed.", remedy="Send its entries themselves.", http_status=400
        )
    headers: Headers = [(b"content-type", b"application/fhir+json")]
    for name, value in (
        (b"if-match", entry.if_match),
        (b"if-none-match", entry.if_none_match),
        (b"if-none-exist", entry.if_none_exist),
        (b"if-modified-since", entry.if_modified_since),
        (b"prefer", request.header(b"prefer") or "return=minimal"),
    ):
        if value is not None:
            headers.append((name, value.encode("latin-1", "replace")))
    # JSON may hold what a request line may not: everything beyond ASCII is percent-encoded as a client would do.
    return request.inner(entry.method, quote(path, safe=_ASCII), quote(query, safe=_ASCII), headers, entry.resource)


def response_entry(response: Response, base: str, *, with_resource: bool) -> ResponseEntry:
    """``Bundle.entry`` of the answer to one request."""
    failed = response.status >= 400
    return ResponseEntry(
        _STATUS_LINES.get(response.status, str(response.status)),
        response.location.removeprefix(f"{base}/") or None,
        f'W/"{response.version}"' if response.version is not None else None,
        response.last_updated or None,
        response.body if with_resource and not failed else b"",
        response.body if failed else b"",
    )


def placed(error: ExchangeError, number: int) -> ExchangeError:
    """The error with its place seen from the Bundle: ``Bundle.entry[3].resource.code``."""
    entry = f"Bundle.entry[{number}]"
    if not error.where.startswith("Bundle.entry["):
        head, dot, rest = error.where.partition(".")
        if not error.where:
            error.where = entry
        elif head[:1].isupper() and (dot or head.isalpha()):
            error.where = f"{entry}.resource{dot}{rest}"
        else:
            error.where = f"{entry}.request"
    return error
