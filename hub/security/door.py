"""The outer ASGI middleware: nobody passes without a credential, and nothing is read of a request before that.

RFC 6750 (bearer tokens), RFC 7519 (signed tokens, for CDS clients), RFC 9110 §11 (401 and ``WWW-Authenticate``). The
decision is made on the path that the server matched, the same value the routers match on: no Host, forwarding or
override header has a say. Inner applications find the ``Caller`` in ``scope["state"]["caller"]``.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

from hub.contracts.caller import Caller
from hub.contracts.errors import ExchangeError, Incorrect, Unauthenticated
from hub.fhir.outcome import operation_outcome

from .cookies import cookie_of
from .signed import is_signed

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

COOKIE = "hub_session"
LOOK = frozenset({"GET", "HEAD"})
FORBIDDEN = 403

OPEN_PATHS: Mapping[str, frozenset[str]] = {
    "/health/live": LOOK,
    "/health/ready": LOOK,
    "/metrics": LOOK,
    "/fhir/metadata": LOOK,
    "/cds-services": LOOK,
    "/sign-in": LOOK,
    "/view": LOOK,
    "/style.css": LOOK,
}
"""Exact path and the methods it is open for; everything else needs a credential. ``/view`` asks for its own: the sealed
token of a link."""

SIGNED_PATHS = "/cds-services/"
"""Where a JSON Web Token may stand for a client: what CDS Hooks defines it for."""

FORM_PATHS = ("/identity/review/", "/images/", "/reading/", "/cds-services/", "/fhir/ServiceRequest")
"""Where pages of ours send their forms, and the ordering page its calls and orders."""

_ACTOR = re.compile(r"(?:Practitioner|PractitionerRole)/[A-Za-z0-9\-.]{1,64}", re.ASCII)
_PURPOSE = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,31}", re.ASCII)


class Credentials(Protocol):
    """``hub.security.clients.Clients``, as far as the door asks."""

    def caller_of_token(self, token: str) -> Caller | None: ...


class SignedTokens(Protocol):
    """``hub.security.signed.SignedCredentials``, as far as the door asks. May block."""

    def caller(self, token: str, audience: Sequence[str]) -> Caller: ...


class SessionCredentials(Protocol):
    """``hub.security.sessions.Sessions``, as far as the door asks."""

    def caller_of_session(self, session: str) -> Caller | None: ...


class Passes(Protocol):
    """``hub.security.study_pass.StudyPasses``, as far as the door asks."""

    def caller(self, cookies: Sequence[str], path: str, query: bytes) -> Caller | None: ...


class Door:
    """Wraps the whole HTTP application.

    ``note`` counts failed tries (kind, address). A failed try costs one hash and one look-up; nobody is ever locked out
    by the failures of somebody else. A session cookie counts for GET and HEAD alone, so that no foreign page can make a
    signed-in browser change anything; a bearer token, where there is one, decides before any cookie. ``signed`` takes
    JSON Web Tokens, for the CDS services alone; ``passes`` opens the images of a few studies to a browser that has no
    session; ``base_url`` is what they call the hub in ``aud``, by default the
    address it listens on (never a Host header: that is the sender's own word). ``denied`` is told of each 403: who,
    method, path.
    """

    def __init__(
        self,
        app: App,
        clients: Credentials,
        open_paths: Mapping[str, frozenset[str]] = OPEN_PATHS,
        *,
        sessions: SessionCredentials | None = None,
        signed: SignedTokens | None = None,
        passes: Passes | None = None,
        base_url: str | None = None,
        note: Callable[[str, str], None] = lambda kind, detail: None,
        denied: Callable[[Caller, str, str], None] = lambda caller, method, path: None,
    ) -> None:
        self._app = app
        self._denied = denied
        self._clients = clients
        self._sessions = sessions
        self._signed = signed
        self._passes = passes
        self._base_url = base_url
        self._open_paths = open_paths
        self._note = note

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        elif scope["type"] == "http":
            if not self._is_open(scope):
                try:
                    caller = await self._caller(scope)
                except ExchangeError as refusal:
                    await _refuse(send, scope["method"], refusal)
                    return
                scope.setdefault("state", {})["caller"] = caller
                send = self._telling_denials(caller, scope, send)
            await self._app(scope, receive, send)

    def _telling_denials(self, caller: Caller, scope: Scope, send: Send) -> Send:
        async def telling(message: MutableMapping[str, Any]) -> None:
            if message.get("status") == FORBIDDEN:
                self._denied(caller, scope["method"], scope["path"])
            await send(message)

        return telling

    def _is_open(self, scope: Scope) -> bool:
        return _reads_one_way(scope) and scope["method"] in self._open_paths.get(scope["path"], ())

    async def _caller(self, scope: Scope) -> Caller:
        headers = _Headers(scope)
        authorization = headers.one("authorization")
        caller = None
        if authorization is not None:
            scheme, _, token = authorization.partition(" ")
            token = token.strip()
            if scheme.lower() == "bearer" and self._takes_signed(scope, token):
                return await self._signer(scope, token)
            if scheme.lower() == "bearer":
                caller = self._clients.caller_of_token(token)
            kind = "bad-token"
        else:
            kind = "no-token"
            if self._sessions is not None and (scope["method"] in LOOK or _is_own_form(scope, headers)):
                session = cookie_of(headers.all("cookie"), COOKIE, longest=128)
                if session is not None:
                    caller, kind = self._sessions.caller_of_session(session), "bad-session"
            if caller is None and scope["method"] in LOOK:
                caller = self._by_pass(scope, headers)
        if caller is None:
            self._refused(scope, kind)
            raise Unauthenticated(
                "No valid credential came with this request.",
                remedy="Send 'Authorization: Bearer TOKEN' with the token that hub client add printed.",
            )
        return _acting(caller, headers)

    def _by_pass(self, scope: Scope, headers: "_Headers") -> Caller | None:
        if self._passes is None or not _reads_one_way(scope):
            return None
        return self._passes.caller(headers.all("cookie"), scope["path"], scope.get("query_string", b""))

    def _takes_signed(self, scope: Scope, token: str) -> bool:
        return self._signed is not None and scope["path"].startswith(SIGNED_PATHS) and is_signed(token)

    async def _signer(self, scope: Scope, token: str) -> Caller:
        assert self._signed is not None  # noqa: S101 (``_takes_signed``)
        try:
            caller = await asyncio.to_thread(self._signed.caller, token, _audience(scope, self._base_url))
        except Unauthenticated:
            self._refused(scope, "bad-signed-token")
            raise
        return _acting(caller, _Headers(scope))

    def _refused(self, scope: Scope, kind: str) -> None:
        client = scope.get("client")
        self._note(kind, str(client[0]) if client else "")


def _reads_one_way(scope: Scope) -> bool:
    """Inner applications may read the undecoded path: an open path is one that reads the same both ways."""
    raw = bytes(scope.get("raw_path") or scope["path"].encode()).partition(b"?")[0]
    return raw == str(scope["path"]).encode()


def _acting(caller: Caller, headers: "_Headers") -> Caller:
    """The practitioner and the purpose that the headers name. Raises Incorrect (400) where they are malformed."""
    actor, purpose = headers.one("acting-practitioner"), headers.one("purpose-of-use")
    if actor is not None and not _ACTOR.fullmatch(actor):
        raise _malformed("Acting-Practitioner", "Write it as Practitioner/ID.")
    if purpose is not None and not _PURPOSE.fullmatch(purpose):
        raise _malformed("Purpose-Of-Use", "Write one code, such as TREAT.")
    return replace(caller, actor=actor, purpose=purpose) if actor or purpose else caller


def _audience(scope: Scope, base_url: str | None) -> list[str]:
    """The addresses that the called service goes by; feedback may be sent with a token for its service."""
    path: str = scope["path"]
    paths = [path, path.removesuffix("/feedback")]
    if base_url:
        return [base_url.rstrip("/") + each for each in paths]
    host, port = scope.get("server") or ("localhost", None)
    hosts = [f"[{host}]" if ":" in host else host, *(["localhost"] if host in ("127.0.0.1", "::1") else [])]
    authorities = [f"{each}:{port}" if port else each for each in hosts]
    return [f"{scope.get('scheme', 'http')}://{each}{one}" for each in authorities for one in paths]


class _Headers:
    def __init__(self, scope: Scope) -> None:
        self._raw: list[tuple[bytes, bytes]] = scope["headers"]

    def all(self, name: str) -> list[str]:
        wanted = name.encode("ascii")
        return [value.decode("latin-1") for key, value in self._raw if key.lower() == wanted]

    def one(self, name: str) -> str | None:
        """The value; raises Incorrect where the header came twice, since two readers might take different ones."""
        values = self.all(name)
        if len(values) > 1:
            raise _malformed(name.title(), "Send the header once.")
        return values[0].strip() if values else None


def _is_own_form(scope: Scope, headers: _Headers) -> bool:
    """A form of ours, sent by a browser from a page of ours: what Origin and Sec-Fetch-Site say, no page can forge
    (Fetch standard, forbidden request-headers)."""
    if scope["method"] != "POST" or not scope["path"].startswith(FORM_PATHS):
        return False
    host, origin, site = headers.one("host"), headers.one("origin"), headers.one("sec-fetch-site")
    same = bool(host) and origin is not None and origin.partition("://")[2].lower() == (host or "").lower()
    return same and site in (None, "same-origin")


def _malformed(header: str, remedy: str) -> Incorrect:
    return Incorrect(f"The header {header} is malformed.", where=header, remedy=remedy, http_status=400)


async def _refuse(send: Send, method: str, refusal: ExchangeError) -> None:
    """Answer without having read the body: the server drops what still comes of it."""
    body = operation_outcome(refusal)
    headers = [
        (b"content-type", b"application/fhir+json"),
        (b"content-length", str(len(body)).encode("ascii")),
        (b"cache-control", b"no-store"),
    ]
    if refusal.http_status == 401:
        headers.append((b"www-authenticate", b'Bearer realm="hub"'))
    await send({"type": "http.response.start", "status": refusal.http_status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if method == "HEAD" else body})
