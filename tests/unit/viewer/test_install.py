"""``hub viewer install``: only the release, only what is needed of it, whole or not at all."""

import functools
import gzip
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from hub.contracts.errors import Busy, Incorrect
from hub.settings import Settings
from hub.viewer import tarball
from hub.viewer.installed import FOLDER, Viewer
from hub.viewer.release import VERSION
from tests.unit.viewer.small_release import APPLICATION, HONEST, Packed


@pytest.fixture
def viewer(tmp_path: Path) -> Viewer:
    return Viewer(tmp_path / "viewer")


def names(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file() or path.is_symlink()}


def test_what_is_needed_is_laid_out_for_its_place_and_nothing_else(viewer: Viewer, packed: Packed) -> None:
    release = viewer.install(functools.partial(tarball.copy, packed(HONEST)))
    kept = names(release) - {name for name in names(release) if name.endswith(".gz")}
    assert kept == {"LICENSE", APPLICATION, "app.bundle.css", "0123456789abcdef.wasm", "assets/images/CT-Bone.png",
                    "index.html", "app-config.js", "files.json"}  # fmt: skip
    script = (release / APPLICATION).read_bytes()
    assert b'.p = "/viewer/"' in script and b"const mrn = ''" in script
    assert gzip.decompress((release / f"{APPLICATION}.gz").read_bytes()) == script
    assert b"url(/viewer/0123456789abcdef.woff2)" in (release / "app.bundle.css").read_bytes()
    assert f'src="/viewer/{APPLICATION}"' in (release / "index.html").read_text()
    assert all(b"example.org" not in path.read_bytes() for path in release.rglob("*") if path.is_file())
    assert viewer.is_whole() and viewer.release == release


def test_no_name_of_the_tarball_leads_out_of_the_folder(viewer: Viewer, packed: Packed, tmp_path: Path) -> None:
    hostile = ["package/dist/../../../evil.js", "../evil.js", "/evil.js", "package/dist/assets/images/../../../evil.js",
               "package/dist/./evil.js", "package/dist/a/evil.js", "package/dist/evil.js\n"]  # fmt: skip
    viewer.install(functools.partial(tarball.copy, packed(HONEST | dict.fromkeys(hostile, b"evil"))))
    assert not [path for path in tmp_path.rglob("*") if "evil" in path.name or path.is_symlink()]
    assert not Path("/evil.js").exists()


@pytest.mark.parametrize("change", ["one byte", "longer", "another"])
def test_other_bytes_are_refused_before_they_are_opened(viewer: Viewer, packed: Packed, change: str) -> None:
    file = packed(HONEST)
    content = file.read_bytes()
    file.write_bytes({"one byte": content[:-1] + b"\1", "longer": content + b"\0", "another": b"no tarball"}[change])
    with pytest.raises(Incorrect, match="as it was published"):
        viewer.install(functools.partial(tarball.copy, file))
    assert viewer.release is None


def test_a_release_of_another_shape_is_refused_whole(viewer: Viewer, packed: Packed, tmp_path: Path) -> None:
    strange = HONEST | {f"package/dist/{APPLICATION}": b"nothing to edit"}
    with pytest.raises(Incorrect, match="not laid out"):
        viewer.install(functools.partial(tarball.copy, packed(strange)))
    assert viewer.release is None and names(tmp_path / "viewer") == {".lock"}


def test_again_is_the_same_and_damage_is_mended(viewer: Viewer, packed: Packed, tmp_path: Path) -> None:
    fetch = functools.partial(tarball.copy, packed(HONEST))
    release = viewer.install(fetch)
    (tmp_path / "viewer" / "ohif-3.12.0-1").mkdir()
    (tmp_path / "viewer" / ".incoming-ended").mkdir()
    before = (release / APPLICATION).stat().st_mtime_ns
    assert viewer.install(pytest.fail) == release and (release / APPLICATION).stat().st_mtime_ns == before
    assert list(viewer.verify()) == []
    (release / APPLICATION).write_bytes(b"damaged")
    assert len(list(viewer.verify())) == 1
    viewer.install(fetch)
    assert viewer.is_whole() and names(tmp_path / "viewer") == {".lock"} | {f"{FOLDER}/{one}" for one in names(release)}
    assert {path.name for path in (tmp_path / "viewer").iterdir()} == {".lock", FOLDER}


@pytest.fixture
def registry(packed: Packed, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """An npm registry that holds the one release; the paths it was asked for."""
    content, asked = packed(HONEST).read_bytes(), []

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            found = self.path == f"/mirror/@ohif/app/-/app-{VERSION}.tgz"
            self.send_response(200 if found else 404)
            self.end_headers()
            self.wfile.write(content if found else b"")

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.delenv("npm_config_registry", raising=False)
    monkeypatch.setenv("NPM_CONFIG_REGISTRY", f"http://127.0.0.1:{server.server_port}/mirror")
    yield asked
    server.shutdown()
    thread.join()
    server.server_close()


def test_it_comes_from_the_registry_that_npm_is_set_to(viewer: Viewer, registry: list[str]) -> None:
    viewer.install(functools.partial(tarball.download, address=tarball.registry()))
    assert viewer.is_whole() and registry == [f"/mirror/@ohif/app/-/app-{VERSION}.tgz"]


def test_a_registry_without_it_and_a_file_that_is_not_there_are_named(
    viewer: Viewer, registry: list[str], tmp_path: Path
) -> None:
    with pytest.raises(Busy, match="status 404"):
        viewer.install(functools.partial(tarball.download, address=tarball.registry() + "other/"))
    with pytest.raises(Busy, match="cannot be had"):
        viewer.install(functools.partial(tarball.download, address="http://127.0.0.1:9/"))
    with pytest.raises(Incorrect, match="cannot be read"):
        viewer.install(functools.partial(tarball.copy, tmp_path / "none.tgz"))
    assert viewer.release is None


def test_it_lies_in_the_data_folder_or_where_the_setting_says(tmp_path: Path) -> None:
    assert Settings(data_dir=tmp_path).viewer_folder == tmp_path / "viewer"
    elsewhere = Settings.model_validate({"data_dir": tmp_path, "viewer": {"folder": "/opt/ohif"}})
    assert elsewhere.viewer_folder == Path("/opt/ohif")
