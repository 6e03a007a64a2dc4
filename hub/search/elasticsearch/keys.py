"""Search parameters and their values as the few fields of the index.

R4 has some 2,500 search parameters; a field for each would be a mapping nobody can hold. So the parameter's number goes
into the value: ``date`` is one field of ranges, each parameter's in a stretch of the number line of its own; a quantity
is one number of 128 bits (parameter, unit, value), which only the field type ``ip`` puts in order; everything else is
a keyword that begins with the number.
"""

import hashlib
import struct

from hub.fhir.search import Prefix

LONGEST_KEYWORD = 200
"""Characters; what is longer stands as its hash."""
_OFFSET = 2**47
_WIDTH = 2**48
LOW, HIGH = -_OFFSET, _OFFSET - 1
"""Milliseconds: the ends of time, as in the store."""
ANY_UNIT = ""


def milliseconds(microseconds: int) -> int:
    return max(LOW, min(HIGH, microseconds // 1000))


def text(value: str) -> str:
    if len(value) <= LONGEST_KEYWORD:
        return value
    return f"#{hashlib.blake2b(value.encode(), digest_size=16).hexdigest()}"


# Tokens, uris, references


def code_key(parameter: int, code: str) -> str:
    """A code of whatever system."""
    return f"c{parameter} {text(code)}"


def system_key(parameter: int, system: str) -> str:
    """Whatever code of a system; "" for none."""
    return f"s{parameter} {text(system)}"


def coding_key(parameter: int, system: str, code: str) -> str:
    return f"e{parameter} {len(system)} {text(system)} {text(code)}"


def token_keys(parameter: int, system: str | None, code: str | None) -> list[str]:
    """All that a token can be found by."""
    found = [system_key(parameter, system or "")]
    if code is not None:
        found += [code_key(parameter, code), coding_key(parameter, system or "", code)]
    return found


def reference_key(parameter: int, target: str) -> str:
    return f"{parameter} {text(target)}"


def reference_type_key(parameter: int, resource_type: str) -> str:
    """Presence of a reference to a type."""
    return f"{parameter}>{resource_type}"


# Strings


def prefix_key(parameter: int, normalised: str) -> str:
    return f"p{parameter} {normalised}"


def exact_key(parameter: int, exact: str) -> str:
    return f"x{parameter} {exact}"


# Dates


def instant(parameter: int, ms: int) -> int:
    """A time on the stretch of a parameter."""
    return parameter * _WIDTH + _OFFSET + ms


# Quantities and numbers


def unit_keys(system: str | None, code: str | None, unit: str | None) -> list[str]:
    """What a quantity's unit can be asked by: not at all, by its system, by system and code, by code or text."""
    found = [ANY_UNIT, f"s {system or ''}"]
    if code:
        found += [f"c {len(system or '')} {system or ''} {code}", f"u {code}"]
    if unit:
        found.append(f"u {unit}")
    return list(dict.fromkeys(found))


def asked_unit(system: str | None, code: str | None) -> str:
    if code is None:
        return ANY_UNIT if system is None else f"s {system}"
    return f"u {code}" if system is None else f"c {len(system)} {system} {code}"


def amount(parameter: int, unit: str, value: float) -> str:
    """Parameter (16 bits), unit (48 bits of its hash) and value (64 bits, in order) as an IPv6 address."""
    of_unit = hashlib.blake2b(unit.encode(), digest_size=6).digest() if unit else b"\0" * 6
    written = (struct.pack(">H", parameter) + of_unit + ordered(value)).hex()
    return ":".join(written[at : at + 4] for at in range(0, 32, 4))


def ordered(value: float) -> bytes:
    """Eight bytes that compare as the numbers do."""
    (bits,) = struct.unpack(">Q", struct.pack(">d", value + 0.0))
    return struct.pack(">Q", bits ^ (0xFFFF_FFFF_FFFF_FFFF if bits >> 63 else 1 << 63))


def amount_ranges(
    parameter: int, unit: str, prefix: Prefix, value: float, low: float, high: float
) -> list[dict[str, str]]:
    """Ranges of ``amount``, one of which must be met."""
    least, most = float("-inf"), float("inf")

    def at(number: float) -> str:
        return amount(parameter, unit, number)

    match prefix:
        case Prefix.EQ:
            return [{"gte": at(low), "lt": at(high)}]
        case Prefix.NE:
            return [{"gte": at(least), "lt": at(low)}, {"gte": at(high), "lte": at(most)}]
        case Prefix.GT | Prefix.SA:
            return [{"gt": at(value), "lte": at(most)}]
        case Prefix.LT | Prefix.EB:
            return [{"gte": at(least), "lt": at(value)}]
        case Prefix.GE:
            return [{"gte": at(value), "lte": at(most)}]
        case Prefix.LE:
            return [{"gte": at(least), "lte": at(value)}]


# Order


def sort_name(parameter: int) -> str:
    return f"sort.{parameter}"


def sort_instant(ms: int) -> str:
    return f"{ms + _OFFSET:012x}"


def sort_number(value: float) -> str:
    return ordered(value).hex()
