"""A headless Chromium, driven by its DevTools protocol over a pipe: no driver, no library, no port."""

import json
import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

BINARY = shutil.which("chromium") or shutil.which("chromium-browser")
_FLAGS = (
    "--headless", "--no-sandbox", "--disable-quic", "--no-first-run", "--disable-dev-shm-usage",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--remote-debugging-pipe",
)  # fmt: skip
WITHOUT_GPU = ("--disable-gpu",)
SOFTWARE_GL = ("--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--window-size=1200,800")
"""WebGL without a graphics card."""


def started(profile: Path, flags: tuple[str, ...] = WITHOUT_GPU) -> "Chromium":
    """A browser; where there is none the test is skipped, or fails if its peers are required."""
    if BINARY is None:
        if os.environ.get("HUB_TESTS_REQUIRE_PEERS"):
            pytest.fail("Chromium is not installed, and HUB_TESTS_REQUIRE_PEERS asks for it: apt-get install chromium")
        pytest.skip("Chromium is not installed: apt-get install chromium")
    return Chromium(profile, flags)


class Chromium:
    """One browser with one page."""

    def __init__(self, profile: Path, flags: tuple[str, ...]) -> None:
        assert BINARY is not None
        to_browser, our_write = os.pipe()
        our_read, from_browser = os.pipe()
        # The protocol is spoken on file descriptors 3 (commands) and 4 (answers).
        shell = f'exec 3<&{to_browser} 4>&{from_browser}; exec "$0" "$@"'
        self._process = subprocess.Popen(
            ["/bin/bash", "-c", shell, BINARY, *_FLAGS, *flags, f"--user-data-dir={profile}", "about:blank"],
            pass_fds=(to_browser, from_browser), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(to_browser)
        os.close(from_browser)
        self._write, self._read = os.fdopen(our_write, "wb", 0), os.fdopen(our_read, "rb", 0)
        self._waiting, self._number = b"", 0
        self._session: str | None = None
        self.heard: list[dict[str, Any]] = []
        """Events of the domains that were enabled, as they came."""
        page = next(one for one in self.call("Target.getTargets")["targetInfos"] if one["type"] == "page")
        attached = self.call("Target.attachToTarget", targetId=page["targetId"], flatten=True)
        self._session = attached["sessionId"]
        self.call("Page.enable")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """One command and its answer; events in between are kept."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session is not None:
            message["sessionId"] = self._session
        self._write.write(json.dumps(message).encode() + b"\0")
        while True:
            answer = self._message()
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                result: dict[str, Any] = answer["result"]
                return result
            if "method" in answer:
                self.heard.append(answer)

    def _message(self) -> dict[str, Any]:
        while b"\0" not in self._waiting:
            chunk = self._read.read(65536)
            assert chunk, "Chromium has gone"
            self._waiting += chunk
        one, _, self._waiting = self._waiting.partition(b"\0")
        found: dict[str, Any] = json.loads(one)
        return found

    def open(self, url: str) -> None:
        self.call("Page.navigate", url=url)
        self.until("document.readyState === 'complete'")

    def run(self, script: str) -> Any:
        """The value of an expression in the page."""
        told = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in told, told["exceptionDetails"]
        return told["result"].get("value")

    def until(self, script: str, seconds: float = 30) -> Any:
        """The value of an expression once it is true."""
        deadline = time.monotonic() + seconds
        while not (found := self.run(script)):
            assert time.monotonic() < deadline, f"{script} did not come true; the page says: {self.text()}"
            time.sleep(0.05)
        return found

    def text(self) -> str:
        return str(self.run("document.body.innerText"))

    def close(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._write.close()
        self._read.close()
