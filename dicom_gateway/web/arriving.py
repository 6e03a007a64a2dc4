"""Waiting, off nobody else's threads, until objects that live elsewhere are here."""

import asyncio
from collections.abc import Sequence

from ..archive import Archive
from ..distant.fetching import slow
from ..study_index.instance_row import InstanceRow


async def at_hand(rows: Sequence[InstanceRow], archive: Archive) -> list[InstanceRow]:
    """The rows once their bytes are here; those of objects received are given back as they are, at once. Raises Busy
    (503, 502, 504) with the reason while an archive cannot be reached, Gone where it holds an object no more."""
    if all(row.archive is None for row in rows):
        return list(rows)
    begun = await asyncio.to_thread(lambda: [archive.distant.begin(row) for row in rows if row.archive is not None])
    waiting = [asyncio.wrap_future(future) for future in begun]
    try:
        async with asyncio.timeout(archive.settings.distant_fetch_seconds):
            brought = iter(await asyncio.gather(*waiting))
    except TimeoutError:
        raise slow() from None
    finally:
        for one in waiting:
            one.cancel()
    return [row if row.archive is None else next(brought) for row in rows]
