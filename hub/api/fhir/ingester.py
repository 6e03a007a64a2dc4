"""Replay of a FHIR request from quarantine: the same method, address, headers and bytes, from the same client."""

from collections.abc import Mapping
from urllib.parse import quote

from hub.api.asgi import BodyBudget, Message
from hub.api.negotiation import FHIR_JSON
from hub.contracts.caller import Caller
from hub.contracts.ingest import Acknowledgement
from hub.contracts.submission import Receipt

from .exchange import Request
from .rooms import Rooms
from .routes import dispatch

_OWN = frozenset({"method", "path", "query"})


class FhirIngester:
    """``hub.contracts.ingest.Ingester`` of channel ``fhir``; ``query`` is what ``hub.api.fhir.refused`` kept."""

    def __init__(self, rooms: Rooms, *, base_url: str | None = None, mount: str = "/fhir") -> None:
        self._rooms = rooms
        self._base_url = base_url
        self._mount = mount

    async def __call__(
        self, content: bytes, content_type: str, caller: Caller, query: Mapping[str, str]
    ) -> Receipt | Acknowledgement:
        async def receive() -> Message:
            return {"type": "http.request", "body": content, "more_body": False}

        path = f"{self._mount}/{quote(query.get('path', ''))}"
        headers = [(b"content-type", content_type.encode("latin-1", "replace"))]
        headers += [(name.encode("ascii"), query[name].encode("latin-1")) for name in query if name not in _OWN]
        scope = {
            "method": query.get("method", "POST"),
            "path": path,
            "raw_path": path.encode("ascii"),
            "query_string": query.get("query", "").encode("ascii", "replace"),
            "headers": headers,
            "state": {"caller": caller},
        }
        request = Request(scope, receive, self._mount, self._base_url, BodyBudget(len(content) + 1))
        response = await dispatch(self._rooms, request)
        if response.receipt is not None:
            return response.receipt
        return Acknowledgement(response.body, FHIR_JSON, response.status < 400)
