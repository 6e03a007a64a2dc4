"""Counters and gauges in the Prometheus text format 0.0.4, summed over the processes of one hub.

Each process counts in memory and writes its numbers to ``FOLDER/PID.json`` at most once a second; ``/metrics`` in
any process adds the files up. Counters of a worker that died stay counted, its gauges do not. Labels name doors,
statuses and types, never people.
"""

import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path

Key = tuple[str, tuple[tuple[str, str], ...]]

FLUSH_SECONDS = 1.0

_lock = threading.Lock()
_counters: dict[Key, float] = {}
_gauges: dict[Key, float] = {}
_folder: Path | None = None
_dirty = threading.Event()
_helps: dict[str, str] = {}


def describe(name: str, help_text: str) -> str:
    """Give a metric its HELP line; returns the name."""
    _helps[name] = help_text
    return name


def count(name: str, amount: float = 1, **labels: str) -> None:
    """Add to a counter (name it ``hub_…_total``, or ``…_seconds_sum`` with its unit)."""
    key = (name, tuple(sorted(labels.items()) if len(labels) > 1 else labels.items()))
    with _lock:
        _counters[key] = _counters.get(key, 0) + amount
    if not _dirty.is_set():
        _dirty.set()


def gauge(name: str, value: float, **labels: str) -> None:
    """Set a gauge of this process; ``/metrics`` shows the sum over living processes."""
    with _lock:
        _gauges[(name, tuple(sorted(labels.items())))] = value
    _dirty.set()


def start(folder: Path) -> None:
    """Begin counting from zero in this process and write to ``folder`` from now on. Call after fork, once a process."""
    global _folder
    folder.mkdir(parents=True, exist_ok=True)
    with _lock:
        _counters.clear()
        _gauges.clear()
        _folder = folder
    threading.Thread(target=_flush_for_ever, name="metrics", daemon=True).start()


def forget(folder: Path) -> None:
    """Remove what an earlier run left. Call once, before any process counts."""
    for file in folder.glob("*.json"):
        file.unlink(missing_ok=True)


def flush() -> None:
    """Write this process's numbers now."""
    with _lock:
        if _folder is None:
            return
        numbers = {
            "counters": [[name, dict(labels), value] for (name, labels), value in _counters.items()],
            "gauges": [[name, dict(labels), value] for (name, labels), value in _gauges.items()],
        }
        target = _folder / f"{os.getpid()}.json"
        unfinished = target.with_suffix(".new")
        try:
            unfinished.write_text(json.dumps(numbers), encoding="utf-8")
            unfinished.replace(target)
        except OSError:
            return  # a full disk must not take the hub's threads with it; the next flush tries again


def _flush_for_ever() -> None:
    while True:
        _dirty.wait()
        _dirty.clear()
        flush()
        threading.Event().wait(FLUSH_SECONDS)


def _alive(pid: str) -> bool:
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except (PermissionError, ValueError):
        return True
    return True


def _all_numbers() -> Iterator[tuple[str, Key, float]]:
    if _folder is None:
        with _lock:
            yield from [("counter", key, value) for key, value in _counters.items()]
            yield from [("gauge", key, value) for key, value in _gauges.items()]
        return
    flush()
    for file in sorted(_folder.glob("*.json")):
        try:
            numbers = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        kinds = [("counter", "counters")] + ([("gauge", "gauges")] if _alive(file.stem) else [])
        for kind, field in kinds:
            for name, labels, value in numbers[field]:
                yield kind, (name, tuple(sorted(labels.items()))), value


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def exposition() -> str:
    """All processes' numbers as Prometheus text."""
    sums: dict[str, tuple[str, dict[Key, float]]] = {}
    for kind, key, value in _all_numbers():
        series = sums.setdefault(key[0], (kind, {}))[1]
        series[key] = series.get(key, 0) + value
    lines: list[str] = []
    for name, (kind, series) in sorted(sums.items()):
        if name in _helps:
            lines.append(f"# HELP {name} {_helps[name]}")
        lines.append(f"# TYPE {name} {kind}")
        for (_, labels), value in sorted(series.items()):
            text = ",".join(f'{label}="{_escaped(said)}"' for label, said in labels)
            lines.append(f"{name}{{{text}}} {value:.15g}" if text else f"{name} {value:.15g}")
    return "\n".join(lines) + "\n"
