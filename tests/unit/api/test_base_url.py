"""A Host header is the sender's word."""

import pytest

from hub.api.base_url import base_url

SCOPE = {"scheme": "http", "server": ("127.0.0.1", 8080)}


@pytest.mark.parametrize("host", [b"hub.example:8443", b"localhost", b"10.0.0.1:80", b"[::1]:8080"])
def test_a_plain_host_stands_in_links(host: bytes) -> None:
    assert base_url(SCOPE, {b"host": host}, None, "/fhir") == f"http://{host.decode()}/fhir"


@pytest.mark.parametrize(
    "host",
    [
        b"",
        b"evil.example/x?",
        b"evil.example#",
        b"user@evil.example",
        b"evil.example:80:80",
        b'evil"><script>',
        b"evil.example\r\nX: y",
        b"\xff",
        b"-x",
        b"a" * 5000,
    ],
)
def test_a_hostile_host_is_not_repeated(host: bytes) -> None:
    assert base_url(SCOPE, {b"host": host}, None, "/fhir") == "http://127.0.0.1:8080/fhir"


def test_a_configured_base_outweighs_what_the_request_says() -> None:
    assert base_url(SCOPE, {b"host": b"x"}, "https://hub.example/fhir", "/fhir") == "https://hub.example/fhir"
