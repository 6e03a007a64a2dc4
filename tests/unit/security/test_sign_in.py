"""One-time codes, sessions, and the page that changes one for the other."""

import asyncio
from collections.abc import MutableMapping
from typing import Any

import pytest

from hub.contracts.caller import Role
from hub.contracts.errors import NotFound
from hub.security.clients import Clients
from hub.security.registration import Registration
from hub.security.sessions import Sessions
from hub.security.sign_in import SignIn
from hub.store.sqlite import SqliteResourceStore


@pytest.fixture
def sessions(store: SqliteResourceStore, clients: Clients) -> Sessions:
    clients.add(Registration("viewer", Role.PHYSICIAN, "county-hospital"))
    return Sessions(store, clients)


def forget(sessions: Sessions) -> None:
    sessions._held.clear()


def test_a_code_signs_in_once(sessions: Sessions) -> None:
    code = sessions.sign_in_code("viewer")
    session = sessions.redeem(code)
    assert session is not None
    caller = sessions.caller_of_session(session)
    assert caller is not None and (caller.client, caller.role) == ("viewer", Role.PHYSICIAN)
    assert sessions.redeem(code) is None


def test_a_session_is_no_code_and_a_code_no_session(sessions: Sessions) -> None:
    code = sessions.sign_in_code("viewer")
    assert sessions.caller_of_session(code) is None
    session = sessions.redeem(code)
    assert session is not None and sessions.redeem(session) is None


def test_codes_and_sessions_end_with_their_time(sessions: Sessions) -> None:
    assert sessions.redeem(sessions.sign_in_code("viewer", lifetime_seconds=-1)) is None
    session = sessions.redeem(sessions.sign_in_code("viewer"), lifetime_seconds=-1)
    assert session is not None and sessions.caller_of_session(session) is None


def test_a_session_ends_with_its_client_and_by_signing_out(sessions: Sessions, clients: Clients) -> None:
    first, second = (sessions.redeem(sessions.sign_in_code("viewer")) or "" for _ in range(2))
    assert sessions.caller_of_session(first) is not None
    sessions.end(first)
    assert sessions.caller_of_session(first) is None
    clients.rotate("viewer")
    forget(sessions)
    assert sessions.caller_of_session(second) is None


def test_nobody_signs_in_as_a_client_that_is_not_registered(sessions: Sessions) -> None:
    with pytest.raises(NotFound):
        sessions.sign_in_code("nobody")


def get(sessions: Sessions, query: str, method: str = "GET", *, secure: bool = False) -> tuple[int, dict[bytes, bytes]]:
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> MutableMapping[str, Any]:
        raise AssertionError("there is no body to read")

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    scope = {"type": "http", "method": method, "path": "/sign-in", "query_string": query.encode(), "headers": []}
    asyncio.run(SignIn(sessions, secure=secure)(scope, receive, send))
    return sent[0]["status"], dict(sent[0]["headers"])


def test_the_link_sets_a_cookie_no_script_and_no_other_site_can_use(sessions: Sessions) -> None:
    status, headers = get(sessions, f"code={sessions.sign_in_code('viewer')}", secure=True)
    assert (status, headers[b"location"]) == (303, b"/")
    cookie = headers[b"set-cookie"].decode()
    assert all(word in cookie for word in ("HttpOnly", "SameSite=Strict", "Secure", "Path=/"))
    session = cookie.partition("=")[2].partition(";")[0]
    assert sessions.caller_of_session(session) is not None


@pytest.mark.parametrize("query", ["", "code=", "code=wrong", "code=a&code=b", "x=" * 50, "code=" + "x" * 1000])
def test_a_used_or_broken_link_opens_nothing(sessions: Sessions, query: str) -> None:
    status, headers = get(sessions, query)
    assert status == 403
    assert b"set-cookie" not in headers


def test_a_preview_of_the_link_does_not_use_it_up(sessions: Sessions) -> None:
    code = sessions.sign_in_code("viewer")
    assert get(sessions, f"code={code}", "HEAD")[0] == 403
    assert get(sessions, f"code={code}")[0] == 303
