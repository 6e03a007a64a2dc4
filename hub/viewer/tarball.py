"""The tarball of the release: from the npm registry of this machine, or from a file. Bytes that are not the release are
refused before anything is made of them.

This is the only place of the hub that downloads, and only ``hub viewer install`` comes here.
"""

import hashlib
import os
import shutil
import ssl
import subprocess
from collections.abc import Iterable
from pathlib import Path

import httpx

from hub.contracts.errors import Busy, ExchangeError, Incorrect

from .release import LARGEST_TARBALL_BYTES, PACKAGE, SHA512, VERSION

_PACK = f"npm pack {PACKAGE}@{VERSION}"
PUBLIC_REGISTRY = "https://registry.npmjs.org/"
_ASKING_NPM_SECONDS = 30.0
_CHUNK_BYTES = 1 << 20


def registry() -> str:
    """The registry that npm would ask: its environment variable, else its configuration, else the public one."""
    for name in ("npm_config_registry", "NPM_CONFIG_REGISTRY"):
        if os.environ.get(name):
            return _with_slash(os.environ[name])
    npm = shutil.which("npm")
    if npm is not None:
        asked = subprocess.run(  # noqa: S603 - the command is ours, word for word
            [npm, "config", "get", "registry"], capture_output=True, text=True, check=False, timeout=_ASKING_NPM_SECONDS
        )
        told = asked.stdout.strip()
        if asked.returncode == 0 and told.startswith(("https://", "http://")):
            return _with_slash(told)
    return PUBLIC_REGISTRY


def _with_slash(address: str) -> str:
    return address.rstrip("/") + "/"


def download(into: Path, address: str) -> None:
    """Write the tarball of the registry at ``address`` to ``into``. Raises Busy, Incorrect."""
    url = f"{address}{PACKAGE}/-/{PACKAGE.rpartition('/')[2]}-{VERSION}.tgz"
    try:
        with (
            httpx.Client(verify=ssl.create_default_context(), follow_redirects=True, timeout=60) as client,
            client.stream("GET", url) as answer,
        ):
            if answer.status_code != httpx.codes.OK:
                raise _no_answer(url, f"status {answer.status_code}")
            _write(answer.iter_bytes(_CHUNK_BYTES), into, url)
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as failure:
        raise _no_answer(url, str(failure) or type(failure).__name__) from None


def copy(file: Path, into: Path) -> None:
    """The same from a file. Raises Incorrect."""
    try:
        with file.open("rb") as source:
            _write(iter(lambda: source.read(_CHUNK_BYTES), b""), into, str(file))
    except OSError as failure:
        raise Incorrect(
            f"{file} cannot be read ({failure.strerror}).",
            remedy=f"Give the file made by: {_PACK}",
        ) from None


def _write(chunks: Iterable[bytes], into: Path, source: str) -> None:
    digest, size_bytes = hashlib.sha512(), 0
    with into.open("wb") as target:
        for chunk in chunks:
            size_bytes += len(chunk)
            if size_bytes > LARGEST_TARBALL_BYTES:
                raise _not_the_release(source, "it is too large")
            digest.update(chunk)
            target.write(chunk)
    if digest.digest() != SHA512:
        raise _not_the_release(source, "its SHA-512 is another")


def _not_the_release(source: str, why: str) -> ExchangeError:
    return Incorrect(
        f"{source} is not {PACKAGE} {VERSION} as it was published: {why}.",
        remedy=f"Give the file made by: {_PACK}",
    )


def _no_answer(url: str, why: str) -> ExchangeError:
    return Busy(
        f"{url} cannot be had ({why}).",
        remedy="Set NPM_CONFIG_REGISTRY to a registry that answers, or give --from FILE.tgz, made elsewhere by: "
        + _PACK,
    )
