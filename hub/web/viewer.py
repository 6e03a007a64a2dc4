"""``/viewer``: OHIF where it is installed, else the hub's own small viewer, under the same links.

``/viewer/viewer?StudyInstanceUIDs=UID`` opens a study; ``/viewer/basic?StudyInstanceUIDs=UID`` always in the small one.
Every other path that names no file is the application's page, as OHIF routes by path. The files hold nothing of
patients: what they show is asked of DICOMweb by the browser, with its user's session, under that user's rights.
"""

import re
from collections.abc import Callable
from pathlib import Path

from fastapi import APIRouter, Request, Response
from fastapi.responses import FileResponse

from hub.contracts.caller import Caller
from hub.contracts.errors import NotFound
from hub.contracts.gate import Gate

from .pages import SECURITY_HEADERS, TEMPLATES

READ = "dicom-read"
OWN = TEMPLATES / "viewer"
_TYPES = {
    ".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8",
    ".wasm": "application/wasm", ".woff2": "font/woff2", ".svg": "image/svg+xml", ".png": "image/png",
    ".ico": "image/x-icon",
}  # fmt: skip
_OHIF_FILE = re.compile(r"(?:assets/(?:images/)?)?[\w-]+(?:\.[\w-]+)*\.(?:js|css|wasm|woff2|svg|png|ico)\Z", re.ASCII)
_NAMED_BY_CONTENT = re.compile(r"[0-9a-f]{16}\.\w+\Z", re.ASCII)
_OWN_FILE = re.compile(r"[a-z]+\.(?:js|css)\Z", re.ASCII)
_OHIF_POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self' data: blob:; media-src 'self' blob:; "
    "worker-src 'self' blob:; object-src 'self' blob:; frame-src 'self' blob:; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'self'"
)
"""OHIF makes styles, pictures and workers by script. Nothing of it comes from, or can be sent to, another origin."""
_WORKER_POLICY = _OHIF_POLICY.replace("'wasm-unsafe-eval'", "'wasm-unsafe-eval' 'unsafe-eval'")
"""Sent with scripts, where it counts for those that run as workers: the codecs in them make functions of text. The
page may not."""
_OWN_POLICY = SECURITY_HEADERS["Content-Security-Policy"].replace("img-src 'self'", "img-src 'self' blob:") + (
    "; script-src 'self'; connect-src 'self'"
)
_KEPT = "private, max-age=3600"
_ASKED_ANEW = "no-cache"

Release = Callable[[], Path | None]
"""``hub.viewer.installed.Viewer.release``: where OHIF lies, None where it is not installed."""


def viewer_router(gate: Gate, release: Release) -> APIRouter:
    router = APIRouter(include_in_schema=False)

    def checked(request: Request) -> None:
        caller: Caller = request.scope["state"]["caller"]
        gate.check_action(caller, READ)

    def own(request: Request, name: str = "") -> Response:
        if not name:
            return _answer(request, OWN / "basic.html", _OWN_POLICY, _ASKED_ANEW)
        return _answer(request, _inside(OWN, name, _OWN_FILE), _OWN_POLICY, _ASKED_ANEW)

    @router.get("/viewer/basic")
    def basic(request: Request) -> Response:
        checked(request)
        return own(request)

    @router.get("/viewer/basic/{name}")
    def basic_file(request: Request, name: str) -> Response:
        checked(request)
        return own(request, name)

    @router.get("/viewer")
    @router.get("/viewer/{path:path}")
    def viewer(request: Request, path: str = "") -> Response:
        checked(request)
        ohif = release()
        if "." in path:
            named = _inside(ohif, path, _OHIF_FILE) if ohif is not None else None
            return _answer(request, named, _WORKER_POLICY, _KEPT if _NAMED_BY_CONTENT.search(path) else _ASKED_ANEW)
        return own(request) if ohif is None else _answer(request, ohif / "index.html", _OHIF_POLICY, _ASKED_ANEW)

    return router


def _inside(folder: Path, name: str, pattern: re.Pattern[str]) -> Path | None:
    """The pattern knows no step upwards, so what it takes lies in the folder."""
    return folder / name if pattern.match(name) else None


def _answer(request: Request, file: Path | None, policy: str, kept: str) -> Response:
    """The file, packed where the browser takes it so. Raises NotFound."""
    if file is None or not file.is_file():
        raise NotFound("The viewer has no such file.", remedy="Open /viewer/viewer?StudyInstanceUIDs=UID.")
    headers = {**SECURITY_HEADERS, "Content-Security-Policy": policy, "Cache-Control": kept, "Vary": "Accept-Encoding"}
    media_type = _TYPES[file.suffix]
    packed = file.with_name(f"{file.name}.gz")
    if "gzip" in request.headers.get("accept-encoding", "") and packed.is_file():
        file, headers["Content-Encoding"] = packed, "gzip"
    found = file.stat()
    headers["ETag"] = f'"{found.st_mtime_ns:x}-{found.st_size:x}{"-gzip" if file is packed else ""}"'
    if request.headers.get("if-none-match") == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    return FileResponse(file, headers=headers, media_type=media_type)
