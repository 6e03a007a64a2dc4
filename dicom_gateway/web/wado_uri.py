"""WADO-URI (PS3.18 clause 9): one object by the query parameters of an older transaction.

``GET /dicom-web/wado?requestType=WADO&studyUID=…&seriesUID=…&objectUID=…``
"""

from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, replace

from hub.contracts.errors import Incorrect, Unsupported

from ..archive import Archive
from ..pixels.codec import DECODED
from ..pixels.picture import DEFAULT_QUALITY, LARGEST_SIDE, PICTURES, Viewport, Wish
from ..pixels.window import Window
from ..study_index.instance_row import InstanceRow
from ..transfer_syntaxes import EXPLICIT_VR_LITTLE_ENDIAN, TRANSFER_SYNTAXES
from .accept import DICOM, media_ranges, not_acceptable
from .asgi import Answer, Request
from .rendered import give_as_put_in, media_type_of, rendered_answer
from .rendering_request import RenderingRequest, malformed, number, whole_number
from .retrieve import retrieve_instances

_REFUSED = {
    "anonymize": ("yes", "Objects are not de-identified here.", "Ask for the object as it is."),
    "presentationUID": ("", "Presentation states are not applied here.", "Use windowCenter and windowWidth."),
}
_NAMES = frozenset(
    {"requestType", "studyUID", "seriesUID", "objectUID", "contentType", "charset", "anonymize", "annotation", "rows",
     "columns", "region", "windowCenter", "windowWidth", "frameNumber", "imageQuality", "presentationUID",
     "presentationSeriesUID", "transferSyntax"}
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class UriParameters:
    """``named`` are study, series and object; ``others`` what is known of the rest."""

    named: list[str]
    others: Mapping[str, str]


async def retrieve_by_uri(
    row: InstanceRow, asked: UriParameters, request: Request, archive: Archive, threads: Executor
) -> Answer | None:
    """An Answer, or None where it has been streamed. Raises Incorrect (400) naming a parameter that is malformed,
    NotFound, Unsupported (406), Busy."""
    others = asked.others
    content_type = _content_type(others.get("contentType", "").strip() or request.accept, row)
    if content_type == DICOM:
        wanted = others.get("transferSyntax", "").strip() or _uncompressed(row)
        headers = {b"accept": f"{DICOM}; transfer-syntax={wanted}".encode("latin-1", "replace")}
        await retrieve_instances([row], replace(request, query=[], headers=headers), archive, threads)
        return None
    if content_type not in PICTURES:
        await give_as_put_in(row, content_type, request, archive)
        return None
    frame = whole_number("frameNumber", others.get("frameNumber", "1"), 1, 99_999_999)
    return await rendered_answer(row, frame, _wish(others, row), content_type, request, archive, threads)


def uri_parameters(request: Request) -> UriParameters:
    """Raises Incorrect (400) naming a parameter that is missing or given twice, Unsupported (501) for what is not done
    here. Parameters that the standard does not know are ignored."""
    asked: dict[str, str] = {}
    for name, value in request.query:
        if name in asked:
            raise malformed(name, "Give it once.")
        if name in _NAMES:
            asked[name] = value
    if asked.get("requestType") != "WADO":
        raise malformed("requestType", "Give requestType=WADO.")
    for name in ("studyUID", "seriesUID", "objectUID"):
        if not asked.get(name):
            raise Incorrect(
                "A required query parameter is missing.",
                where=name,
                remedy="Give studyUID, seriesUID and objectUID.",
                issue_code="required",
                http_status=400,
            )
    for name, (when, what, remedy) in _REFUSED.items():
        if name in asked and (not when or asked[name] == when):
            raise Unsupported(what, where=name, remedy=remedy, http_status=501)
    return UriParameters([asked[name] for name in ("studyUID", "seriesUID", "objectUID")], asked)


def _content_type(wanted: str, row: InstanceRow) -> str:
    """The first media type asked for that can be given (PS3.18 9.1.2.2.1); a picture, if any will do."""
    own = media_type_of(row)
    offered = [own] if own is not None else list(PICTURES) if row.rows is not None else []
    for one in media_ranges(wanted):
        for offer in [*offered, DICOM]:
            if not one.multipart and one.takes(offer):
                return offer
    raise not_acceptable(f"Ask for contentType={' or '.join([*offered, DICOM])}.")


def _uncompressed(row: InstanceRow) -> str:
    """Explicit VR little endian, the transaction's default, where the object can be given in it."""
    encapsulated = TRANSFER_SYNTAXES[row.transfer_syntax].encapsulated
    return "*" if encapsulated and row.transfer_syntax not in DECODED else EXPLICIT_VR_LITTLE_ENDIAN


def _wish(asked: Mapping[str, str], row: InstanceRow) -> RenderingRequest:
    window, viewport, region = None, None, None
    if ("windowCenter" in asked) != ("windowWidth" in asked):
        raise malformed("windowCenter", "Give windowCenter and windowWidth together.")
    if "windowCenter" in asked:
        window = Window(number("windowCenter", asked["windowCenter"]), number("windowWidth", asked["windowWidth"]))
        if window.width < 1:
            raise malformed("windowWidth", "Give a width of at least 1.")
    if "region" in asked:
        region = _region(asked["region"], row)
    if region or "rows" in asked or "columns" in asked:
        sides = [
            whole_number(name, asked[name], 1, LARGEST_SIDE) if name in asked else None for name in ("columns", "rows")
        ]
        if sides == [None, None] and region is not None:
            sides = [max(round(region[2]), 1), max(round(region[3]), 1)]
        viewport = Viewport(sides[0] or LARGEST_SIDE, sides[1] or LARGEST_SIDE, region)
    quality = whole_number("imageQuality", asked.get("imageQuality", str(DEFAULT_QUALITY)), 1, 100)
    not_done = tuple(part.strip() for part in asked.get("annotation", "").split(",") if part.strip())
    return RenderingRequest(Wish(window, viewport, quality), not_done)


def _region(value: str, row: InstanceRow) -> tuple[float, float, float, float]:
    """Left, top, right, bottom as parts of the image from 0 to 1, in its pixels (PS3.18 9.1.2.2.8)."""
    parts = [number("region", part) for part in value.split(",")]
    if len(parts) != 4 or not (0 <= parts[0] < parts[2] <= 1 and 0 <= parts[1] < parts[3] <= 1):
        raise malformed("region", "Give left,top,right,bottom between 0 and 1.")
    width, height = row.columns or 1, row.rows or 1
    return parts[0] * width, parts[1] * height, (parts[2] - parts[0]) * width, (parts[3] - parts[1]) * height
