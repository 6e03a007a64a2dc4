"""Byte ranges (RFC 9110 14): one range of an answer whose length is known; several are answered by the whole."""

import re
from collections.abc import Sequence
from dataclasses import replace

from hub.contracts.errors import Incorrect

from .asgi import Headers
from .streaming import Segment, length_of

_RANGE = re.compile(r"bytes\s*=\s*(\d{0,18})-(\d{0,18})\Z")


def ranged(segments: Sequence[Segment], header: str) -> tuple[int, list[Segment], Headers]:
    """Status, segments and headers of the answer to a Range header ("" for none). Raises Incorrect (416) for a range
    that begins behind the end."""
    total = length_of(segments)
    headers: Headers = [(b"accept-ranges", b"bytes")]
    found = _RANGE.match(header.strip().lower())
    if found is None or not (found[1] or found[2]):
        return 200, list(segments), headers
    if found[1]:
        begin, end = int(found[1]), min(int(found[2]) + 1 if found[2] else total, total)
    else:
        begin, end = max(total - int(found[2]), 0), total
    if found[1] and found[2] and int(found[2]) < int(found[1]):
        return 200, list(segments), headers
    if begin >= total or begin >= end:
        raise Incorrect(
            "The range lies behind the end.", where="Range", remedy=f"There are {total} bytes.", http_status=416
        )
    headers.append((b"content-range", f"bytes {begin}-{end - 1}/{total}".encode("ascii")))
    return 206, _cut(segments, begin, end), headers


def _cut(segments: Sequence[Segment], begin: int, end: int) -> list[Segment]:
    kept: list[Segment] = []
    at = 0
    for segment in segments:
        size = length_of([segment])
        low, high = max(begin - at, 0), min(end - at, size)
        if low < high:
            kept.append(
                segment[low:high] if isinstance(segment, bytes)
                else replace(segment, begin=segment.begin + low, length=high - low)
            )  # fmt: skip
        at += size
    return kept
