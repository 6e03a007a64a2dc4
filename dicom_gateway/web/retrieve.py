"""WADO-RS: studies, series and instances as stored, and their metadata (PS3.18 10.4)."""

import asyncio
from collections.abc import Callable, Sequence

from ..archive import Archive
from ..dicom_json import BULK_MARK
from ..instance_files import InstanceFiles
from ..study_index.instance_row import InstanceRow
from .accept import DICOM, MediaRange, json_type, media_ranges, not_acceptable
from .asgi import Answer, Request
from .multipart import boundary, parts
from .streaming import FilePart, Segment, stream

_BULK = f'"BulkDataURI":"{BULK_MARK}'.encode()


async def retrieve_metadata(rows: Sequence[InstanceRow], request: Request, archive: Archive) -> Answer:
    """DICOM JSON of every instance, bulk data as URIs (PS3.18 10.4.1.1.2)."""
    content_type = json_type(request.accept)
    known = archive.descriptions.known(rows)
    if len(known) < len(rows):
        known = await asyncio.to_thread(archive.descriptions.of, rows)
    objects = []
    for row in rows:
        json = known[row.id][0]
        if _BULK in json:
            json = json.replace(_BULK, f'"BulkDataURI":"{instance_url(request.root, row)}'.encode())
        objects.append(json)
    return Answer(200, b"[" + b",".join(objects) + b"]", content_type)


async def retrieve_instances(rows: Sequence[InstanceRow], request: Request, archive: Archive) -> None:
    """Part 10 files, byte for byte as they are stored. Raises Incorrect (406) where the client wants another transfer
    syntax: nothing is transcoded."""
    chosen = _choose(rows, request.accept)
    if not chosen.multipart and chosen.media_type == DICOM and len(rows) == 1:
        content_type, segments = DICOM, _file(rows[0], archive.files)
    else:
        mark = boundary()
        content_type = f'multipart/related; type="{DICOM}"; boundary={mark}'
        segments = parts(
            mark,
            [
                (
                    f"{DICOM}; transfer-syntax={row.transfer_syntax}",
                    _file(row, archive.files),
                    instance_url(request.root, row),
                )
                for row in rows
            ],
        )
    await stream(200, segments, content_type, [], request.receive, request.send)


def instance_url(root: str, row: InstanceRow) -> str:
    return f"{root}/studies/{row.study_uid}/series/{row.series_uid}/instances/{row.uid}"


def opener(row: InstanceRow, files: InstanceFiles) -> Callable[[], int]:
    return lambda: files.open(row)


def _choose(rows: Sequence[InstanceRow], accept: str) -> MediaRange:
    for one in media_ranges(accept):
        fits = one.media_type == "multipart/*" or (one.takes(DICOM) and (one.multipart or one.wild or len(rows) == 1))
        if fits and all(one.takes_syntax(row.transfer_syntax) for row in rows):
            return one
    raise not_acceptable(f'Accept multipart/related; type="{DICOM}"; transfer-syntax=*.')


def _file(row: InstanceRow, files: InstanceFiles) -> list[Segment]:
    return [FilePart(opener(row, files), 0, row.size_bytes)]
