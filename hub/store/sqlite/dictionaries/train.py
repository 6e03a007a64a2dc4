"""Trains a dictionary on the made-up resources of ``samples`` and writes ``bodies-VERSION.zdict``.

Deterministic for one release of zstd. An existing file is never overwritten: bodies depend on it.
"""

import sys
from pathlib import Path

import zstandard

from hub.store.sqlite.dictionaries.samples import resources

SIZE_BYTES = 32 * 1024


def train(version: int) -> bytes:
    """The dictionary, with ``version`` as its id."""
    dictionary = zstandard.train_dictionary(SIZE_BYTES, [*resources()], k=600, d=8, level=1, dict_id=version)
    return dictionary.as_bytes()


def main(version: int) -> None:
    path = Path(__file__).with_name(f"bodies-{version}.zdict")
    with path.open("xb") as file:
        file.write(train(version))


if __name__ == "__main__":
    main(int(sys.argv[1]))
