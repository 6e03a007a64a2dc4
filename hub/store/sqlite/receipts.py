"""Receipts by the sender's key, so that sending twice is the same as sending once."""

import sqlite3

import msgspec
import zstandard

from hub.contracts.errors import Conflict
from hub.contracts.submission import Notice, Origin, Outcome, Receipt

_encode = msgspec.msgpack.Encoder().encode
_LARGE_BYTES = 300


class _Kept(msgspec.Struct, array_like=True):
    submission: str
    accepted_at: str
    person: str | None
    outcomes: list[tuple[str, str, int, int, str]]
    notices: list[tuple[str, str, str]] = []


_decode = msgspec.msgpack.Decoder(_Kept).decode


def bound(connection: sqlite3.Connection, client: int | None, origin: Origin) -> Receipt | None:
    """The receipt that this key was bound to; None where it is free. Raises Conflict (422) where the key was bound to
    another body."""
    if origin.key is None or client is None:
        return None
    row = connection.execute(
        "SELECT hash, receipt FROM submission_key WHERE client = ? AND channel = ? AND key = ?",
        (client, origin.channel.value, origin.key),
    ).fetchone()
    if row is None:
        return None
    if row[0] != origin.key_hash:
        raise Conflict(
            "This idempotency key was used with another body.",
            where="Idempotency-Key",
            remedy="Use a new key for a new request; repeat a request with exactly the same body.",
            issue_code="duplicate",
            http_status=422,
        )
    return unpack(row[1])


def bind(connection: sqlite3.Connection, client: int, origin: Origin, receipt: Receipt) -> None:
    """Inside the commit that the receipt is for."""
    if origin.key is not None:
        connection.execute(
            "INSERT INTO submission_key (client, channel, key, hash, receipt) VALUES (?, ?, ?, ?, ?)",
            (client, origin.channel.value, origin.key, origin.key_hash, pack(receipt)),
        )


def pack(receipt: Receipt) -> bytes:
    packed = _encode(
        _Kept(
            receipt.submission,
            receipt.accepted_at,
            receipt.person,
            [(one.type, one.id, one.version, one.status, one.last_updated) for one in receipt.outcomes],
            [(one.reference, one.code, one.text) for one in receipt.notices],
        )
    )
    if len(packed) < _LARGE_BYTES:
        return b"\x00" + packed
    return b"\x01" + zstandard.ZstdCompressor(level=1).compress(packed)


def unpack(packed: bytes) -> Receipt:
    """Marked as replayed, without bodies."""
    plain = packed[1:] if packed[0] == 0 else zstandard.ZstdDecompressor().decompress(packed[1:])
    kept = _decode(plain)
    outcomes = tuple(Outcome(*one) for one in kept.outcomes)
    notices = tuple(Notice(*one) for one in kept.notices)
    return Receipt(kept.submission, kept.accepted_at, outcomes, kept.person, True, notices)
