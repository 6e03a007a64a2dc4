"""JSON Web Key Sets (RFC 7517): the public keys by which a client proves who it is.

Keys are pinned at registration, or read from the one address that was registered (``jku``). An address is asked at
most every ``RETRY_SECONDS``; what it gave is good for ``FRESH_SECONDS`` and, where it cannot be reached, for
``STALE_SECONDS``.
"""

import contextlib
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx
import jwt
import msgspec

from hub.contracts.errors import Busy, Incorrect

ALGORITHMS = ("ES384", "RS384", "ES256", "ES512", "RS256", "RS512", "PS256", "PS384", "PS512", "EdDSA")
"""Asymmetric alone: CDS Hooks 2.0 forbids ``none`` and every algorithm with a shared secret."""
FRESH_SECONDS, STALE_SECONDS, RETRY_SECONDS = 300.0, 3600.0, 10.0
FETCH_TIMEOUT_SECONDS = 3.0
LARGEST_SET_BYTES = 64 * 1024
_KINDS = frozenset({"RSA", "EC", "OKP"})
_SHORTEST_RSA_BITS = 2048
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})

Keys = Mapping[str, Mapping[str, Any]]
"""JWKs by their ``kid``."""


def read_keys(content: bytes) -> dict[str, dict[str, Any]]:
    """The keys of a set. Raises Incorrect where one is symmetric, private, nameless or of no use."""
    try:
        listed = msgspec.json.decode(content)["keys"]
        keys = {str(key["kid"]): dict(key) for key in listed}
    except (msgspec.DecodeError, UnicodeDecodeError, KeyError, TypeError, ValueError):
        raise refused("It is no JSON Web Key Set in which every key has a kid.") from None
    if not keys or len(keys) != len(listed):
        raise refused("It holds no key, or two under one kid.")
    for key in keys.values():
        if key.get("kty") not in _KINDS or "d" in key or "k" in key:
            raise refused("It holds a symmetric or private key; send the public keys alone.")
        if key.get("use", "sig") != "sig":
            raise refused("It holds a key that is not for signatures.")
        try:
            made = jwt.PyJWK(key, key.get("alg") or _usual_algorithm(key)).key
        except (jwt.PyJWTError, ValueError, TypeError):
            raise refused("It holds a key that cannot be read.") from None
        if key["kty"] == "RSA" and made.key_size < _SHORTEST_RSA_BITS:
            raise refused(f"It holds an RSA key of less than {_SHORTEST_RSA_BITS} bits.")
    return keys


def _usual_algorithm(key: Mapping[str, Any]) -> str:
    curves = {"P-256": "ES256", "P-384": "ES384", "P-521": "ES512"}
    return {"RSA": "RS384", "OKP": "EdDSA"}.get(key["kty"]) or curves.get(str(key.get("crv")), "ES384")


def check_address(url: str) -> None:
    """Raises Incorrect unless ``url`` is https, or http on loopback, without user and fragment."""
    try:
        parts = urlsplit(url)
        plain = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)
    except ValueError:
        plain, parts = False, urlsplit("")
    if not plain or not parts.hostname or parts.username is not None or parts.fragment or not url.isprintable():
        raise refused("Give a file, or an https address without user and fragment.")


def refused(remedy: str) -> Incorrect:
    return Incorrect("The jwks cannot be used.", where="jwks", remedy=remedy)


def fetched(url: str) -> bytes:
    """What the address answers. Raises Busy."""
    with contextlib.suppress(httpx.HTTPError):
        answer = httpx.get(url, timeout=FETCH_TIMEOUT_SECONDS, follow_redirects=False)
        if answer.status_code == 200 and len(answer.content) <= LARGEST_SET_BYTES:
            return answer.content
    raise Busy("The keys of this issuer cannot be had now.", remedy="Send it again, or pin the keys (--jwks FILE).")


@dataclass(frozen=True, slots=True)
class _Held:
    at: float
    keys: Keys


class KeySets:
    """What the registered addresses gave, for one process. Any thread; ``keys`` may block for a fetch."""

    def __init__(self, fetch: Callable[[str], bytes] = fetched, clock: Callable[[], float] = time.monotonic) -> None:
        self._fetch = fetch
        self._clock = clock
        self._held: dict[str, _Held] = {}
        self._tried: dict[str, float] = {}
        self._lock = threading.Lock()

    def keys(self, url: str, kid: str) -> Keys:
        """The keys of an address, asked again where they are old or do not hold ``kid``. Raises Busy."""
        now, held = self._clock(), self._held.get(url)
        if held is not None and kid in held.keys and now - held.at < FRESH_SECONDS:
            return held.keys
        with self._lock:
            held = self._held.get(url)
            if now - self._tried.get(url, -RETRY_SECONDS) >= RETRY_SECONDS:
                self._tried[url] = now
                with contextlib.suppress(Busy, Incorrect):
                    held = self._held[url] = _Held(now, read_keys(self._fetch(url)))
            if held is None or now - held.at > STALE_SECONDS:
                raise Busy("The keys of this issuer cannot be had now.", remedy="Send it again shortly.")
            return held.keys
