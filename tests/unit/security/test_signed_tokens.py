"""CDS clients that sign their calls: what is believed of a token, and what is not."""

import base64
import json
import time
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from hub.contracts.caller import Caller, Role
from hub.contracts.errors import Busy, Conflict, Incorrect, Unauthenticated
from hub.security.clients import Clients
from hub.security.directory import SignedIdentity
from hub.security.key_sets import KeySets
from hub.security.registration import Registration
from hub.security.signed import SignedCredentials
from hub.store.sqlite import SqliteResourceStore

ISSUER = "https://his.example"
JKU = "https://his.example/jwks.json"
SIGN = "https://hub.example/cds-services/duplicate-examination-sign"
P384 = ec.generate_private_key(ec.SECP384R1())
RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
STRANGER = ec.generate_private_key(ec.SECP384R1())


def jwk(key: Any, kid: str, **more: Any) -> dict[str, Any]:
    algorithm = RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else ECAlgorithm
    return json.loads(algorithm.to_jwk(key.public_key())) | {"kid": kid, "use": "sig"} | more


def key_set(*keys: dict[str, Any]) -> bytes:
    return json.dumps({"keys": keys}).encode()


PINNED = key_set(jwk(P384, "one", alg="ES384"), jwk(RSA, "two"))


def claims(**more: Any) -> dict[str, Any]:
    now = int(time.time())
    made = {"iss": ISSUER, "aud": SIGN, "exp": now + 300, "iat": now, "jti": f"{time.time_ns()}"} | more
    return {name: value for name, value in made.items() if value is not None}


def token(key: Any = P384, kid: str | None = "one", alg: str = "ES384", headers: Any = None, **more: Any) -> str:
    named = ({"kid": kid} if kid else {}) | (headers or {})
    return jwt.encode(claims(**more), key, algorithm=alg, headers=named)


def register(clients: Clients, **signed: Any) -> None:
    clients.add(Registration("his", Role.PHYSICIAN, "hospital", signed=SignedIdentity(ISSUER, **signed)))


@pytest.fixture
def signed(store: SqliteResourceStore, clients: Clients) -> SignedCredentials:
    register(clients, keys=PINNED, jku=JKU)
    return SignedCredentials(store, clients.signed_by)


@pytest.mark.parametrize("made", [
    lambda: token(),
    lambda: token(RSA, "two", "RS384"),
    lambda: token(RSA, "two", "PS256"),
    lambda: token(aud=["https://elsewhere.example", SIGN]),
    lambda: token(headers={"jku": JKU}),
    lambda: token(sub="somebody", tenant="t", role="admin"),
])  # fmt: skip
def test_a_token_of_the_registered_issuer_stands_for_its_client(
    signed: SignedCredentials, made: Callable[[], str]
) -> None:
    assert signed.caller(made(), [SIGN]) == Caller("his", Role.PHYSICIAN, "hospital")


def _with_hmac_of_the_public_key() -> str:
    """The old trick: the public key taken as a shared secret."""
    public = P384.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    head, body = (base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=")
                  for part in ({"alg": "HS384", "typ": "JWT", "kid": "one"}, claims()))  # fmt: skip
    made = jwt.api_jws.PyJWS().get_algorithm_by_name("HS384")
    signature = base64.urlsafe_b64encode(made.sign(head + b"." + body, public)).rstrip(b"=")
    return b".".join((head, body, signature)).decode()


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (lambda: token("", alg="none"), "alg"),
        (lambda: token("secret" * 9, alg="HS384"), "alg"),
        (_with_hmac_of_the_public_key, "alg"),
        (lambda: token(STRANGER), "signature"),
        (lambda: token(RSA, "one", "RS384"), "another algorithm"),
        (lambda: token(kid="nine"), "kid"),
        (lambda: token(kid=None), "kid"),
        (lambda: token(headers={"typ": "at+jwt"}), "typ"),
        (lambda: token(headers={"jku": "https://evil.example/jwks.json"}), "jku"),
        (lambda: token(headers={"jwk": jwk(STRANGER, "one")}, key=STRANGER), "signature"),
        (lambda: token(iss="https://stranger.example"), "iss"),
        (lambda: token(iss=None), "iss"),
        (lambda: token(aud="https://hub.example/cds-services/another"), "aud"),
        (lambda: token(aud="https://other.example/cds-services/duplicate-examination-sign"), "aud"),
        (lambda: token(aud=None), "lacks"),
        (lambda: token(exp=None), "lacks"),
        (lambda: token(iat=None), "lacks"),
        (lambda: token(jti=None), "lacks"),
        (lambda: token(exp=int(time.time()) - 60), "expired"),
        (lambda: token(iat=int(time.time()) + 600), "not valid yet"),
        (lambda: token(exp=int(time.time()) + 86_400), "longer than an hour"),
        (lambda: token(jti="x" * 300), "jti"),
        (lambda: "a.b.c", "no JSON Web Token"),
        (lambda: token()[:-8], "signature"),
        (lambda: "x" * 9000 + ".b.c", "too long"),
    ],
)
def test_what_is_not_right_is_refused_and_named(signed: SignedCredentials, made: Callable[[], str], said: str) -> None:
    with pytest.raises(Unauthenticated) as refused:
        signed.caller(made(), [SIGN])
    assert said in refused.value.what


