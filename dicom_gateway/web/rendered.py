"""WADO-RS: rendered resources (PS3.18 10.4.1.1.3): images as pictures, documents and video as they were put in."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from functools import partial

from hub.contracts.errors import ExchangeError, TooLarge, Unsupported

from ..archive import Archive
from ..locate import locate
from ..pixels.image import image_of
from ..pixels.picture import GIF, PICTURES, encoded, picture
from ..study_index.instance_row import InstanceRow
from ..transfer_syntaxes import TRANSFER_SYNTAXES
from .accept import MediaRange, media_ranges, not_acceptable
from .asgi import Answer, Headers, Request
from .frames import frame_numbers, frame_table_of
from .multipart import boundary, parts
from .ranges import ranged
from .rendering_request import RenderingRequest, rendering_request
from .retrieve import file_part, instance_url
from .streaming import Segment, stream

DOCUMENTS = {
    "1.2.840.10008.5.1.4.1.1.104.1": "application/pdf", "1.2.840.10008.5.1.4.1.1.104.2": "text/xml",
    "1.2.840.10008.5.1.4.1.1.104.3": "model/stl", "1.2.840.10008.5.1.4.1.1.104.4": "model/obj",
    "1.2.840.10008.5.1.4.1.1.104.5": "model/mtl",
}  # fmt: skip
"""Media types of encapsulated documents, by SOP class: what the object itself says of it is its sender's data."""

MOST_PICTURES = 1000
MOST_ANIMATED = 300
MOST_BYTES = 256 << 20
_DOCUMENT = "00420011"

Part = tuple[bytes, str]
"""A picture, and where it can be had."""


async def retrieve_rendered(
    rows: Sequence[InstanceRow], listed: str | None, request: Request, archive: Archive, threads: Executor
) -> Answer | None:
    """``listed`` is the frame list of the path, where there is one. An Answer, or None where it has been streamed.
    Raises Incorrect (400), NotFound, Unsupported (406), Busy."""
    if len(rows) == 1 and listed is None and (kind := media_type_of(rows[0])) is not None:
        if not any(one.wild or one.takes(kind) for one in media_ranges(request.accept)):
            raise not_acceptable(f"Accept {kind}.")
        await give_as_put_in(rows[0], kind, request, archive)
        return None
    asked = rendering_request(request.query)
    numbers = frame_numbers(listed) if listed is not None else None
    several = len(rows) > 1 or (numbers is not None and len(numbers) > 1)
    chosen, media_type = _choose(request.accept, several=several)
    paint = partial(_paint, archive=archive, asked=asked, media_type=media_type)
    each: Sequence[int] | None = numbers if numbers is not None else None if chosen.multipart else ()
    work = asyncio.get_running_loop().run_in_executor(threads, _all, rows, each, paint, request.root)
    done, left_out = await work
    headers = _warnings(request, asked, left_out)
    if not (chosen.multipart or several):
        return Answer(200, done[0][0], media_type, headers)
    mark = boundary()
    segments = parts(mark, [(media_type, [content], location) for content, location in done])
    kind = f'multipart/related; type="{media_type}"; boundary={mark}'
    await stream(200, segments, kind, headers, request.receive, request.send)
    return None


async def rendered_answer(
    row: InstanceRow, frame: int, asked: RenderingRequest, media_type: str, request: Request, archive: Archive,
    threads: Executor,
) -> Answer:  # fmt: skip
    """One picture. Raises NotFound, Unsupported (406), Busy."""
    paint = partial(_paint, archive=archive, asked=asked, media_type=media_type)
    (content,) = await asyncio.get_running_loop().run_in_executor(threads, paint, row, [frame])
    return Answer(200, content, media_type, _warnings(request, asked, 0))


def media_type_of(row: InstanceRow) -> str | None:
    """Of a document or video, which is given as it was put in; None for everything else."""
    media_type = TRANSFER_SYNTAXES[row.transfer_syntax].media_type
    return media_type if media_type.startswith("video/") else DOCUMENTS.get(row.sop_class)


def _choose(accept: str, *, several: bool) -> tuple[MediaRange, str]:
    """The range that is served, and the media type of a picture."""
    for one in media_ranges(accept):
        anything = one.wild or one.media_type == "multipart/*" or (one.multipart and one.type in ("", "*/*"))
        for media_type in PICTURES:
            if (anything or one.takes(media_type)) and (one.multipart or anything or not several):
                return one, media_type
    raise not_acceptable(
        'Accept multipart/related; type="image/jpeg".' if several else f"Accept one of {', '.join(PICTURES)}."
    )


