"""How a body is kept: everything after ``meta.lastUpdated``, compressed.

``{"resourceType":"T","id":"I","meta":{"versionId":"V","lastUpdated":"…"`` is made from the row when it is read, so that
a body can be compressed before its version and time are known, and cannot contradict its row. The first byte says how
the rest is packed: 0 as it is, n with dictionary n of this folder. Dictionaries are never changed, only added.
"""

import hashlib
import re
import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import zstandard
from msgspec import UNSET

from hub.contracts.errors import Fault
from hub.fhir.body import with_identity

CURRENT_DICTIONARY = 1
_LEVEL = 1
_RAW = b"\x00"
_SMALLEST = 48
"""Bytes below which packing cannot pay."""
_LARGEST_BYTES = 1 << 30
_FOLDER = Path(__file__).with_name("dictionaries")
_PLAIN_META = re.compile(rb',"meta":\{((?:[^{}"]|"[^"\\]*"|\{(?:[^{}"]|"[^"\\]*")*\})+)\}')
"""A meta of at most one level, without escapes in its strings."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@lru_cache(maxsize=1 << 14)
def instant(milliseconds: int) -> str:
    """FHIR instant, UTC, milliseconds."""
    moment = _EPOCH + timedelta(milliseconds=milliseconds)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{milliseconds % 1000:03d}Z"


def head(resource_type: str, resource_id: str, version: int, updated: str) -> bytes:
    return (
        f'{{"resourceType":"{resource_type}","id":"{resource_id}","meta":{{"versionId":"{version}",'
        f'"lastUpdated":"{updated}"'
    ).encode()


def tail(compact: bytes, resource_type: str, resource: Any) -> bytes:
    """What follows the head in the resource: the sender's other meta fields, and the rest byte for byte.
    ``resource`` is the decoded ``compact``. The quick ways are for the usual order of elements."""
    stated, meta = resource.id, resource.meta
    start = f'{{"resourceType":"{resource_type}"' + ("" if stated is UNSET else f',"id":"{stated}"')
    if meta is UNSET:
        if compact.startswith(start.encode()):
            return b"}" + compact[len(start) :]
    elif meta.versionId is UNSET and meta.lastUpdated is UNSET and compact.count(b'"meta":') == 1:
        found = _PLAIN_META.match(compact, max(compact.find(b',"meta":{'), 0))
        if found is not None and compact.startswith(start.encode()):
            return b",%b}%b%b" % (found[1], compact[len(start) : found.start()], compact[found.end() :])
    whole = with_identity(compact, resource_type, "-", 0, "")
    return whole[len(head(resource_type, "-", 0, "")) :]


def digest(unpacked: bytes) -> bytes:
    return hashlib.blake2b(unpacked, digest_size=16).digest()


class _Codec(threading.local):
    """zstd contexts must not be shared between threads."""

    def __init__(self) -> None:
        self.compressor = zstandard.ZstdCompressor(
            dict_data=_dictionary(CURRENT_DICTIONARY), compression_params=_parameters()
        )
        self.decompressors: dict[int, zstandard.ZstdDecompressor] = {}

    def decompressor(self, version: int) -> zstandard.ZstdDecompressor:
        found = self.decompressors.get(version)
        if found is None:
            found = zstandard.ZstdDecompressor(dict_data=_dictionary(version), format=zstandard.FORMAT_ZSTD1_MAGICLESS)
            self.decompressors[version] = found
        return found


def _parameters() -> zstandard.ZstdCompressionParameters:
    return zstandard.ZstdCompressionParameters.from_level(
        _LEVEL, format=zstandard.FORMAT_ZSTD1_MAGICLESS, write_checksum=True, write_dict_id=False
    )


@cache
def _dictionary(version: int) -> zstandard.ZstdCompressionDict:
    dictionary = zstandard.ZstdCompressionDict((_FOLDER / f"bodies-{version}.zdict").read_bytes())
    if version == CURRENT_DICTIONARY:
        dictionary.precompute_compress(compression_params=_parameters())
    return dictionary


_codec = _Codec()
_STAMP = bytes([CURRENT_DICTIONARY])
_MANY = 4
_MANY_AT_ONCE = "multi_compress_to_buffer" in zstandard.backend_features


def pack(unpacked: bytes) -> bytes:
    if len(unpacked) >= _SMALLEST:
        packed = _codec.compressor.compress(unpacked)
        if len(packed) < len(unpacked):
            return _STAMP + packed
    return _RAW + unpacked


def pack_all(unpacked: Sequence[bytes]) -> list[bytes]:
    """The same for many, in one call: each call lets go of the interpreter lock, and has to wait for it again. For a
    few, that call costs more than it saves."""
    if len(unpacked) < _MANY or not _MANY_AT_ONCE:
        return [pack(one) for one in unpacked]
    together = _codec.compressor.multi_compress_to_buffer(list(unpacked), threads=0)
    made = []
    for number, one in enumerate(unpacked):
        packed = together[number].tobytes()
        made.append(_STAMP + packed if _SMALLEST <= len(one) > len(packed) else _RAW + one)
    return made


def unpack(packed: bytes) -> bytes:
    """Raises Fault where the bytes were damaged (zstd's own checksum tells)."""
    try:
        version = packed[0]
        if version == 0:
            return packed[1:]
        return _codec.decompressor(version).decompress(memoryview(packed)[1:], max_output_size=_LARGEST_BYTES)
    except (zstandard.ZstdError, OSError, IndexError, TypeError, ValueError):
        raise Fault("A stored body is damaged.", remedy="Run hub verify, and restore what it names.") from None
