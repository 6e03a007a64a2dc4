"""``/viewer``: which page and file answers which path, to whom, and under which headers."""

import asyncio
import functools
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from hub.api.rest.problems import add_problem_handlers
from hub.contracts.caller import Caller, Role
from hub.security.policy import Policy
from hub.viewer import tarball
from hub.viewer.installed import Viewer
from hub.web.viewer import viewer_router
from tests.unit.viewer.small_release import APPLICATION, HONEST, Packed

STUDY = "/viewer/viewer?StudyInstanceUIDs=1.2.3"


@pytest.fixture
def viewer(tmp_path: Path) -> Viewer:
    return Viewer(tmp_path / "viewer")


@pytest.fixture
def installed(viewer: Viewer, packed: Packed) -> Viewer:
    viewer.install(functools.partial(tarball.copy, packed(HONEST)))
    return viewer


class Browser:
    """Asks as one signed-in client."""

    def __init__(self, viewer: Viewer, role: Role) -> None:
        self._application = FastAPI()
        add_problem_handlers(self._application)
        self._application.include_router(viewer_router(Policy(), lambda: viewer.release))
        self._caller = Caller("one", role, "somewhere")

    async def _signed_in(self, scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        scope.setdefault("state", {})["caller"] = self._caller
        await self._application(scope, receive, send)

    def get(self, path: str, **headers: str) -> httpx.Response:
        async def asked() -> httpx.Response:
            transport = httpx.ASGITransport(self._signed_in)
            async with httpx.AsyncClient(transport=transport, base_url="http://hub") as client:
                return await client.get(path, headers={name.replace("_", "-"): text for name, text in headers.items()})

        return asyncio.run(asked())


@pytest.fixture
def reader(viewer: Viewer) -> Browser:
    return Browser(viewer, Role.READER)


def test_without_ohif_every_link_opens_the_small_viewer(reader: Browser) -> None:
    for path in ("/viewer", "/viewer/", STUDY, "/viewer/basic?StudyInstanceUIDs=1.2.3"):
        answer = reader.get(path)
        assert answer.status_code == 200 and "/viewer/basic/basic.js" in answer.text, path
        assert "script-src 'self';" in answer.headers["Content-Security-Policy"] + ";"
        assert "unsafe" not in answer.headers["Content-Security-Policy"]
    assert reader.get("/viewer/app-config.js").status_code == 404


def test_with_ohif_its_page_answers_every_path_of_the_application(installed: Viewer, reader: Browser) -> None:
    for path in ("/viewer", "/viewer/", STUDY, "/viewer/segmentation?StudyInstanceUIDs=1.2.3"):
        answer = reader.get(path)
        assert f"/viewer/{APPLICATION}" in answer.text and answer.headers["Cache-Control"] == "no-cache"
        policy = answer.headers["Content-Security-Policy"]
        assert "connect-src 'self'" in policy and "'unsafe-eval'" not in policy and "http" not in policy
    assert "basic.js" in reader.get("/viewer/basic").text


@pytest.mark.parametrize(
    ("name", "kind"),
    [(APPLICATION, "text/javascript; charset=utf-8"), ("app.bundle.css", "text/css; charset=utf-8"),
     ("0123456789abcdef.wasm", "application/wasm"), ("assets/images/CT-Bone.png", "image/png"),
     ("app-config.js", "text/javascript; charset=utf-8")],
)  # fmt: skip
def test_a_file_has_its_type_is_packed_and_is_asked_for_once(
    installed: Viewer, reader: Browser, name: str, kind: str
) -> None:
    first = reader.get(f"/viewer/{name}")
    assert first.status_code == 200 and first.headers["Content-Type"] == kind
    assert first.headers["X-Content-Type-Options"] == "nosniff"
    plain = reader.get(f"/viewer/{name}", accept_encoding="identity")
    assert plain.content == first.content and "Content-Encoding" not in plain.headers
    assert ("Content-Encoding" in first.headers) == (name.rpartition(".")[2] in ("js", "css", "wasm"))
    assert first.headers["Cache-Control"] == ("private, max-age=3600" if "0123456789abcdef" in name else "no-cache")
    again = reader.get(f"/viewer/{name}", if_none_match=first.headers["ETag"])
    assert again.status_code == 304 and not again.content


@pytest.mark.parametrize(
    "path",
    ["files.json", "../viewer.db", "..%2f..%2fsecret.js", "assets/..%2f..%2fx.js", ".lock", "none.js", "basic/x.js",
     "basic/..%2fstyle.css", "basic/basic.html", f"{APPLICATION}.gz", "%2fetc%2fpasswd.js", "index.html%00.js"],
)  # fmt: skip
def test_no_path_leads_to_another_file(installed: Viewer, reader: Browser, path: str) -> None:
    assert reader.get(f"/viewer/{path}").status_code == 404


def test_a_role_that_reads_no_images_has_no_viewer(viewer: Viewer) -> None:
    admin = Browser(viewer, Role.ADMIN)
    for path in (STUDY, "/viewer/basic", "/viewer/basic/basic.js"):
        assert admin.get(path).status_code == 403
