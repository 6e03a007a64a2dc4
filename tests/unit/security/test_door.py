"""The outer middleware: closed but for the stated paths, and before a byte of a body is read."""

import asyncio
import json
from collections.abc import MutableMapping
from typing import Any

import pytest

from hub.contracts.caller import Caller, Role
from hub.contracts.errors import Unauthenticated
from hub.security.door import OPEN_PATHS, Door

CLINIC = Caller("qingshan", Role.CLINIC, "qingshan")


class OneClient:
    def caller_of_token(self, token: str) -> Caller | None:
        return CLINIC if token == "hub_right" else None


class OneSession:
    def caller_of_session(self, session: str) -> Caller | None:
        return CLINIC if session == "signed-in" else None


class Inside:
    """The application behind the door: notes who came in."""

    def __init__(self) -> None:
        self.callers: list[Caller | None] = []
        self.status = 200

    async def __call__(self, scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        self.callers.append(scope.get("state", {}).get("caller"))
        await send({"type": "http.response.start", "status": self.status, "headers": []})
        await send({"type": "http.response.body", "body": b""})


class Visit:
    def __init__(self) -> None:
        self.inside = Inside()
        self.noted: list[tuple[str, str]] = []
        self.denied: list[tuple[str, str, str]] = []
        self.door = Door(
            self.inside,
            OneClient(),
            sessions=OneSession(),
            note=lambda kind, detail: self.noted.append((kind, detail)),
            denied=lambda caller, method, path: self.denied.append((caller.client, method, path)),
        )

    def knock(
        self, path: str, *headers: tuple[str, str], method: str = "GET", raw_path: bytes | None = None
    ) -> tuple[int, dict[bytes, bytes], bytes]:
        sent: list[MutableMapping[str, Any]] = []

        async def receive() -> MutableMapping[str, Any]:
            raise AssertionError("a body was read of a request that has no right to send one")

        async def send(message: MutableMapping[str, Any]) -> None:
            sent.append(message)

        scope = {
            "type": "http", "method": method, "path": path, "raw_path": raw_path, "client": ("10.9.8.7", 1),
            "headers": [(name.lower().encode(), value.encode()) for name, value in headers],
        }  # fmt: skip
        asyncio.run(self.door(scope, receive, send))
        return sent[0]["status"], dict(sent[0]["headers"]), sent[1]["body"]


@pytest.fixture
def visit() -> Visit:
    return Visit()


def bearer(token: str) -> tuple[str, str]:
    return ("Authorization", f"Bearer {token}")


@pytest.mark.parametrize("path", sorted(OPEN_PATHS))
def test_the_stated_paths_are_open_for_looking(visit: Visit, path: str) -> None:
    assert visit.knock(path)[0] == 200
    assert visit.knock(path, method="POST")[0] == 401


@pytest.mark.parametrize(
    "path",
    [
        "/", "/fhir", "/fhir/Patient", "/fhir/metadata/", "//fhir/metadata", "/fhir/metadata/..", "/FHIR/metadata",
        "/health", "/health/live/../../fhir/Patient", "/metrics/x", "/cds-services/duplicate-examination-sign",
        "/dicom-web/studies", "/quarantine", "/delivery", "/ingest/ecg", "/openapi.json", "/docs", "/no/such/route", "",
    ],
)  # fmt: skip
def test_everything_else_is_closed(visit: Visit, path: str) -> None:
    status, headers, body = visit.knock(path)
    assert status == 401
    assert headers[b"www-authenticate"].startswith(b"Bearer")
    assert json.loads(body)["resourceType"] == "OperationOutcome"
    assert visit.inside.callers == []


def test_an_open_path_written_in_percent_signs_is_closed(visit: Visit) -> None:
    assert visit.knock("/fhir/metadata", raw_path=b"/fhir/meta%64ata")[0] == 401
    assert visit.knock("/fhir/metadata", raw_path=b"/fhir/metadata?x=1")[0] == 200


def test_headers_that_proxies_believe_in_open_nothing(visit: Visit) -> None:
    tricks = [("Host", "127.0.0.1/health/live"), ("X-Original-URL", "/health/live"), ("X-Forwarded-Path", "/metrics")]
    assert visit.knock("/fhir/Patient", *tricks)[0] == 401


def test_a_token_names_the_caller(visit: Visit) -> None:
    assert visit.knock("/fhir/Patient", bearer("hub_right"))[0] == 200
    assert visit.knock("/fhir/Patient", ("authorization", "bearer hub_right"))[0] == 200
    assert visit.inside.callers == [CLINIC, CLINIC]


@pytest.mark.parametrize("value", ["Bearer hub_wrong", "Bearer ", "Bearer", "Basic aHViX3JpZ2h0Og==", "hub_right", ""])
def test_any_other_credential_is_refused_and_counted(visit: Visit, value: str) -> None:
    assert visit.knock("/fhir/Patient", ("Authorization", value))[0] == 401
    assert visit.noted == [("bad-token", "10.9.8.7")]


def test_two_credentials_are_none(visit: Visit) -> None:
    assert visit.knock("/fhir/Patient", bearer("hub_right"), bearer("hub_wrong"))[0] == 400


def test_failures_of_one_lock_out_nobody(visit: Visit) -> None:
    for _ in range(50):
        visit.knock("/fhir/Patient", bearer("hub_wrong"))
    assert visit.knock("/fhir/Patient", bearer("hub_right"))[0] == 200


def test_the_acting_practitioner_and_the_purpose_come_from_headers(visit: Visit) -> None:
    visit.knock(
        "/fhir/Patient",
        bearer("hub_right"),
        ("Acting-Practitioner", "Practitioner/li-wen"),
        ("Purpose-Of-Use", "TREAT"),
    )
    assert visit.inside.callers == [
        Caller("qingshan", Role.CLINIC, "qingshan", actor="Practitioner/li-wen", purpose="TREAT")
    ]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Acting-Practitioner", "li-wen"), ("Acting-Practitioner", "Patient/1"),
        ("Acting-Practitioner", "Practitioner/"),
        ("Acting-Practitioner", "Practitioner/a b"), ("Acting-Practitioner", "Practitioner/" + "x" * 65),
        ("Purpose-Of-Use", "a b"), ("Purpose-Of-Use", "x" * 33), ("Purpose-Of-Use", ""),
    ],
)  # fmt: skip
def test_a_malformed_header_is_refused_by_name(visit: Visit, name: str, value: str) -> None:
    status, _, body = visit.knock("/fhir/Patient", bearer("hub_right"), (name, value))
    assert status == 400
    assert json.loads(body)["issue"][0]["expression"] == [name]


