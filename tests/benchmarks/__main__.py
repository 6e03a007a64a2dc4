"""``make bench [ARGS="ingest mllp …"]``: a Markdown table of figures, each against the yardstick of its own run."""

import argparse
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.benchmarks import (
    blobs,
    cstore,
    dicomweb,
    duplicates,
    identity,
    ingest,
    mllp,
    query_retrieve,
    race,
    search_index,
    signing,
)

Row = tuple[str, str, str]
"""What, measured, yardstick or target."""

BENCHMARKS: dict[str, Callable[[Path, bool], Iterator[Row]]] = {
    "identity": identity.run,
    "ingest": ingest.run,
    "duplicates": duplicates.run,
    "signing": signing.run,
    "race": race.run,
    "mllp": mllp.run,
    "cstore": cstore.run,
    "query-retrieve": query_retrieve.run,
    "dicomweb": dicomweb.run,
    "blobs": blobs.run,
    "search-index": search_index.run,
}


def machine() -> str:
    model = "unknown processor"
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    return f"{model}, {os.cpu_count()} cores, Python {platform.python_version()}, {platform.system()}"


def main() -> int:
    parser = argparse.ArgumentParser(prog="make bench")
    parser.add_argument("names", nargs="*", choices=[*BENCHMARKS, []], help="all where none is given")
    parser.add_argument("--small", action="store_true", help="a tenth of the size, to see that it runs")
    arguments = parser.parse_args()
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    print(f"{machine()}, commit {commit.stdout.strip()}\n\n| what | measured | yardstick |\n|---|---|---|", flush=True)
    for name in arguments.names or BENCHMARKS:
        with tempfile.TemporaryDirectory(prefix=f"hub-bench-{name}-") as folder:
            for what, measured, yardstick in BENCHMARKS[name](Path(folder), arguments.small):
                print(f"| {what} | {measured} | {yardstick} |", flush=True)
    return 0


sys.exit(main())
