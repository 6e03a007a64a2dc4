"""What each organization keeps here, in bytes, and whether one more object fits."""

import sqlite3

from .connection import ThreadConnections


class Usage:
    """Any thread. Counts are those of the last commit."""

    def __init__(self, connections: ThreadConnections) -> None:
        self._connections = connections

    def by_organization(self) -> dict[str, int]:
        """Bytes of every organization that has kept something."""
        return dict(
            self._connections.get().execute("SELECT o.name, u.bytes FROM usage u JOIN organization o ON o.id = u.owner")
        )

    def miscounted(self) -> list[str]:
        """Organizations whose count is not what their rows add up to; empty where all is well."""
        rows = self._connections.get().execute(
            """SELECT o.name FROM organization o LEFT JOIN usage u ON u.owner = o.id
                   LEFT JOIN usage_counted c ON c.owner = o.id
               WHERE coalesce(u.bytes, 0) <> coalesce(c.bytes, 0)"""
        )
        return [name for (name,) in rows]


def fits(connection: sqlite3.Connection, owner: int, size_bytes: int, quota_bytes: int | None) -> bool:
    """Inside the transaction that is to add an object."""
    if quota_bytes is None:
        return True
    row = connection.execute("SELECT bytes FROM usage WHERE owner = ?", (owner,)).fetchone()
    return (row[0] if row else 0) + size_bytes <= quota_bytes
