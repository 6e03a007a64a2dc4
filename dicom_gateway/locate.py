"""Finding one element of a data set by its path: tag, or tag, item, tag … as BulkDataURIs spell it."""

import struct

from .scan import (
    IMPLICIT_LITTLE,
    ITEM,
    ITEM_END,
    SEQUENCE_END,
    UNDEFINED,
    Buffer,
    Layout,
    after_item,
    after_undefined,
    layout_at,
)
from .transfer_syntaxes import TransferSyntax

Found = tuple[int, int]
"""Position and length of a value."""


def locate(buffer: Buffer, start: int, end: int, syntax: TransferSyntax, path: list[str]) -> Found | None:
    """The value at ``path`` (``["54000100", "0", "54001010"]``); None where there is none or it has no length of its
    own. ``buffer[start:end]`` is a data set that ``scan`` has found whole."""
    try:
        return _locate(buffer, start, end, layout_at(buffer, start, syntax), path)
    except (struct.error, ValueError):
        return None


def _locate(buffer: Buffer, start: int, end: int, layout: Layout, path: list[str]) -> Found | None:
    wanted, at = int(path[0], 16), start
    while at + 8 <= end:
        tag, representation, length, value_at = layout.header(buffer, at)
        if tag in (ITEM_END, SEQUENCE_END):
            return None
        inner = IMPLICIT_LITTLE if representation == b"UN" else layout
        if tag == wanted:
            if len(path) == 1:
                return None if length == UNDEFINED else (value_at, length)
            after = end if length == UNDEFINED else value_at + length
            item = _item(buffer, value_at, after, inner, int(path[1]))
            return _locate(buffer, *item, inner, path[2:]) if item and len(path) > 2 else None
        at = after_undefined(buffer, value_at, end, inner) if length == UNDEFINED else value_at + length
    return None


def _item(buffer: Buffer, at: int, end: int, layout: Layout, number: int) -> tuple[int, int] | None:
    """Begin and end of an item's data set."""
    count = 0
    while at + 8 <= end:
        tag, _representation, length, value_at = layout.header(buffer, at)
        if tag != ITEM:
            return None
        if count == number:
            return value_at, end if length == UNDEFINED else value_at + length
        at = after_item(buffer, value_at, end, layout) if length == UNDEFINED else value_at + length
        count += 1
    return None
