"""Warnings of the libraries that read ECG files. They quote values from the file, so none may reach a log."""

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

_FILTERS_ARE_GLOBAL = threading.Lock()
"""``warnings`` keeps one list of filters a process; two threads that both swap it would put back the wrong one."""


@contextmanager
def silenced(*raised: type[Warning]) -> Iterator[None]:
    """Inside, warnings vanish; those of the given classes are raised instead. One thread at a time."""
    with _FILTERS_ARE_GLOBAL, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for category in raised:
            warnings.simplefilter("error", category)
        yield
