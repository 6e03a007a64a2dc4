"""A FHIR request as the interactions see it, and their answer."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from urllib.parse import parse_qsl, unquote

from hub.api.asgi import BodyBudget, Message, Receive, Scope, headers_of, read_body
from hub.api.base_url import base_url
from hub.api.negotiation import Preferences, answer_type, check_content_type, preferences
from hub.contracts.caller import Caller
from hub.contracts.errors import Incorrect, TooLarge
from hub.contracts.store import Stored
from hub.contracts.submission import Outcome, Receipt

Headers = list[tuple[bytes, bytes]]
Pairs = list[tuple[str, str]]

MOST_PARAMETERS = 1000
MOST_VALUES = 2_000_000
"""Members and list items of one JSON body, counted by their commas before anything is parsed: decoded, each costs some
fifty times the two bytes that it may take on the wire."""
FORM_LIMIT_BYTES = 1 << 20
"""Bytes of a POST _search body."""

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class Request:
    """One HTTP request below ``mount``. Cheap to make: what an interaction does not ask for is not parsed."""

    __slots__ = (
        "_base",
        "_budget",
        "_configured_base",
        "_pairs",
        "_receive",
        "_scope",
        "caller",
        "headers",
        "held_bytes",
        "is_inner",
        "method",
        "mount",
        "path",
        "wants_content",
    )

    def __init__(
        self, scope: Scope, receive: Receive, mount: str, configured_base: str | None, budget: BodyBudget
    ) -> None:
        self._scope = scope
        self._receive = receive
        self._budget = budget
        self._configured_base = configured_base
        self._base: str | None = None
        self._pairs: Pairs | None = None
        self.mount = mount
        self.method: str = scope["method"]
        self.headers = headers_of(scope)
        self.caller: Caller | None = scope.get("state", {}).get("caller")
        self.path = _segments(scope, mount)
        self.held_bytes = 0
        self.is_inner = False
        """An entry of a batch or transaction."""
        self.wants_content = False
        """A Binary is to be answered with its bytes."""

    def inner(self, method: str, path: str, query: str, headers: Headers, body: bytes) -> "Request":
        """A request within this one, from the same caller. ``path`` and ``query`` are percent-encoded ASCII; the body
        is in memory already and counts for nothing more."""

        async def receive() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        scope = {
            "method": method,
            "path": f"{self.mount}/{unquote(path)}",
            "raw_path": f"{self.mount}/{path}".encode("ascii"),
            "query_string": query.encode("ascii"),
            "headers": headers,
            "state": {"caller": self.caller},
        }
        request = Request(scope, receive, self.mount, self.base, BodyBudget(len(body) + 1))
        request.is_inner = True
        return request

    @property
    def base(self) -> str:
        if self._base is None:
            self._base = base_url(self._scope, self.headers, self._configured_base, self.mount)
        return self._base

    @property
    def pairs(self) -> Pairs:
        """The query string, decoded, in order, without ``_format`` and ``_pretty``."""
        if self._pairs is None:
            self._pairs = parse_pairs(self._scope["query_string"]) if self._scope["query_string"] else []
        return [pair for pair in self._pairs if pair[0] not in ("_format", "_pretty")]

    def parameter(self, name: str) -> str | None:
        if not self._scope["query_string"]:
            return None
        if self._pairs is None:
            self._pairs = parse_pairs(self._scope["query_string"])
        return next((value for given, value in self._pairs if given == name), None)

    @property
    def query(self) -> str:
        """The query string as it came."""
        raw: bytes = self._scope["query_string"]
        return raw.decode("ascii", "replace")

    @property
    def preferences(self) -> Preferences:
        return preferences(self.headers.get(b"prefer", b""))

    def header(self, name: bytes) -> str | None:
        value = self.headers.get(name)
        return None if value is None else value.decode("latin-1").strip()

    @property
    def answer_type(self) -> str:
        """Raises Incorrect (406)."""
        return answer_type(self.headers.get(b"accept", b""), self.parameter("_format"))

    def no_parameters(self) -> None:
        """Raises Incorrect for any parameter: this interaction knows none."""
        for name, _ in self.pairs:
            raise Incorrect(
                f"The parameter {name[:64]!r} is not known to this interaction.",
                remedy="Only _format and _pretty may be given here.",
                issue_code="not-supported",
                http_status=400,
            )

    async def json_body(self) -> bytes:
        """Raises Incorrect (415), TooLarge, Busy, ClientGone."""
        check_content_type(self.headers.get(b"content-type", b""))
        body = await self._body()
        if len(body) > MOST_VALUES and body.count(b",") > MOST_VALUES:
            raise TooLarge(f"The body holds more than {MOST_VALUES} values.", remedy="Split it into several requests.")
        return body

    async def form_body(self) -> Pairs:
        """``application/x-www-form-urlencoded`` pairs of a POST _search."""
        media_type = self.headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
        if media_type not in (b"application/x-www-form-urlencoded", b""):
            raise Incorrect(
                "This Content-Type is not taken here.",
                remedy="Send search parameters as application/x-www-form-urlencoded.",
                issue_code="not-supported",
                http_status=415,
            )
        return parse_pairs(await self._body(FORM_LIMIT_BYTES))

    async def _body(self, limit_bytes: int | None = None) -> bytes:
        body = await read_body(self._receive, self.headers, self._budget, limit_bytes)
        self.held_bytes += len(body)
        return body

    def release(self) -> None:
        self._budget.release(self.held_bytes)
        self.held_bytes = 0


@dataclass(slots=True)
class Response:
    """``body`` is JSON, empty where the interaction answers none. ``version`` and ``last_updated`` become ETag and
    Last-Modified; a Bundle entry states the same values in its own words."""

    status: int
    body: bytes = b""
    version: int | None = None
    last_updated: str = ""
    location: str = ""
    """Absolute, with the version."""
    headers: Headers = field(default_factory=list)
    receipt: Receipt | None = None
    """Of the write that this answers."""
    media_type: str = ""
    """Of the body where it is not what the request negotiated."""

    def all_headers(self, media_type: str) -> Headers:
        headers = self.headers
        if self.version is not None:
            headers.append((b"etag", b'W/"%d"' % self.version))
        if self.last_updated:
            headers.append((b"last-modified", http_date(self.last_updated)))
        if self.location:
            headers.append((b"location", self.location.encode("ascii")))
        if self.body:
            headers.append((b"content-type", (self.media_type or media_type).encode("ascii")))
        return headers


def stored_response(stored: Stored) -> Response:
    return Response(200, stored.body, stored.version, stored.last_updated)


def outcome_response(outcome: Outcome, base: str) -> Response:
    """What became of one write, without a body."""
    where = f"{base}/{outcome.type}/{outcome.id}/_history/{outcome.version}" if outcome.status != 204 else ""
    if not outcome.version:  # deleted what never was
        return Response(outcome.status)
    return Response(outcome.status, b"", outcome.version, outcome.last_updated, where)


@lru_cache(maxsize=4096)
def http_date(instant: str) -> bytes:
    """A FHIR instant as IMF-fixdate (RFC 9110 5.6.7)."""
    at = datetime.fromisoformat(instant).astimezone(UTC)
    text = f"{_DAYS[at.weekday()]}, {at.day:02} {_MONTHS[at.month - 1]} {at.year:04} {at:%H:%M:%S} GMT"
    return text.encode("ascii")


def parse_pairs(query: bytes) -> Pairs:
    """Raises Incorrect where it is not percent-encoded UTF-8, or endless."""
    try:
        return parse_qsl(query.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MOST_PARAMETERS)
    except UnicodeError:
        what = "The parameters are not percent-encoded UTF-8."
    except ValueError:
        what = f"There are more than {MOST_PARAMETERS} parameters."
    raise Incorrect(what, remedy="Encode parameters as RFC 3986 says, and send fewer.", http_status=400)


def _segments(scope: Scope, mount: str) -> Sequence[str]:
    """Path segments below the mount, each decoded by itself, so that ``%2F`` cannot make two of one."""
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    raw = raw.partition(b"?")[0]
    text = raw.decode("latin-1") if b"%" in raw else scope["path"]
    below = text[len(mount) :] if text.startswith(mount) else text
    parts = below.strip("/").split("/") if below.strip("/") else []
    return [unquote(part, errors="replace") for part in parts] if b"%" in raw else parts
