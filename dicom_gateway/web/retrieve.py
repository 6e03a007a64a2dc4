"""WADO-RS: studies, series and instances, as stored or transcoded, and their metadata (PS3.18 10.4)."""

import asyncio
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from concurrent.futures import Executor

from ..archive import Archive
from ..dicom_json import BULK_MARK
from ..instance_files import InstanceFiles
from ..pixels.recode import UNCOMPRESSED
from ..pixels.transcode import TARGETS
from ..study_index.instance_row import InstanceRow
from .accept import DICOM, MediaRange, json_type, media_ranges, not_acceptable
from .asgi import Answer, Request
from .multipart import boundary, parts
from .streaming import STEP_BYTES, FilePart, Piece, Segment, pieces_of, stream, stream_unsized

_BULK = f'"BulkDataURI":"{BULK_MARK}'.encode()


async def retrieve_metadata(
    rows: Sequence[InstanceRow], request: Request, archive: Archive, told: Mapping[int, bytes]
) -> Answer:
    """DICOM JSON of every instance, bulk data as URIs (PS3.18 10.4.1.1.2). ``told`` is that of objects that live
    elsewhere and were never here, by id."""
    content_type = json_type(request.accept)
    described = [row for row in rows if row.id not in told]
    known = archive.descriptions.known(described)
    if len(known) < len(described):
        known = await asyncio.to_thread(archive.descriptions.of, described)
    objects = []
    for row in rows:
        json = told[row.id] if row.id in told else known[row.id][0]
        if _BULK in json:
            json = json.replace(_BULK, f'"BulkDataURI":"{instance_url(request.root, row)}'.encode())
        objects.append(json)
    return Answer(200, b"[" + b",".join(objects) + b"]", content_type)


async def retrieve_instances(
    rows: Sequence[InstanceRow], request: Request, archive: Archive, threads: Executor
) -> None:
    """Part 10 files: byte for byte as they are stored where the client takes that, else transcoded. Raises Incorrect or
    Unsupported (406) where it takes neither."""
    chosen = _choose(rows, request.accept)
    other = [row for row in rows if not _as_stored(row, chosen)]
    single = not chosen.multipart and chosen.media_type == DICOM and len(rows) == 1
    if not other and single:
        await stream(200, _file(rows[0], archive.files), DICOM, [], request.receive, request.send)
        return
    mark = boundary()
    multipart = f'multipart/related; type="{DICOM}"; boundary={mark}'
    if not other:
        bodies = [(_part_type(row.transfer_syntax), _file(row, archive.files), _url(request, row)) for row in rows]
        await stream(200, parts(mark, bodies), multipart, [], request.receive, request.send)
        return
    target = chosen.transfer_syntax or ""
    if single:
        pieces, content_type = _transcoded(rows[0], target, archive, threads), _part_type(target)
    else:
        pieces, content_type = _mixed(rows, chosen, mark, request, archive, threads), multipart
    await stream_unsized(200, pieces, content_type, request.receive, request.send)


async def _mixed(
    rows: Sequence[InstanceRow], chosen: MediaRange, mark: str, request: Request, archive: Archive, threads: Executor
) -> AsyncIterator[Piece]:
    """A multipart body in which some parts are transcoded when their turn comes."""
    line = f"--{mark}\r\n"
    for row in rows:
        stored = _as_stored(row, chosen)
        target = row.transfer_syntax if stored else chosen.transfer_syntax or ""
        head = f"{line}Content-Type: {_part_type(target)}\r\nContent-Location: {_url(request, row)}\r\n\r\n"
        pieces = pieces_of(_file(row, archive.files)) if stored else _transcoded(row, target, archive, threads)
        first = await anext(pieces, b"")
        yield head.encode("ascii") + first
        async for piece in pieces:
            yield piece
        line = f"\r\n--{mark}\r\n"
    yield f"\r\n--{mark}--\r\n".encode("ascii")


async def _transcoded(row: InstanceRow, target: str, archive: Archive, threads: Executor) -> AsyncIterator[Piece]:
    loop = asyncio.get_running_loop()
    making = archive.transcoded(row, target)
    made = await loop.run_in_executor(threads, making.__enter__)
    try:
        at = 0
        while piece := await loop.run_in_executor(threads, os.pread, made.file.fileno(), STEP_BYTES, at):
            at += len(piece)
            yield piece
    finally:
        making.__exit__(None, None, None)


def _as_stored(row: InstanceRow, chosen: MediaRange) -> bool:
    """An object without an image is not compressed: it comes as it is whatever the client prefers."""
    if chosen.takes_syntax(row.transfer_syntax):
        return True
    return row.rows is None and chosen.transfer_syntax not in UNCOMPRESSED


def _part_type(transfer_syntax: str) -> str:
    return f"{DICOM}; transfer-syntax={transfer_syntax}"


def _url(request: Request, row: InstanceRow) -> str:
    return instance_url(request.root, row)


def instance_url(root: str, row: InstanceRow) -> str:
    return f"{root}/studies/{row.study_uid}/series/{row.series_uid}/instances/{row.uid}"


def file_part(row: InstanceRow, files: InstanceFiles, begin: int, length: int) -> FilePart:
    return FilePart(lambda: files.open(row), lambda: files.near(row), begin, length)


def _choose(rows: Sequence[InstanceRow], accept: str) -> MediaRange:
    for one in media_ranges(accept):
        fits = one.media_type == "multipart/*" or (one.takes(DICOM) and (one.multipart or one.wild or len(rows) == 1))
        if fits and (one.transfer_syntax in TARGETS or all(one.takes_syntax(row.transfer_syntax) for row in rows)):
            return one
    raise not_acceptable(f'Accept multipart/related; type="{DICOM}"; transfer-syntax=*.')


def _file(row: InstanceRow, files: InstanceFiles) -> list[Segment]:
    return [file_part(row, files, 0, row.size_bytes)]
