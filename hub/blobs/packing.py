"""Smaller forms of blobs, from which the original comes back byte for byte.

A packed file is ``MAGIC``, the name of its codec (8 bytes, padded by zeros), the size of the original (unsigned 64 bit,
little endian), the CRC-32 of what follows (32 bit), and what the codec made: no damaged form reaches a decoder. A file
is what its hash says: one that is of the hash it is stored under is the original, even if it should begin like a packed
one.
"""

import hashlib
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import zstandard

from hub.contracts.errors import Fault
from hub.telemetry.events import declare

STUMBLED = declare(
    "blobs.codec_stumbled", "warning", ("codec", "error"), "A codec could not make its form of a blob; it does without."
)

MAGIC = b"\x89HUBPK\r\n"
_HEADER = struct.Struct("<8s8sQI")
LARGEST_PACKED_BYTES = 512 << 20
"""What is larger stays as it is: codecs work in memory."""
_WORTH_IT = 0.95


class Codec(Protocol):
    """``name`` has at most 8 ASCII characters and never changes its meaning. Any thread."""

    name: str

    def pack(self, original: bytes) -> bytes | None:
        """None for what this codec is not made for."""
        ...

    def unpack(self, packed: memoryview, size_bytes: int) -> bytes: ...


class Zstd:
    """RFC 8878, for everything that no better codec is known for."""

    name = "zstd"

    def pack(self, original: bytes) -> bytes | None:
        return zstandard.ZstdCompressor(level=3).compress(original)

    def unpack(self, packed: memoryview, size_bytes: int) -> bytes:
        return zstandard.ZstdDecompressor().decompress(packed, max_output_size=size_bytes)


class Packing:
    """The smallest form that any of ``codecs`` makes."""

    def __init__(self, codecs: Sequence[Codec]) -> None:
        self._codecs = codecs
        self._by_name = {codec.name: codec for codec in codecs}

    def pack(self, original: Path, sha256: str, to: Path) -> bool:
        """Write a smaller form of ``original`` to a new file, unsynced; False where none is worth it. Whatever a codec
        made has been turned back and found to be of that hash."""
        if original.stat().st_size > LARGEST_PACKED_BYTES:
            return False
        content = original.read_bytes()
        made = [(codec, packed) for codec in self._codecs if (packed := _packed(codec, content, sha256)) is not None]
        codec, packed = min(made, key=lambda pair: len(pair[1]), default=(None, b""))
        if codec is None or len(packed) > _WORTH_IT * len(content):
            return False
        with to.open("xb") as file:
            file.write(_HEADER.pack(MAGIC, codec.name.encode(), len(content), zlib.crc32(packed)))
            file.write(packed)
        return True

    def unpack(self, form: Path, sha256: str) -> None:
        """Turn a stored form into the original, in place (the file is replaced, not written over). An original stays.
        Raises Fault where neither it nor what it unpacks to is of that hash."""
        with form.open("rb") as file:
            if file.read(len(MAGIC)) != MAGIC:
                return  # whoever asked compares the hash
        content = form.read_bytes()
        if hashlib.sha256(content).hexdigest() == sha256:
            return
        try:
            _, name, size, check = _HEADER.unpack_from(content)
            codec, packed = self._by_name[name.rstrip(b"\0").decode("ascii")], memoryview(content)[_HEADER.size :]
            if zlib.crc32(packed) != check:
                raise ValueError("damaged")
            original = codec.unpack(packed, size)
        except Exception as failure:
            raise Fault("A packed blob is damaged, or of a newer hub.", remedy="Run hub verify.") from failure
        form.unlink()
        form.write_bytes(original)


def _packed(codec: Codec, content: bytes, sha256: str) -> bytes | None:
    """What the codec makes of it, if that gives back the same bytes. A codec that stumbles is not made for it."""
    try:
        packed = codec.pack(content)
        if packed is None or hashlib.sha256(codec.unpack(memoryview(packed), len(content))).hexdigest() != sha256:
            return None
    except Exception as failure:
        STUMBLED.log(codec=codec.name, error=type(failure).__name__)
        return None
    return packed
