"""What is read of a request, and how much of it."""

import asyncio
from collections.abc import Iterable

import pytest

from hub.api.asgi import BodyBudget, ClientGone, Message, Receive, read_body
from hub.api.fhir.bundle_entry import placed
from hub.api.fhir.bundle_url import target
from hub.api.fhir.conditions import not_modified
from hub.api.fhir.exchange import Request, Response, http_date
from hub.contracts.errors import Busy, ExchangeError, Incorrect, TooLarge


def _receiving(chunks: Iterable[bytes], *, cut: bool = False) -> Receive:
    waiting = list(chunks)

    async def receive() -> Message:
        if not waiting:
            return {"type": "http.disconnect"}
        chunk = waiting.pop(0)
        return {"type": "http.request", "body": chunk, "more_body": bool(waiting) or cut}

    return receive


def _request(
    path: str, query: bytes = b"", headers: dict[bytes, bytes] | None = None, raw_path: bytes | None = None
) -> Request:
    scope = {"method": "GET", "path": path, "query_string": query, "headers": list((headers or {}).items())}
    if raw_path is not None:
        scope["raw_path"] = raw_path
    return Request(scope, _receiving([]), "/fhir", None, BodyBudget(1000))


def test_an_escaped_slash_does_not_make_two_segments_of_one() -> None:
    assert list(_request("/fhir/Patient/a/b", raw_path=b"/fhir/Patient/a%2Fb").path) == ["Patient", "a/b"]


@pytest.mark.parametrize("path", ["/fhir", "/fhir/"])
def test_the_base_has_no_segments(path: str) -> None:
    assert list(_request(path).path) == []


def test_parameters_keep_their_order_and_escapes() -> None:
    request = _request("/fhir/Patient", b"name=%E7%8E%8B&name=&_format=json&identifier=a%7Cb")
    assert request.pairs == [("name", "王"), ("name", ""), ("identifier", "a|b")]
    assert request.parameter("_format") == "json"


@pytest.mark.parametrize("query", [b"name=%FF", b"name=\xe7", b"&".join([b"a=1"] * 1001)])
def test_parameters_that_cannot_be_read_are_refused(query: bytes) -> None:
    with pytest.raises(Incorrect) as refused:
        _ = _request("/fhir/Patient", query).pairs
    assert refused.value.http_status == 400


def test_a_body_over_the_limit_is_refused_by_its_length_before_a_byte_is_read() -> None:
    async def never() -> Message:
        raise AssertionError("read")

    with pytest.raises(TooLarge):
        asyncio.run(read_body(never, {b"content-length": b"101"}, BodyBudget(100)))


def test_a_body_over_the_limit_is_refused_while_it_comes_and_not_kept() -> None:
    budget = BodyBudget(100)
    with pytest.raises(TooLarge):
        asyncio.run(read_body(_receiving([b"x" * 60, b"x" * 60]), {}, budget))
    assert budget.held_bytes == 0


def test_all_bodies_together_are_bounded_too() -> None:
    budget = BodyBudget(100, 150)
    asyncio.run(read_body(_receiving([b"x" * 100]), {}, budget))
    with pytest.raises(Busy):
        asyncio.run(read_body(_receiving([b"x" * 100]), {}, budget))
    assert budget.held_bytes == 100


def test_compressed_bodies_are_refused_with_the_remedy() -> None:
    with pytest.raises(Incorrect) as refused:
        asyncio.run(read_body(_receiving([b"x"]), {b"content-encoding": b"gzip"}, BodyBudget(100)))
    assert refused.value.http_status == 415
    assert "without Content-Encoding" in refused.value.remedy


def test_a_client_that_goes_away_is_not_answered() -> None:
    with pytest.raises(ClientGone):
        asyncio.run(read_body(_receiving([b"x"], cut=True), {}, BodyBudget(100)))


def test_a_reader_that_has_the_version_gets_no_body() -> None:
    response = Response(200, b"{}", 3, "2026-01-31T08:00:00.500+08:00")
    for headers in (
        {b"if-none-match": b'W/"2", W/"3"'},
        {b"if-none-match": b"*"},
        {b"if-modified-since": b"Sat, 31 Jan 2026 00:00:00 GMT"},
    ):
        answer = not_modified(_request("/fhir/Patient/1", headers=headers), response)
        assert (answer.status, answer.body) == (304, b"")
    for headers in (
        {b"if-none-match": b'W/"2"', b"if-modified-since": b"Sat, 31 Jan 2026 00:00:00 GMT"},
        {b"if-modified-since": b"Fri, 30 Jan 2026 23:59:59 GMT"},
        {b"if-modified-since": b"yesterday"},
    ):
        assert not_modified(_request("/fhir/Patient/1", headers=headers), response).status == 200


def test_an_instant_becomes_an_http_date() -> None:
    assert http_date("2026-01-31T08:00:00.123+08:00") == b"Sat, 31 Jan 2026 00:00:00 GMT"


@pytest.mark.parametrize(
    ("url", "meant"),
    [
        ("Patient", ("Patient", None, None)),
        ("/Patient/1", ("Patient", "1", None)),
        ("Patient?identifier=a|b", ("Patient", None, "identifier=a|b")),
        ("http://hub/fhir/Patient/1", ("Patient", "1", None)),
        ("Patient?url=http://x/y", ("Patient", None, "url=http://x/y")),
    ],
)
def test_the_url_of_an_entry_is_relative_to_the_base(url: str, meant: tuple[str, str | None, str | None]) -> None:
    assert target(url, "http://hub/fhir") == meant


@pytest.mark.parametrize("url", ["http://other/fhir/Patient/1", "//other/P/1", "", "?x=y", "Patient/1/_history/1"])
def test_the_url_of_a_write_leads_nowhere_else(url: str) -> None:
    with pytest.raises(Incorrect):
        target(url, "http://hub/fhir")


@pytest.mark.parametrize(
    ("where", "seen"),
    [
        ("Observation.code.coding[0].system", "Bundle.entry[3].resource.code.coding[0].system"),
        ("Observation", "Bundle.entry[3].resource"),
        ("", "Bundle.entry[3]"),
        ("identifier", "Bundle.entry[3].request"),
        ("Bundle.entry[1].request", "Bundle.entry[1].request"),
    ],
)
def test_a_fault_in_an_entry_is_told_by_its_place_in_the_bundle(where: str, seen: str) -> None:
    assert placed(ExchangeError("Wrong.", where=where), 3).where == seen
