"""What of the tarball is kept, and the edits that make it live under ``/viewer`` instead of ``/``.

Kept are the application's own bundles, style sheets, codecs, fonts and pictures. Left out: source maps, the ONNX
runtime (segmentation by a model fetched from elsewhere), the whole-slide microscopy viewer, service workers and what
they load from public servers, icons of other platforms. What shrinks is kept gzipped too,
for browsers that take it.

The members are named by a pattern and written by this module, one after the other: no path, link or device of the
tarball ever reaches the file system.
"""

import functools
import gzip
import hashlib
import re
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from hub.contracts.errors import ExchangeError, Incorrect

from .configuration import APP_CONFIG, index_page

_KEPT = re.compile(
    r"package/dist/(?P<name>[\w-]+(?:\.bundle(?:\.[0-9a-f]{16})?)?\.(?:js|css|wasm|woff2|svg)"
    r"|assets/favicon\.ico|assets/images/[\w-]+\.png)\Z",
    re.ASCII,
)
_LEFT_OUT = frozenset({"app-config.js", "sw.js", "init-service-worker.js", "google.js"})
_LICENCE = "package/LICENSE"
_APPLICATION = re.compile(r"app\.bundle\.[0-9a-f]{16}\.js\Z", re.ASCII)
_EDITS: Mapping[str, Sequence[tuple[bytes, bytes]]] = {
    ".js": (
        (b'__webpack_require__.p = "/";', b'__webpack_require__.p = "/viewer/";'),
        # A PatientID alone is no person: two clinics give the same one to two people. So no other studies "of this
        # patient" are looked for by it.
        (b"const mrn = qidoForStudyUID[0].mrn;", b"const mrn = '';"),
    ),
    ".css": ((b"url(/", b"url(/viewer/"),),
}
"""By suffix; each has to be found somewhere in the release."""
_SAID = (_KEPT.pattern, sorted(_LEFT_OUT), _EDITS, APP_CONFIG, index_page(""))
LAYOUT = hashlib.sha256(repr(_SAID).encode()).hexdigest()[:8]
"""Another one with every change of what is kept, edited or configured."""
_WORTH_PACKING = (".js", ".css", ".svg", ".html", ".wasm")
_LONGEST_MEMBER_BYTES = 64 << 20


def unpack(tarball: Path, folder: Path) -> None:
    """Lay out the release in ``folder``, which is there and empty. Raises Incorrect where the tarball is not what the
    release is known to be."""
    application = ""
    made: set[bytes] = set()
    for name, content in _kept(tarball):
        if _APPLICATION.match(name):
            application = name
        edits = _EDITS.get(Path(name).suffix, ())
        made |= {old for old, _ in edits if old in content}
        _write(folder / name, functools.reduce(lambda text, edit: text.replace(*edit), edits, content))
    if not application or made != {old for edits in _EDITS.values() for old, _ in edits}:
        raise _strange("what is to be edited is not found")
    _write(folder / "app-config.js", APP_CONFIG.encode())
    _write(folder / "index.html", index_page(application).encode())


def _kept(tarball: Path) -> Iterator[tuple[str, bytes]]:
    try:
        with tarfile.open(tarball, "r:gz") as members:
            for member in members:
                found = _KEPT.match(member.name)
                name = "LICENSE" if member.name == _LICENCE else found["name"] if found else ""
                if not name or not member.isfile() or name in _LEFT_OUT:
                    continue
                if member.size > _LONGEST_MEMBER_BYTES:
                    raise _strange(f"{name} is too large")
                content = members.extractfile(member)
                if content is not None:
                    yield name, content.read()
    except (tarfile.TarError, EOFError, OSError) as failure:
        raise _strange(str(failure)) from None


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    if path.suffix in _WORTH_PACKING:
        path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(content, 6, mtime=0))


def _strange(why: str) -> ExchangeError:
    return Incorrect(f"The tarball is not laid out as the release is: {why}.", remedy="Fetch it anew.")
