"""The ASGI application below ``/fhir``. It trusts ``scope["state"]["caller"]``, set by the security middleware."""

import msgspec

from hub.api.asgi import BodyBudget, ClientGone, Receive, Scope, Send
from hub.api.negotiation import FHIR_JSON
from hub.contracts.errors import ExchangeError, Incorrect
from hub.telemetry import metrics

from .binary import asks_for_content
from .exchange import Request, Response
from .refusal import fault, refusal
from .rooms import Rooms
from .routes import dispatch

ANSWERED = metrics.describe("hub_fhir_requests_total", "FHIR requests answered, by HTTP status.")
DEFAULT_LIMIT_BYTES = 64 << 20
_ALWAYS = ((b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff"))
"""Health data stays in no cache on the way (FHIR R4 security.html), and is never taken for a page."""


class FhirApp:
    """``base_url`` is what the site calls itself outside (behind a proxy); None follows the request."""

    def __init__(
        self,
        rooms: Rooms,
        *,
        base_url: str | None = None,
        mount: str = "/fhir",
        body_limit_bytes: int = DEFAULT_LIMIT_BYTES,
    ) -> None:
        self._rooms = rooms
        self._base_url = base_url.rstrip("/") if base_url else None
        self._mount = mount
        self._budget = BodyBudget(body_limit_bytes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive, self._mount, self._base_url, self._budget)
        media_type, indented = FHIR_JSON, False
        try:
            media_type = _negotiated(request)
            indented = request.parameter("_pretty") == "true"
            response = await dispatch(self._rooms, request)
        except ClientGone:
            return
        except ExchangeError as error:
            response = refusal(error)
        except Exception as error:  # whatever happens, the client gets an OperationOutcome without internals
            response = refusal(fault(error, request.method))
        finally:
            request.release()
        metrics.count(ANSWERED, status=str(response.status))
        if indented and response.body and not response.media_type:
            response.body = msgspec.json.format(response.body, indent=2)
        await _send(request, response, media_type, send)


def _negotiated(request: Request) -> str:
    try:
        return request.answer_type
    except Incorrect:
        if not asks_for_content(request):
            raise
        request.wants_content = True
        return FHIR_JSON


async def _send(request: Request, response: Response, media_type: str, send: Send) -> None:
    body = response.body
    headers = [*_ALWAYS, *response.all_headers(media_type)]
    if response.status not in (204, 304):
        headers.append((b"content-length", b"%d" % len(body)))
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if request.method == "HEAD" else body})
