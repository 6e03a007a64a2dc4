"""Running requests in parallel and saying how long they took."""

import http.client
import statistics
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any
from urllib.parse import urlsplit


class Line:
    """One keep-alive HTTP connection with a client's token."""

    def __init__(self, base: str, token: str) -> None:
        place = urlsplit(base)
        self._connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=120)
        self._headers = {"Authorization": f"Bearer {token}", "Accept": "application/fhir+json"}

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, bytes]:
        sent = {**self._headers, **{name.replace("_", "-"): value for name, value in headers.items()}}
        if body is not None:
            sent.setdefault("Content-Type", "application/fhir+json")
        self._connection.request(method, path, body, sent)
        answer = self._connection.getresponse()
        return answer.status, answer.read()

    def close(self) -> None:
        self._connection.close()


def in_parallel(
    work: Iterable[Any], lines: int, do: Callable[[int], Callable[[Any], None]]
) -> tuple[float, list[float]]:
    """Run ``do(number of the line)(item)`` for every item over ``lines`` threads: wall seconds, seconds of each."""
    queue: Iterator[Any] = iter(list(work))
    lock, took, failures = threading.Lock(), list[float](), list[BaseException]()

    def run(number: int) -> None:
        one = do(number)
        while True:
            with lock:
                item = next(queue, queue)
            if item is queue or failures:
                return
            started = time.perf_counter()
            try:
                one(item)
            except BaseException as failure:
                failures.append(failure)
                return
            took.append(time.perf_counter() - started)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(lines)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return time.perf_counter() - started, took


def percentile(values: Sequence[float], part: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))]


def milliseconds(values: Sequence[float]) -> str:
    return f"{statistics.median(values) * 1e3:.2f} / {percentile(values, 0.99) * 1e3:.2f} ms"
