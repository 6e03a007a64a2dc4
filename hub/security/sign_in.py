"""``GET /sign-in?code=…``: changes a one-time code for a session cookie and goes on to the pages.

The cookie is ``HttpOnly`` and ``SameSite=Strict`` (RFC 6265bis §5.6), and ``Secure`` where the hub speaks TLS.
"""

import asyncio
from urllib.parse import parse_qs

from .door import COOKIE, Receive, Scope, Send
from .sessions import SESSION_SECONDS, Sessions

_FAILED = """<!doctype html><html lang="zh-CN"><meta charset="utf-8"><title>登录 · Sign in</title>
<p>登录链接已使用或已过期，请重新获取。</p>
<p>This sign-in link was used or has expired. Ask for a new one.</p></html>"""


class SignIn:
    """A plain ASGI application; mount it at ``/sign-in`` (an open path of the Door). A GET that carries no code, or one
    that is used up, shows how to get another with status 403, and changes nothing."""

    def __init__(self, sessions: Sessions, *, secure: bool, landing: str = "/") -> None:
        self._sessions = sessions
        self._secure = secure
        self._landing = landing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            codes = parse_qs(scope["query_string"].decode("latin-1"), max_num_fields=10).get("code", [])
        except ValueError:
            codes = []
        session = None
        if scope["method"] == "GET" and len(codes) == 1 and len(codes[0]) <= 128:
            session = await asyncio.to_thread(self._sessions.redeem, codes[0])
        headers = [(b"cache-control", b"no-store"), (b"referrer-policy", b"no-referrer")]
        if session is None:
            body = _FAILED.encode()
            headers += [(b"content-type", b"text/html; charset=utf-8"), (b"content-length", b"%d" % len(body))]
            await send({"type": "http.response.start", "status": 403, "headers": headers})
            await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
            return
        cookie = f"{COOKIE}={session}; Path=/; Max-Age={SESSION_SECONDS}; HttpOnly; SameSite=Strict"
        if self._secure:
            cookie += "; Secure"
        headers += [
            (b"location", self._landing.encode("ascii")),
            (b"set-cookie", cookie.encode("ascii")),
            (b"content-length", b"0"),
        ]
        await send({"type": "http.response.start", "status": 303, "headers": headers})
        await send({"type": "http.response.body", "body": b""})
