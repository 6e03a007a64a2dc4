"""Object stores: moto's server in a thread for every day, a real MinIO where its binary is at hand.

moto accepts any secret and any checksum; what is claimed of those is shown on MinIO. To get it (a few minutes):
``go install github.com/minio/minio@v0.0.0-20260212201848-7aac2a2c5b7c``; then put it on PATH or name it in
``HUB_TESTS_MINIO``.
"""

import contextlib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import httpx
from moto.server import ThreadedMotoServer

from hub.blobs.s3 import Bucket

KEY, SECRET = "countykey", "countysecret"


class Moto:
    """moto's server, in a thread. What it holds outlives ``stop``."""

    def __init__(self) -> None:
        self._port = _free_port()
        self.endpoint = f"http://127.0.0.1:{self._port}"
        self._server: ThreadedMotoServer | None = None

    def start(self) -> None:
        self._server = ThreadedMotoServer(ip_address="127.0.0.1", port=self._port, verbose=False)
        self._server.start()

    def stop(self) -> None:
        if self._server is not None:
            self._server.stop()
            self._server._server.server_close()  # type: ignore[union-attr]
            self._server = None


@contextlib.contextmanager
def moto() -> Iterator[str]:
    """Its endpoint."""
    server = Moto()
    server.start()
    try:
        yield server.endpoint
    finally:
        server.stop()


def minio_binary() -> str | None:
    return os.environ.get("HUB_TESTS_MINIO") or shutil.which("minio")


class Minio:
    """A MinIO over ``folder`` that can be killed, frozen and started again on the same port."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = _free_port()
        self.endpoint = f"http://127.0.0.1:{self._port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        binary = minio_binary()
        assert binary is not None
        self._process = subprocess.Popen(
            [binary, "server", str(self._folder), "--address", f"127.0.0.1:{self._port}", "--quiet"],
            env={**os.environ, "MINIO_ROOT_USER": KEY, "MINIO_ROOT_PASSWORD": SECRET, "MINIO_BROWSER": "off"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        until = time.monotonic() + 30
        while time.monotonic() < until:
            with contextlib.suppress(httpx.HTTPError):
                if httpx.get(f"{self.endpoint}/minio/health/live", timeout=1).status_code == 200:
                    return
            time.sleep(0.05)
        raise TimeoutError("MinIO did not start")

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


@contextlib.contextmanager
def server(folder: Path) -> Iterator[tuple[str, str]]:
    """Name and endpoint of a real MinIO where its binary is at hand, else of moto."""
    if minio_binary() is None:
        with moto() as endpoint:
            yield "moto", endpoint
        return
    made = Minio(folder)
    made.start()
    try:
        yield "MinIO", made.endpoint
    finally:
        made.kill()


def client(endpoint: str) -> Any:
    """boto3's: another client than the hub's own, to make buckets and to look into them."""
    return boto3.client(
        "s3", endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id=KEY, aws_secret_access_key=SECRET
    )


def make_bucket(endpoint: str, name: str) -> Bucket:
    client(endpoint).create_bucket(Bucket=name)
    return Bucket(name, endpoint, prefix="hub", key=KEY, secret=SECRET, timeout_seconds=2.0)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])
