"""The same door behind a real HTTP server and real sockets: what clients do that no in-process transport does."""

import contextlib
import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator

import pytest
import uvicorn

from hub.app.http_connection import MOST_HEAD_BYTES, HttpConnection
from tests.conformance.fhir_hub import FhirHub, patient

HEADERS = {"x-caller": "qingshan", "content-type": "application/fhir+json"}


@pytest.fixture
def address(hub: FhirHub) -> Iterator[tuple[str, int]]:
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(hub.app, http=HttpConnection, ws="none", lifespan="off", log_config=None, interface="asgi3")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield listener.getsockname()
    server.should_exit = True
    thread.join()
    listener.close()


def _create(connection: http.client.HTTPConnection, body: bytes) -> tuple[int, bytes]:
    connection.request("POST", "/fhir/Patient", body, HEADERS)
    answer = connection.getresponse()
    return answer.status, answer.read()


def test_a_hundred_megabytes_are_refused_and_the_connection_serves_on(address: tuple[str, int]) -> None:
    connection = http.client.HTTPConnection(*address, timeout=30)
    status, body = _create(connection, bytes(100 << 20))
    assert status == 413
    assert json.loads(body)["resourceType"] == "OperationOutcome"
    assert _create(connection, json.dumps(patient()).encode())[0] == 201
    connection.close()


def test_a_chunked_body_over_the_limit_is_refused_too(address: tuple[str, int]) -> None:
    connection = http.client.HTTPConnection(*address, timeout=30)
    connection.request("POST", "/fhir/Patient", iter([bytes(1 << 20)] * 12), HEADERS)
    answer = connection.getresponse()
    answer.read()
    assert answer.status == 413
    connection.close()


def test_a_client_that_leaves_in_the_middle_of_its_body_stores_nothing(hub: FhirHub, address: tuple[str, int]) -> None:
    with socket.create_connection(address) as half:
        head = "POST /fhir/Patient HTTP/1.1\r\nHost: hub\r\nX-Caller: qingshan\r\nContent-Length: 1000\r\n\r\n"
        half.sendall(head.encode() + b'{"resourceType":')
    connection = http.client.HTTPConnection(*address, timeout=30)
    connection.request("GET", "/fhir/Patient?_summary=count", headers=HEADERS)
    assert json.loads(connection.getresponse().read())["total"] == 0
    connection.close()


def test_a_refusal_keeps_its_status_and_a_head_has_no_body(address: tuple[str, int]) -> None:
    connection = http.client.HTTPConnection(*address, timeout=30)
    for method, path, status in (("HEAD", "/fhir/Patient/none", 404), ("GET", "/fhir/Patient/a%2Fb", 404)):
        connection.request(method, path, headers=HEADERS)
        answer = connection.getresponse()
        assert answer.status == status
        assert bool(answer.read()) == (method == "GET")
    connection.close()


def _answer(address: tuple[str, int], request: bytes) -> tuple[int, dict[str, object]]:
    with socket.create_connection(address, timeout=30) as connection:
        connection.sendall(request)
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        return answer.status, json.loads(answer.read())


def test_what_is_no_http_is_refused_like_everything_else(address: tuple[str, int]) -> None:
    for noise in (
        b"\x00\x01\x02\r\n\r\n",
        b"BREW /fhir HTTP/1.1\r\n\r\n",
        b"POST /fhir HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
    ):
        status, body = _answer(address, noise)
        assert (status, body["resourceType"]) == (400, "OperationOutcome")


def test_a_head_without_end_is_refused_and_the_next_is_served(hub: FhirHub, address: tuple[str, int]) -> None:
    head = b"GET /fhir/metadata HTTP/1.1\r\nX-Long: " + b"x" * (MOST_HEAD_BYTES + 1)
    status, body = _answer(address, head)
    assert (status, body["resourceType"]) == (431, "OperationOutcome")
    assert _answer(address, b"GET /fhir/metadata HTTP/1.1\r\nX-Caller: qingshan\r\n\r\n")[0] == 200


def test_a_client_that_never_ends_its_request_is_hung_up(
    address: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hub.app.http_connection.LOOK_SECONDS", 0.02)
    monkeypatch.setattr("hub.app.http_connection.HEAD_SECONDS", 0.1)
    monkeypatch.setattr("hub.app.http_connection.BODY_SECONDS", 0.1)
    monkeypatch.setattr(HttpConnection, "_patience_seconds", 0.1)
    for begun in (
        b"",
        b"GET / HTTP/1.1\r\nX: ",
        b"POST /fhir/Patient HTTP/1.1\r\nX-Caller: qingshan\r\nContent-Length: 9\r\n\r\n{",
    ):
        with socket.create_connection(address, timeout=30) as slow:
            slow.sendall(begun)
            with contextlib.suppress(ConnectionResetError):
                assert slow.recv(1000) == b""


def test_requests_sent_together_are_answered_in_turn(address: tuple[str, int]) -> None:
    one = b"GET /fhir/Patient HTTP/1.1\r\nX-Caller: qingshan\r\n\r\n"
    with socket.create_connection(address, timeout=30) as connection:
        connection.sendall(one * 3)
        answers = b""
        while answers.count(b"HTTP/1.1 200 OK") < 3:
            piece = connection.recv(65536)
            assert piece
            answers += piece
