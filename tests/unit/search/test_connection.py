"""Whatever stands at the address of the index: one sentence with the remedy, and the hub goes on without."""

import asyncio
import datetime
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from hub.search.elasticsearch.connection import ServerSettings, Unusable, connect, examine
from hub.search.elasticsearch.generations import Generations
from hub.search.elasticsearch.mappings import MAPPING
from hub.settings import SettingsError, load
from tests.servers.elasticsearch import VERSION, ElasticsearchServer, free_port


def refusal(url: str, **more: object) -> str:
    with pytest.raises(Unusable) as refused:
        asyncio.run(examine(ServerSettings((url,), **more)))  # type: ignore[arg-type]
    return str(refused.value)


@contextmanager
def answering(status: int, body: str, certificate: Path | None = None, **headers: str) -> Iterator[str]:
    """Something at an address, as another product would answer there."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"{'https' if certificate else 'http'}://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_supported_server_is_known_by_its_version(elasticsearch: ElasticsearchServer) -> None:
    assert asyncio.run(examine(ServerSettings((elasticsearch.url,)))) == VERSION
    nobody = f"http://127.0.0.1:{free_port()}"
    assert asyncio.run(examine(ServerSettings((nobody, elasticsearch.url)))) == VERSION


def test_nobody_at_the_address() -> None:
    assert "Nothing answers at http://127.0.0.1:" in refusal(f"http://127.0.0.1:{free_port()}")


@pytest.mark.parametrize(
    ("status", "body", "sentence"),
    [
        (200, "<html>", "is no Elasticsearch server"),
        (200, '{"version": {"number": "2.11.0", "distribution": "opensearch"}}', "is OpenSearch 2.11.0"),
        (200, '{"version": {"number": "7.17.9"}}', "is Elasticsearch 7.17.9; 8.x and 9.x are supported"),
        (200, '{"version": {"number": "8.19.8"}}', "does not prove to be Elasticsearch"),
        (401, "{}", "does not accept the user or key"),
        (403, "{}", "grants this user too little"),
    ],
)
def test_another_product_or_a_wrong_password(status: int, body: str, sentence: str) -> None:
    with answering(status, body) as url:
        assert sentence in refusal(url, user="elastic", password="wrong")


def test_an_expired_certificate_is_told_apart(tmp_path: Path) -> None:
    certificate = _expired(tmp_path)
    with answering(200, "{}", certificate) as url:
        said = refusal(url, ca_file=certificate)
    assert "certificate" in said
    assert "expired" in said
    assert "HUB_SEARCH__CA_FILE" in said


def test_an_index_of_another_application_is_left_alone(elasticsearch: ElasticsearchServer) -> None:
    async def look(prefix: str, store_id: str) -> None:
        settings = ServerSettings((elasticsearch.url,), prefix=prefix)
        client = connect(settings)
        mine = Generations(client, settings, "mine")
        try:
            if prefix == "mine":
                await mine.create(1)
                await mine.lead_to(1)
            else:
                await client.indices.create(index=mine.alias("people"))
            await Generations(client, settings, store_id).examine()
        finally:
            await mine.remove(1, MAPPING)
            await client.indices.delete(index=mine.alias("people"), ignore_unavailable=True)
            await client.close()

    with pytest.raises(Unusable, match="foreign-people is not of this hub"):
        asyncio.run(look("foreign", "mine"))
    with pytest.raises(Unusable, match="belongs to another data folder"):
        asyncio.run(look("mine", "other"))
    asyncio.run(look("mine", "mine"))


@pytest.mark.parametrize("url", ["localhost:9200", "ftp://es", "http://", "http://user:pw@es:9200"])
def test_an_address_that_is_none_is_refused_as_a_setting(url: str) -> None:
    with pytest.raises(SettingsError, match="HUB_SEARCH__ELASTICSEARCH_URL"):
        load(search={"elasticsearch_url": url})


def test_several_addresses_stand_with_commas() -> None:
    assert load(search={"elasticsearch_url": "http://a:9200, https://b:9200/"}).search.urls == (
        "http://a:9200",
        "https://b:9200",
    )


def _expired(folder: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC))
        .not_valid_after(datetime.datetime(2021, 1, 1, tzinfo=datetime.UTC))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = folder / "expired.pem"
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return path
