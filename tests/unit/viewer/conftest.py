"""The small release as a tarball."""

import hashlib
import io
import tarfile
from pathlib import Path

import pytest

from hub.viewer import tarball
from tests.unit.viewer.small_release import Packed


@pytest.fixture
def packed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Packed:
    """Packs files, with a link and a device beside them, and makes the result the release."""

    def pack(files: dict[str, bytes]) -> Path:
        path = tmp_path / "release.tgz"
        with tarfile.open(path, "w:gz") as members:
            for name, content in files.items():
                member = tarfile.TarInfo(name)
                member.size = len(content)
                members.addfile(member, io.BytesIO(content))
            for kind, name in ((tarfile.SYMTYPE, "package/dist/2.css"), (tarfile.CHRTYPE, "package/dist/3.css")):
                member = tarfile.TarInfo(name)
                member.type, member.linkname = kind, "/etc/passwd"
                members.addfile(member)
        monkeypatch.setattr(tarball, "SHA512", hashlib.sha512(path.read_bytes()).digest())
        return path

    return pack
