"""Browser clients of other origins: the listed ones, and the CDS services alone."""

import asyncio
from collections.abc import MutableMapping
from typing import Any

import pytest

from hub.security.cors import Cors

HIS = "https://his.example"


async def inside(scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
    """The application behind: nobody in."""
    await send({"type": "http.response.start", "status": 401, "headers": [(b"x-inside", b"1")]})
    await send({"type": "http.response.body", "body": b""})


def ask(method: str, path: str, **headers: str) -> tuple[int, dict[bytes, bytes]]:
    sent: list[MutableMapping[str, Any]] = []

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": "http", "method": method, "path": path,
        "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()],
    }  # fmt: skip
    asyncio.run(Cors(inside, [HIS])(scope, None, send))
    return sent[0]["status"], dict(sent[0]["headers"])


@pytest.mark.parametrize("path", ["/cds-services", "/cds-services/duplicate-examination-sign"])
def test_a_preflight_from_a_listed_origin_needs_no_credential(path: str) -> None:
    status, headers = ask("OPTIONS", path, origin=HIS, access_control_request_method="POST")
    assert (status, headers[b"access-control-allow-origin"]) == (204, HIS.encode())
    assert b"POST" in headers[b"access-control-allow-methods"]
    assert b"authorization" in headers[b"access-control-allow-headers"].lower()
    assert headers[b"vary"] == b"Origin" and b"access-control-allow-credentials" not in headers


@pytest.mark.parametrize(("method", "path", "headers"), [
    ("OPTIONS", "/cds-services", {"origin": "https://evil.example", "access_control_request_method": "POST"}),
    ("OPTIONS", "/cds-services", {"origin": "null", "access_control_request_method": "POST"}),
    ("OPTIONS", "/fhir/Patient", {"origin": HIS, "access_control_request_method": "GET"}),
    ("OPTIONS", "/cds-servicesx", {"origin": HIS, "access_control_request_method": "GET"}),
    ("GET", "/cds-services", {"origin": HIS + ".evil.example"}),
    ("GET", "/cds-services", {}),
])  # fmt: skip
def test_others_are_answered_as_if_nobody_had_asked(method: str, path: str, headers: dict[str, str]) -> None:
    assert ask(method, path, **headers) == (401, {b"x-inside": b"1"})


def test_an_answer_to_a_listed_origin_may_be_read_by_it_a_refusal_too() -> None:
    status, headers = ask("POST", "/cds-services/x", origin=HIS)
    assert (status, headers[b"access-control-allow-origin"], headers[b"x-inside"]) == (401, HIS.encode(), b"1")