def _all(
    rows: Sequence[InstanceRow],
    numbers: Sequence[int] | None,
    paint: Callable[[InstanceRow, Sequence[int] | None], list[bytes]],
    root: str,
) -> tuple[list[Part], int]:
    """Pictures, and how many instances have none. ``numbers``: frames, None for all, () for one picture an instance.
    Raises what the first of them raised where none has."""
    done: list[Part] = []
    failure: ExchangeError | None = None
    left_out = size = 0
    for row in rows:
        try:
            pictures = paint(row, numbers)
        except Unsupported as error:
            failure, left_out = failure or error, left_out + 1
            continue
        done += [(content, f"{instance_url(root, row)}/rendered") for content in pictures]
        size += sum(map(len, pictures))
        if len(done) > MOST_PICTURES or size > MOST_BYTES:
            raise TooLarge("These are too many pictures for one answer.", remedy="Ask for them by series or instance.")
    if not done and failure is not None:
        raise failure
    return done, left_out


def _paint(
    row: InstanceRow, numbers: Sequence[int] | None, *, archive: Archive, asked: RenderingRequest, media_type: str
) -> list[bytes]:
    if media_type_of(row) is not None:
        raise Unsupported("This object is no picture.", remedy="Ask for it by its own URL.", http_status=406)
    with image_of(row, archive.files) as image:
        count, wish = image.form.frames, asked.wish
        if media_type == GIF and numbers == () and count > 1:
            if count > MOST_ANIMATED:
                raise Unsupported("The animation would be too long.", remedy="Ask for frames.", http_status=406)
            pictures = [picture(image, number, wish, archive.codecs) for number in range(1, count + 1)]
            return [encoded(pictures, GIF, wish.quality, _frame_milliseconds(image.header.get("FrameTime", None)))]
        wanted = range(1, count + 1) if numbers is None else numbers or (1,)
        if len(wanted) > MOST_PICTURES:
            raise TooLarge("These are too many pictures for one answer.", remedy="Ask for fewer frames.")
        return [encoded([picture(image, one, wish, archive.codecs)], media_type, wish.quality) for one in wanted]


def _frame_milliseconds(value: object) -> float:
    try:
        return float(str(value))
    except ValueError:
        return 0.0


def _warnings(request: Request, asked: RenderingRequest, left_out: int) -> Headers:
    texts = []
    if asked.not_done:
        named = ", ".join(one for one in asked.not_done if one.isascii() and one.isalnum())
        texts.append(f"The following annotation values are not supported: {named}")
    if left_out:
        texts.append(f"{left_out} instances could not be rendered")
    return [(b"warning", f'299 {request.root.split("/")[2]} "{text}"'.encode("ascii", "replace")) for text in texts]


async def give_as_put_in(row: InstanceRow, media_type: str, request: Request, archive: Archive) -> None:
    """A document or a video, byte ranges too."""
    if media_type.startswith("video/"):
        table = await frame_table_of(row, archive)
        pieces = [piece for frame in table for piece in frame]
    else:
        pieces = await asyncio.to_thread(_document, row, archive)
    if not pieces:
        raise Unsupported("The object holds no content.", remedy="Retrieve it as stored.", http_status=406)
    if TRANSFER_SYNTAXES[row.transfer_syntax].deflated:
        segments: list[Segment] = [await asyncio.to_thread(_inflated, row, pieces, archive)]
    else:
        segments = [file_part(row, archive.files, at, length) for at, length in pieces]
    status, segments, headers = ranged(segments, request.headers.get(b"range", b"").decode("latin-1"))
    headers.append((b"x-content-type-options", b"nosniff"))
    await stream(status, segments, media_type, headers, request.receive, request.send)


def _document(row: InstanceRow, archive: Archive) -> list[tuple[int, int]]:
    with archive.files.data_set(row) as (buffer, begin, end):
        found = locate(buffer, begin, end, TRANSFER_SYNTAXES[row.transfer_syntax], [_DOCUMENT])
        if found is None:
            return []
        at, length = found
        if length and buffer[at + length - 1] == 0:
            length -= 1  # the byte that makes the length even
        return [(at, length)]


def _inflated(row: InstanceRow, pieces: Sequence[tuple[int, int]], archive: Archive) -> bytes:
    with archive.files.data_set(row) as (buffer, _begin, _end):
        return b"".join(bytes(buffer[at : at + length]) for at, length in pieces)
