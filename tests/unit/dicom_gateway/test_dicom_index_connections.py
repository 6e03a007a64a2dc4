"""Connections to the index: one for a thread, and none left over when threads have come and gone."""

import threading
from pathlib import Path

from dicom_gateway.study_index.connection import MOST_IDLE, ThreadConnections, open_index

AT_ONCE = 20


def open_files(path: Path) -> int:
    return sum(link.resolve() == path for link in Path("/proc/self/fd").iterdir())


def test_threads_that_end_leave_their_connection_to_the_next(tmp_path: Path) -> None:
    path = tmp_path / "index.sqlite"
    open_index(path).close()
    connections = ThreadConnections(path)
    seen: list[int] = []

    def read() -> None:
        assert connections.get() is connections.get()
        seen.append(connections.get().execute("SELECT count(*) FROM study").fetchone()[0])

    for _ in range(5):
        threads = [threading.Thread(target=read) for _ in range(AT_ONCE)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert seen == [0] * 100
    assert 0 < open_files(path) <= MOST_IDLE + AT_ONCE, "not one for each of a hundred threads"
    connections.close()
    assert open_files(path) == 0
