"""Work that waits in the index until its time has come, done by a thread of the DICOM process; a restart loses none."""

import threading
import time
from collections.abc import Callable

from .events import log_fault

POLL_SECONDS = 0.25
STOP_SECONDS = 3.0
_FAILURE_PAUSE_SECONDS = 5.0


class Recurring:
    """Calls ``run_due`` with the time in microseconds until it says that nothing was due, then waits a little."""

    def __init__(self, name: str, run_due: Callable[[int], int]) -> None:
        self._name = name
        self._run_due = run_due
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"dicom-{name}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Finish what is under way, if that is soon; what is not stays due."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(STOP_SECONDS)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                done = self._run_due(time.time_ns() // 1000)
            except Exception as failure:
                log_fault(self._name, failure)
                self._stopping.wait(_FAILURE_PAUSE_SECONDS)
                continue
            if not done:
                self._stopping.wait(POLL_SECONDS)


def next_try_us(now_us: int, tries: int, first_seconds: float, longest_seconds: float) -> int:
    """When to try again after ``tries`` failures: twice as long each time, up to the longest."""
    return now_us + int(min(first_seconds * 2 ** min(tries, 10), longest_seconds) * 1e6)