def test_a_token_is_good_for_one_call_in_every_process(
    signed: SignedCredentials, store: SqliteResourceStore, clients: Clients
) -> None:
    once = token()
    other = SignedCredentials(store, clients.signed_by)
    assert signed.caller(once, [SIGN]).client == "his"
    for process in (signed, other):
        with pytest.raises(Unauthenticated, match="used before"):
            process.caller(once, [SIGN])


def test_a_refused_token_uses_up_nothing(signed: SignedCredentials) -> None:
    again = claims()
    with pytest.raises(Unauthenticated):
        signed.caller(jwt.encode(again, STRANGER, algorithm="ES384", headers={"kid": "one"}), [SIGN])
    assert signed.caller(jwt.encode(again, P384, algorithm="ES384", headers={"kid": "one"}), [SIGN])


def test_numbers_of_expired_tokens_are_forgotten(signed: SignedCredentials, store: SqliteResourceStore) -> None:
    signed.caller(token(exp=int(time.time()) + 10), [SIGN])
    signed._clock = lambda: time.time() + 3600
    signed._first_time(ISSUER, "later", time.time() + 3700)
    assert store.side_rows("SELECT jti FROM security_jti") == [("later",)]


class Address:
    """Where an issuer publishes its keys."""

    def __init__(self, content: bytes) -> None:
        self.content: bytes | None = content
        self.asked = 0
        self.now = 1000.0

    def fetch(self, url: str) -> bytes:
        assert url == JKU
        self.asked += 1
        if self.content is None:
            raise Busy("away")
        return self.content


@pytest.fixture
def address(store: SqliteResourceStore, clients: Clients) -> tuple[Address, SignedCredentials]:
    register(clients, jku=JKU)
    address = Address(key_set(jwk(P384, "one")))
    key_sets = KeySets(address.fetch, lambda: address.now)
    return address, SignedCredentials(store, clients.signed_by, key_sets=key_sets)


def test_keys_are_read_from_the_registered_address_and_kept(address: tuple[Address, SignedCredentials]) -> None:
    place, signed = address
    for _ in range(3):
        signed.caller(token(headers={"jku": JKU}), [SIGN])
    assert place.asked == 1
    with pytest.raises(Unauthenticated, match="jku"):
        signed.caller(token(headers={"jku": "https://evil.example/jwks.json"}), [SIGN])


def test_a_new_key_counts_at_once_and_an_unknown_one_cannot_make_us_ask_for_ever(
    address: tuple[Address, SignedCredentials],
) -> None:
    place, signed = address
    signed.caller(token(), [SIGN])
    place.content = key_set(jwk(RSA, "two"))
    place.now += 11
    assert signed.caller(token(RSA, "two", "RS384"), [SIGN])
    for _ in range(5):
        with pytest.raises(Unauthenticated, match="kid"):
            signed.caller(token(kid="nobody"), [SIGN])
    assert place.asked == 2


def test_keys_are_good_for_an_hour_while_their_address_is_away(address: tuple[Address, SignedCredentials]) -> None:
    place, signed = address
    signed.caller(token(), [SIGN])
    place.content = None
    place.now += 3000
    assert signed.caller(token(), [SIGN])
    place.now += 1000
    with pytest.raises(Busy):
        signed.caller(token(), [SIGN])


@pytest.mark.parametrize(
    "keys",
    [
        b"", b"{}", b"[]", b'{"keys": []}', b'{"keys": [1]}', b'{"keys": [{"kty": "EC"}]}',
        key_set({"kty": "oct", "k": "c2VjcmV0", "kid": "one"}),
        key_set(jwk(P384, "one", d="AAAA")),
        key_set(jwk(P384, "one"), jwk(RSA, "one")),
        key_set(jwk(P384, "one", use="enc")),
        key_set(jwk(P384, "one", x="AA")),
        key_set(jwk(rsa.generate_private_key(public_exponent=65537, key_size=1024), "one")),
    ],
)  # fmt: skip
def test_a_key_set_that_proves_nothing_is_not_registered(clients: Clients, keys: bytes) -> None:
    with pytest.raises(Incorrect) as refused:
        register(clients, keys=keys)
    assert refused.value.where == "jwks"


@pytest.mark.parametrize(
    "jku", ["http://his.example/jwks.json", "file:///etc/passwd", "https://a@b.example", "https://"]
)
def test_an_address_that_anybody_could_answer_for_is_not_registered(clients: Clients, jku: str) -> None:
    with pytest.raises(Incorrect):
        register(clients, jku=jku)


def test_an_issuer_belongs_to_one_client_and_goes_with_it(signed: SignedCredentials, clients: Clients) -> None:
    with pytest.raises(Conflict):
        clients.add(Registration("two", Role.PHYSICIAN, "x", signed=SignedIdentity(ISSUER, PINNED)))
    clients.remove("his")
    with pytest.raises(Unauthenticated, match="iss"):
        signed.caller(token(), [SIGN])
