"""Ids that the hub gives: UUID version 7 (RFC 9562), so that what comes later sorts later and index pages stay warm."""

import os
import time

_last_ms = 0
_counter = 0
_DRAWN = 256
_drawn: list[str] = []
"""Drawn for many ids at once, because each draw lets go of the interpreter lock and has to wait for it again. Each is
taken by one thread alone (``pop``); a forked process draws its own."""
os.register_at_fork(after_in_child=_drawn.clear)


def new_ids(count: int) -> list[str]:
    """``count`` different ids, each a valid FHIR id; ascending within a process."""
    global _last_ms, _counter
    now_ms = time.time_ns() // 1_000_000
    if now_ms > _last_ms:
        _last_ms, _counter = now_ms, 0
    made = []
    head = _head(_last_ms)
    for _ in range(count):
        if _counter == 0xFFF:
            _last_ms, _counter = _last_ms + 1, 0
            head = _head(_last_ms)
        _counter += 1
        made.append(f"{head}{_counter:03x}-a{_random()}")
    return made


def _random() -> str:
    """The random end of one id."""
    while True:
        try:
            return _drawn.pop()
        except IndexError:
            random = os.urandom(8 * _DRAWN).hex()
            _drawn.extend(f"{random[at : at + 3]}-{random[at + 4 : at + 16]}" for at in range(0, 16 * _DRAWN, 16))


def _head(milliseconds: int) -> str:
    digits = f"{milliseconds:012x}"
    return f"{digits[:8]}-{digits[8:]}-7"


def new_id() -> str:
    return new_ids(1)[0]
