"""WADO-RS: bulk data (PS3.18 10.4.1.1.5): one value that metadata gave as a BulkDataURI."""

import asyncio

from hub.contracts.errors import NotFound

from ..archive import Archive
from ..frames import chosen
from ..locate import locate
from ..scan import PIXEL_DATA
from ..study_index.instance_row import InstanceRow
from ..transfer_syntaxes import TRANSFER_SYNTAXES, TransferSyntax
from .accept import MediaRange, media_ranges, not_acceptable
from .asgi import Request
from .frames import as_stored, frame_table_of, give

_PIXEL_TAGS = frozenset(f"{tag:08X}" for tag in PIXEL_DATA)


async def retrieve_bulk_data(row: InstanceRow, path: list[str], request: Request, archive: Archive) -> None:
    """``path`` are the steps to the value: tag, item, tag …; encapsulated pixel data comes as its frames."""
    if not path or any(not _is_step(step, number) for number, step in enumerate(path)):
        raise _no_such_value()
    syntax = TRANSFER_SYNTAXES[row.transfer_syntax]
    if len(path) == 1 and path[0].upper() in _PIXEL_TAGS and syntax.encapsulated:
        table = await frame_table_of(row, archive)
        one, media_type = _choose(row, request.accept, native=False, single=len(table) == 1)
        await give(row, chosen(table, list(range(1, len(table) + 1))), one, media_type, request, archive)
        return
    found = await asyncio.to_thread(_locate, row, path, archive, syntax)
    if found is None:
        raise _no_such_value()
    one, media_type = _choose(row, request.accept, native=True, single=True)
    await give(row, [[found]], one, media_type, request, archive, native=True)


def _choose(row: InstanceRow, accept: str, *, native: bool, single: bool) -> tuple[MediaRange, str]:
    for one in media_ranges(accept):
        if one.multipart or single or one.wild or one.media_type == "multipart/*":
            media_type = as_stored(one, row, native=native)
            if media_type is not None:
                return one, media_type
    raise not_acceptable('Accept multipart/related; type="application/octet-stream"; transfer-syntax=*.')


def _locate(row: InstanceRow, path: list[str], archive: Archive, syntax: TransferSyntax) -> tuple[int, int] | None:
    with archive.files.data_set(row) as (buffer, begin, end):
        return locate(buffer, begin, end, syntax, path)


def _is_step(step: str, number: int) -> bool:
    if number % 2:
        return step.isascii() and step.isdigit() and len(step) < 9
    return len(step) == 8 and all(character in "0123456789abcdefABCDEF" for character in step)


def _no_such_value() -> NotFound:
    return NotFound("The instance has no such bulk data.", remedy="Use a BulkDataURI of its metadata.")
