"""The time of a commit in microseconds since 1970 UTC, as this room's rows keep it."""

from hub.contracts.store import CommitView


def now_us(view: CommitView) -> int:
    return int(view.now.timestamp() * 1_000_000)
