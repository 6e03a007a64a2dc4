"""Where a page from the index ended, sealed into the next link: nothing is kept for it here.

The link carries the point in time at the server and the sort values of the last match, which may be names or dates of
people: so it is encrypted (Fernet: AES-CBC and HMAC-SHA256), with a key of the data folder. It grants nothing: scope
and criteria are applied anew on every page.
"""

import base64
import hashlib
from collections.abc import Sequence
from typing import Any

import msgspec
from cryptography.fernet import Fernet, InvalidToken

from hub.contracts.errors import Incorrect
from hub.contracts.search import CURSOR_OF_INDEX
from hub.fhir.search import SearchQuery


class IndexCursor(msgspec.Struct, array_like=True, frozen=True):
    query: bytes
    point_in_time: str
    after: list[Any]


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(IndexCursor).decode


def write(key: str, query: SearchQuery, point_in_time: str, after: Sequence[Any]) -> str:
    sealed = _fernet(key).encrypt(_encode(IndexCursor(_fingerprint(query), point_in_time, list(after))))
    return CURSOR_OF_INDEX + sealed.decode("ascii").rstrip("=")


def read(key: str, query: SearchQuery, text: str) -> IndexCursor:
    """Raises Incorrect (400) for a cursor that is not one of this search's."""
    sealed = text.removeprefix(CURSOR_OF_INDEX)
    try:
        cursor = _decode(_fernet(key).decrypt((sealed + "=" * (-len(sealed) % 4)).encode("ascii")))
        known = cursor.query == _fingerprint(query)
    except (InvalidToken, msgspec.DecodeError, ValueError):
        known = False
    if not known:
        raise Incorrect(
            "The cursor does not belong to this search.",
            remedy="Follow the next link as it stands, or search again from the first page.",
            http_status=400,
        )
    return cursor


def _fernet(key: str) -> Fernet:
    return Fernet(base64.urlsafe_b64encode(hashlib.sha256(key.encode()).digest()))


def _fingerprint(query: SearchQuery) -> bytes:
    """Of what was asked; ``_count`` may change between pages."""
    kept = [pair for pair in query.pairs if pair[0] not in ("_count", "_total", "_summary")]
    return hashlib.blake2b(repr((query.type, kept)).encode(), digest_size=8).digest()
