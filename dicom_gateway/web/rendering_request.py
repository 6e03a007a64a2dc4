"""Query parameters of a rendered resource (PS3.18 8.3.5.1): window, viewport, quality, annotation."""

import math
from dataclasses import dataclass

from hub.contracts.errors import Incorrect

from ..pixels.picture import DEFAULT_QUALITY, LARGEST_SIDE, Viewport, Wish
from ..pixels.window import FUNCTIONS, Window

_ANNOTATIONS = "annotation"


@dataclass(frozen=True, slots=True)
class RenderingRequest:
    """``not_done`` are the annotations asked for: none is burnt in, and the answer says so (PS3.18 8.3.5.1.1)."""

    wish: Wish
    not_done: tuple[str, ...] = ()


def rendering_request(query: list[tuple[str, str]]) -> RenderingRequest:
    """Raises Incorrect (400) naming the parameter that is malformed. Parameters of other transactions are ignored."""
    window, viewport, quality = None, None, DEFAULT_QUALITY
    not_done: tuple[str, ...] = ()
    for name, value in query:
        match name:
            case "window":
                window = _window(value)
            case "viewport":
                viewport = _viewport(value)
            case "quality":
                quality = whole_number(name, value, 1, 100)
            case _ if name == _ANNOTATIONS:
                not_done = tuple(part.strip() for part in value.split(",") if part.strip())
    return RenderingRequest(Wish(window, viewport, quality), not_done)


def whole_number(name: str, value: str, low: int, high: int) -> int:
    if not (value.isascii() and value.isdigit() and len(value) < 9 and low <= int(value) <= high):
        raise malformed(name, f"Give a whole number from {low} to {high}.")
    return int(value)


def number(name: str, value: str) -> float:
    try:
        found = float(value)
    except ValueError:
        raise malformed(name, "Give numbers.") from None
    if not math.isfinite(found) or abs(found) > 1e9:
        raise malformed(name, "Give numbers.")
    return found


def malformed(name: str, remedy: str) -> Incorrect:
    return Incorrect("A query parameter is malformed.", where=name, remedy=remedy, issue_code="value", http_status=400)


def _window(value: str) -> Window:
    center, width, function = [*value.split(","), "linear"][:3] if value.count(",") in (1, 2) else ("", "", "")
    wanted = function.strip().upper().replace("-", "_")
    for known in FUNCTIONS:
        if wanted == known:
            found = Window(number("window", center), number("window", width), known)
            if found.width > 0 and (known != "LINEAR" or found.width >= 1):
                return found
    raise malformed("window", "Give window=CENTRE,WIDTH,FUNCTION with linear, linear-exact or sigmoid.")


def _viewport(value: str) -> Viewport:
    """``vw,vh`` or ``vw,vh,sx,sy,sw,sh``; of the last four each may be empty: the whole image then."""
    parts = [part.strip() for part in value.split(",")]
    if len(parts) not in (2, 4, 6):
        raise malformed("viewport", "Give viewport=WIDTH,HEIGHT or WIDTH,HEIGHT,LEFT,TOP,WIDTH,HEIGHT.")
    width, height = (whole_number("viewport", part, 1, LARGEST_SIDE) for part in parts[:2])
    if not any(parts[2:]):
        return Viewport(width, height)
    rest = [*parts[2:], "", ""]
    left, top = (number("viewport", part or "0") for part in rest[:2])
    region_width, region_height = (number("viewport", part) if part else math.inf for part in rest[2:4])
    if left < 0 or top < 0 or not region_width or not region_height:
        raise malformed("viewport", "Give a region within the image, of some size.")
    return Viewport(width, height, (left, top, region_width, region_height))
