"""``hub demo --once`` plays the main job through the real doors."""

import contextlib
import socket
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
def test_the_demonstration_plays_to_its_end(tmp_path: Path) -> None:
    played = subprocess.run(
        [sys.executable, "-m", "hub", "demo", "--once", "--data-dir", str(tmp_path / "demo")],
        capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert played.returncode == 0, played.stdout[-3000:] + played.stderr[-2000:]
    assert "磨玻璃结节" in played.stdout
    with socket.socket() as taken:
        with contextlib.suppress(OSError):  # somebody else has it: just as well
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            taken.bind(("127.0.0.1", 8080))
            taken.listen()
        again = subprocess.run(
            [sys.executable, "-m", "hub", "demo", "--once", "--data-dir", str(tmp_path / "demo")],
            capture_output=True, text=True, timeout=240, check=False,
        )  # fmt: skip
    assert again.returncode == 0, again.stdout[-3000:]
    assert "port 8080 is taken, using" in again.stdout


def test_the_demonstration_leaves_another_folder_alone(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("mine", encoding="utf-8")
    played = subprocess.run(
        [sys.executable, "-m", "hub", "demo", "--once", "--data-dir", str(tmp_path)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert played.returncode == 1
    assert (tmp_path / "precious").read_text(encoding="utf-8") == "mine"
