"""Waiting, off nobody else's threads, until objects that live elsewhere are here."""

import asyncio
from collections.abc import Sequence

from ..archive import Archive
from ..distant.fetching import slow
from ..study_index.instance_row import InstanceRow

AT_A_TIME = 64
"""Objects that one reader waits for together: each batch has the whole patience."""


async def at_hand(rows: Sequence[InstanceRow], archive: Archive) -> list[InstanceRow]:
    """The rows once their bytes are here; those of objects received are given back as they are, at once. Raises Busy
    (503, 502, 504) with the reason while an archive cannot be reached, Gone where it holds an object no more."""
    if all(row.archive is None for row in rows):
        return list(rows)
    elsewhere = [row for row in rows if row.archive is not None]
    brought: dict[int, InstanceRow] = {}
    for begin in range(0, len(elsewhere), AT_A_TIME):
        for row in await _brought(elsewhere[begin : begin + AT_A_TIME], archive):
            brought[row.id] = row
    return [brought.get(row.id, row) for row in rows]


async def told_metadata(rows: Sequence[InstanceRow], archive: Archive) -> dict[int, bytes]:
    """DICOM JSON by id of objects that were never fetched, as their archives tell it: a viewer opens with that, and
    the pixels come one by one. Others are left out. Raises Busy."""
    told: dict[int, bytes] = {}
    unseen = [row for row in rows if row.unseen]
    for archive_name, study, series in dict.fromkeys((row.archive, row.study_uid, row.series_uid) for row in unseen):
        some = [row for row in unseen if (row.archive, row.study_uid, row.series_uid) == (archive_name, study, series)]
        asked = asyncio.wrap_future(archive.distant.begin_metadata(some))
        try:
            async with asyncio.timeout(archive.settings.distant_fetch_seconds):
                told |= await asked
        except TimeoutError:
            raise slow() from None
    return told


async def _brought(rows: Sequence[InstanceRow], archive: Archive) -> list[InstanceRow]:
    begun = await asyncio.to_thread(lambda: [archive.distant.begin(row) for row in rows])
    waiting = [asyncio.wrap_future(future) for future in begun]
    try:
        async with asyncio.timeout(archive.settings.distant_fetch_seconds):
            return await asyncio.gather(*waiting)
    except TimeoutError:
        raise slow() from None
    finally:
        for one in waiting:
            one.cancel()
