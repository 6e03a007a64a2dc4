"""When a delivery is tried again: 1, 2, 4, 8 … seconds, later every 5 minutes, for ever."""

FIRST_SECONDS = 1
LONGEST_SECONDS = 300
_DOUBLINGS = 9
"""2**9 s is beyond the longest wait; counting on would only overflow."""


def wait_seconds(failed_attempts: int) -> int:
    """Seconds from the ``failed_attempts``-th failure (counted from 1) to the next try."""
    return min(FIRST_SECONDS << min(failed_attempts - 1, _DOUBLINGS), LONGEST_SECONDS)