def test_a_session_cookie_lets_a_browser_look_and_nothing_more(visit: Visit) -> None:
    cookie = ("Cookie", "other=1; hub_session=signed-in")
    assert visit.knock("/", cookie)[0] == 200
    assert visit.knock("/", cookie, method="POST")[0] == 401
    assert visit.knock("/", ("Cookie", "hub_session=forged"))[0] == 401
    assert visit.noted == [("no-token", "10.9.8.7"), ("bad-session", "10.9.8.7")]


def test_a_wrong_token_is_not_saved_by_a_cookie(visit: Visit) -> None:
    assert visit.knock("/", bearer("hub_wrong"), ("Cookie", "hub_session=signed-in"))[0] == 401


def test_a_refused_head_has_no_body(visit: Visit) -> None:
    status, headers, body = visit.knock("/fhir/Patient", method="HEAD")
    assert (status, body) == (401, b"")
    assert int(headers[b"content-length"]) > 0


class OneSigner:
    """Takes one signed token, for the audience that it was made for."""

    def caller(self, token: str, audience: Any) -> Caller:
        if token != "a.b.c" or "https://hub.example/cds-services/x" not in audience:
            raise Unauthenticated("no")
        return CLINIC


@pytest.fixture
def signing(visit: Visit) -> Visit:
    visit.door = Door(
        visit.inside, OneClient(), signed=OneSigner(), base_url="https://hub.example/",
        note=lambda kind, detail: visit.noted.append((kind, detail)),
    )  # fmt: skip
    return visit


