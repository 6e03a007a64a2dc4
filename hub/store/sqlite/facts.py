"""What a resource can be found by, in the form the store keeps: numbers and hashes instead of names.

``keys`` (tokens, dates, strings, quantities) and ``links`` (references) stand beside the body. They decide whether a
candidate meets the other criteria of a search without opening its body, and they name exactly the index rows to take
away when the resource changes, whatever the extraction code of that day would say.
"""

import hashlib
from array import array
from functools import lru_cache

import msgspec

from hub.fhir.extract import IndexRows

from .schema import END_OF_TIME, NO_DATE

TokenKey = tuple[int, int, int]
"""(parameter, hash of the code, hash of the system or 0 where it has none)."""
DateKey = tuple[int, int, int]
"""(parameter, first, last millisecond)."""
StringKey = tuple[int, str, str]
"""(parameter, normalised, exact; empty where equal)."""
QuantityKey = tuple[int, float, int, int, int]
"""(parameter, value, hashes of system, code and unit; 0 where not stated). Numbers stand here too."""

DAY_MS = 86_400_000
LONG_MS = 366 * DAY_MS
SPAN_MS = (DAY_MS, LONG_MS, END_OF_TIME - NO_DATE)
"""Longest range in each class of ``dat.span``."""
INDEXED_CHARACTERS = 64
"""Of a string, in the index; what is longer is compared with ``keys``."""
NO_CODE = 0
"""``h`` of a token that has a system and no code."""


class Keys(msgspec.Struct, array_like=True, gc=False, frozen=True):
    tokens: list[TokenKey] = []
    dates: list[DateKey] = []
    strings: list[StringKey] = []
    quantities: list[QuantityKey] = []


class Facts:
    """A candidate: a live resource with what it can be found by; ``ts`` is the time of its last update."""

    __slots__ = ("_keys", "_links", "_packed_keys", "_packed_links", "owner", "patient_rid", "rid", "ts")

    def __init__(
        self, rid: int, owner: int, patient_rid: int, ts: int, packed_keys: bytes | None, packed_links: bytes | None
    ) -> None:
        self.rid = rid
        self.owner = owner
        self.patient_rid = patient_rid
        self.ts = ts
        self._packed_keys = packed_keys
        self._packed_links = packed_links
        self._keys: Keys | None = None
        self._links: list[tuple[int, int, int]] | None = None

    @property
    def keys(self) -> Keys:
        if self._keys is None:
            self._keys = unpack_keys(self._packed_keys)
        return self._keys

    @property
    def links(self) -> list[tuple[int, int, int]]:
        """(parameter, type number, target's rid); type 0 where it is no resource of this store."""
        if self._links is None:
            self._links = unpack_links(self._packed_links)
        return self._links


NOTHING = Keys()
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Keys).decode


@lru_cache(maxsize=1 << 17)
def text_hash(text: str) -> int:
    """64 bits, signed, never 0: equal texts are equal; two texts of one parameter collide once in 10^12 lookups."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big", signed=True) or 1


@lru_cache(maxsize=1 << 13)
def system_hash(system: str | None) -> int:
    """31 bits; 0 for no system. It only tells apart systems that use the same code."""
    if not system:
        return 0
    return int.from_bytes(hashlib.blake2b(system.encode(), digest_size=4).digest(), "big") >> 1 or 1


def milliseconds(microseconds: int) -> int:
    return max(NO_DATE, min(END_OF_TIME, microseconds // 1000))


def span_of(low: int, high: int) -> int:
    length = high - low
    return 0 if length <= DAY_MS else 1 if length <= LONG_MS else 2


def keys_of(rows: IndexRows) -> Keys:
    """The keys of extracted rows, each once."""
    tokens: dict[TokenKey, None] = {}
    for parameter, system, code in rows.tokens:
        tokens[parameter, NO_CODE if code is None else text_hash(code), system_hash(system)] = None
    for parameter, uri in rows.uris:
        tokens[parameter, text_hash(uri), 0] = None
    quantities: list[QuantityKey] = [
        (parameter, value, system_hash(system), text_hash(code) if code else 0, text_hash(unit) if unit else 0)
        for parameter, value, _, _, system, code, unit in rows.quantities
    ]
    if rows.numbers:
        quantities += [(parameter, value, 0, 0, 0) for parameter, value, _, _ in rows.numbers]
    return Keys(
        list(tokens),
        list(dict.fromkeys((parameter, milliseconds(low), milliseconds(high)) for parameter, low, high in rows.dates)),
        [(parameter, plain, "" if exact == plain else exact) for parameter, plain, exact in rows.strings],
        quantities,
    )


def sort_date_of(rows: IndexRows) -> int:
    return milliseconds(rows.sort_date_us) if rows.sort_date_us else NO_DATE


def pack_keys(keys: Keys) -> bytes:
    return _encode(keys)


def unpack_keys(packed: bytes | None) -> Keys:
    return _decode(packed) if packed else NOTHING


def pack_links(links: list[tuple[int, int, int]]) -> bytes | None:
    """(parameter, type number, rid) as pairs of numbers, 32 bits each."""
    if not links:
        return None
    flat = array("I")
    for parameter, type_number, rid in links:
        flat.append(parameter << 8 | type_number)
        flat.append(rid)
    return flat.tobytes()


def unpack_links(packed: bytes | None) -> list[tuple[int, int, int]]:
    if not packed:
        return []
    flat = array("I", packed)
    return [(flat[at] >> 8, flat[at] & 0xFF, flat[at + 1]) for at in range(0, len(flat), 2)]
