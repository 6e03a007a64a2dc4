"""How far each follower has read the change log."""

from hub.contracts.caller import Caller, Role
from hub.contracts.store import CommitView

from .store import SqliteResourceStore

_HUB = Caller("hub", Role.SERVICE, "hub")


class SqliteCursorStore:
    """``hub.contracts.store.CursorStore`` beside the resources. ``save`` blocks for one commit."""

    def __init__(self, store: SqliteResourceStore) -> None:
        self._store = store

    def load(self, follower: str) -> int:
        rows = self._store.side_rows("SELECT seq FROM follower_cursor WHERE follower = ?", (follower,))
        return int(rows[0][0]) if rows else 0

    def save(self, follower: str, sequence: int) -> None:
        def run(view: CommitView) -> None:
            view.execute("INSERT OR REPLACE INTO follower_cursor VALUES (?, ?)", (follower, sequence))

        self._store.act(run, _HUB).result()