def test_a_signed_token_counts_for_the_cds_services_alone(signing: Visit) -> None:
    assert signing.knock("/cds-services/x", bearer("a.b.c"), method="POST")[0] == 200
    assert signing.knock("/cds-services/x/feedback", bearer("a.b.c"), method="POST")[0] == 200
    assert signing.inside.callers == [CLINIC, CLINIC]
    for path in ("/fhir/Patient", "/cds-servicesx", "/", "/cds-services/y"):
        assert signing.knock(path, bearer("a.b.c"), method="POST")[0] == 401
    assert ("bad-signed-token", "10.9.8.7") in signing.noted


def test_the_practitioner_and_a_plain_token_count_as_ever_beside_signed_ones(signing: Visit) -> None:
    signing.knock("/cds-services/x", bearer("a.b.c"), ("Acting-Practitioner", "Practitioner/li"), method="POST")
    signing.knock("/cds-services/x", bearer("hub_right"), method="POST")
    assert [caller and caller.actor for caller in signing.inside.callers] == ["Practitioner/li", None]


def test_a_host_header_has_no_say_in_the_audience(visit: Visit) -> None:
    asked: list[Any] = []

    class Noting:
        def caller(self, token: str, audience: Any) -> Caller:
            asked.extend(audience)
            return CLINIC

    visit.door = Door(visit.inside, OneClient(), signed=Noting())
    visit.knock("/cds-services/x", bearer("a.b.c"), ("Host", "evil.example"), method="POST")
    assert asked and all("evil" not in each for each in asked)


SIGNED_IN = ("Cookie", "hub_session=signed-in")
AT_HOME = (("Host", "hub.test:8080"), ("Origin", "http://hub.test:8080"))


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/identity/review/r1", AT_HOME, 200),
        ("/identity/review/r1", (*AT_HOME, ("Sec-Fetch-Site", "same-origin")), 200),
        ("/identity/review/r1", (*AT_HOME, ("Sec-Fetch-Site", "cross-site")), 401),
        ("/identity/review/r1", (("Host", "hub.test:8080"), ("Origin", "http://evil.test")), 401),
        ("/identity/review/r1", (("Host", "hub.test:8080"), ("Origin", "null")), 401),
        ("/identity/review/r1", (("Host", "hub.test:8080"),), 401),
        ("/identity/review/r1", (("Origin", "http://hub.test"),), 401),
        ("/reading/t1", AT_HOME, 200),
        ("/reading/t1", (("Host", "hub.test:8080"), ("Origin", "http://evil.test")), 401),
        ("/identity/reviews/r1", AT_HOME, 401),
        ("/fhir/Patient", AT_HOME, 401),
    ],
)
def test_a_session_sends_the_forms_of_our_pages_from_our_pages_alone(
    visit: Visit, path: str, headers: tuple[tuple[str, str], ...], status: int
) -> None:
    assert visit.knock(path, SIGNED_IN, *headers, method="POST")[0] == status
    assert visit.knock(path, SIGNED_IN, *headers, method="PUT")[0] == 401


@pytest.mark.parametrize("path", ["/cds-services/x", "/fhir/ServiceRequest"])
def test_the_ordering_page_may_call_and_order_by_its_session_and_no_other_page_may(visit: Visit, path: str) -> None:
    session, host = ("Cookie", "hub_session=signed-in"), ("Host", "hub.example")
    ours, theirs = ("Origin", "https://hub.example"), ("Origin", "https://evil.example")
    assert visit.knock(path, session, host, ours, ("Sec-Fetch-Site", "same-origin"), method="POST")[0] == 200
    for headers in ((theirs,), (), (ours, ("Sec-Fetch-Site", "cross-site"))):
        assert visit.knock(path, session, host, *headers, method="POST")[0] == 401
    assert visit.knock("/fhir/Patient", session, host, ours, method="POST")[0] == 401


def test_what_a_known_client_is_refused_is_told_with_who_it_was(visit: Visit) -> None:
    visit.knock("/fhir/Patient/1", bearer("hub_right"))
    assert visit.denied == []
    visit.inside.status = 403
    assert visit.knock("/fhir/Patient/1", bearer("hub_right"), method="PUT")[0] == 403
    assert visit.denied == [("qingshan", "PUT", "/fhir/Patient/1")]
