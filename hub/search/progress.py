"""How far the index is: kept beside the resources, so that every process of the hub sees the same."""

import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from hub.contracts.caller import Caller, Role
from hub.contracts.search import Mark
from hub.contracts.store import CommitView, ResourceStore

_HUB = Caller("hub", Role.SERVICE, "hub")
_COLUMNS = "n, state, mapping, changes, shares, scanned, ceiling, documents, started_ms, reached_ms"
LISTED = 100
"""Refused documents that are listed."""


class State(StrEnum):
    FILLING = "filling"
    LIVE = "live"
    OLD = "old"
    """Not searched any more, and kept for pages that are being read."""
    GONE = "gone"


class Word(StrEnum):
    """What is kept by name."""

    STORE_ID = "store-id"
    CURSOR_KEY = "cursor-key"
    REBUILD = "rebuild"
    """The newest generation there was when a rebuild was asked for."""
    CHECKED = "checked"
    """The last drift check, as JSON."""
    TROUBLE = "trouble"
    """Why the indexer cannot go on, as a sentence; empty where it can."""


@dataclass(frozen=True, slots=True)
class Generation:
    """One whole index. ``mark``: every change up to it can be found. ``scanned`` of ``ceiling``: how far through the
    resources that were there when it was begun; equal when it is filled."""

    n: int
    state: State
    mapping: int
    mark: Mark
    scanned: int
    ceiling: int
    documents: int
    started_ms: int
    reached_ms: int

    @property
    def filled(self) -> bool:
        return self.scanned >= self.ceiling


@dataclass(frozen=True, slots=True)
class Refused:
    rid: int
    reference: str
    reason: str
    at_ms: int


class Progress:
    """May be used from any thread and process. What changes it blocks for one commit."""

    def __init__(self, store: ResourceStore) -> None:
        self._store = store
        self._words: dict[Word, str] = {}

    def generations(self, *states: State) -> list[Generation]:
        """Newest first."""
        marks = ",".join("?" * len(states))
        sql = f"SELECT {_COLUMNS} FROM search_generation WHERE state IN ({marks}) ORDER BY n DESC"  # noqa: S608
        return [_generation(row) for row in self._store.side_rows(sql, states)]

    def live(self) -> Generation | None:
        return next(iter(self.generations(State.LIVE)), None)

    def newest(self) -> int:
        return int(self._store.side_rows("SELECT max(n) FROM search_generation")[0][0] or 0)

    def begin(self, mapping: int, mark: Mark, ceiling: int) -> Generation:
        """A new generation to fill; one that was being filled is given up."""
        now = _now_ms()
        values = (State.FILLING, mapping, mark.changes, mark.shares, 0, ceiling, 0, now, now)

        def run(view: CommitView) -> int:
            view.execute("UPDATE search_generation SET state = ? WHERE state = ?", (State.GONE, State.FILLING))
            names = _COLUMNS.removeprefix("n, ")
            view.execute(f"INSERT INTO search_generation ({names}) VALUES (?,?,?,?,?,?,?,?,?)", values)  # noqa: S608
            return int(view.rows("SELECT max(n) FROM search_generation")[0][0])

        n: int = self._store.act(run, _HUB).result()
        return Generation(n, State.FILLING, mapping, mark, 0, ceiling, 0, now, now)

    def save(self, generation: Generation) -> Generation:
        """Keep how far it is, as of now."""
        saved = replace(generation, reached_ms=_now_ms())
        columns = "changes = ?, shares = ?, scanned = ?, documents = ?, reached_ms = ?"
        self._run(
            f"UPDATE search_generation SET {columns} WHERE n = ?",  # noqa: S608 - constants
            (saved.mark.changes, saved.mark.shares, saved.scanned, saved.documents, saved.reached_ms, saved.n),
        )
        return saved

    def make_live(self, generation: Generation) -> None:
        def run(view: CommitView) -> None:
            sql = "UPDATE search_generation SET state = ?, reached_ms = ? WHERE state = ?"
            view.execute(sql, (State.OLD, _now_ms(), State.LIVE))
            view.execute("UPDATE search_generation SET state = ? WHERE n = ?", (State.LIVE, generation.n))

        self._store.act(run, _HUB).result()

    def mark_gone(self, generation: Generation) -> None:
        self._run("UPDATE search_generation SET state = ? WHERE n = ?", (State.GONE, generation.n))

    def tallied(self, n: int, kind: str) -> int:
        """How far the rows of a tally can be found in a generation."""
        rows = self._store.side_rows("SELECT seq FROM search_tally WHERE n = ? AND kind = ?", (n, kind))
        return int(rows[0][0]) if rows else 0

    def save_tallied(self, n: int, kind: str, seq: int) -> None:
        self._run("INSERT OR REPLACE INTO search_tally VALUES (?, ?, ?)", (n, kind, seq))

    def ask_for_rebuild(self) -> int:
        """The newest generation there is; the one that is asked for will be greater."""
        newest = self.newest()
        self.say(Word.REBUILD, str(newest or "none"))
        return newest

    def refused(self, most: int = LISTED) -> list[Refused]:
        sql = "SELECT rid, reference, reason, at_ms FROM search_refused ORDER BY rid LIMIT ?"
        return [Refused(*row) for row in self._store.side_rows(sql, (most,))]

    def refused_count(self, resource_type: str = "") -> int:
        sql = "SELECT count(*) FROM search_refused WHERE reference LIKE ?"
        return int(self._store.side_rows(sql, (f"{resource_type}/%" if resource_type else "%",))[0][0])

    def note_refused(self, refused: Sequence[Refused], taken: Sequence[int]) -> None:
        """``taken``: rids that were refused before and are not any more."""

        def run(view: CommitView) -> None:
            for one in refused:
                row = (one.rid, one.reference, one.reason, one.at_ms)
                view.execute("INSERT OR REPLACE INTO search_refused VALUES (?, ?, ?, ?)", row)
            for rid in taken:
                view.execute("DELETE FROM search_refused WHERE rid = ?", (rid,))

        self._store.act(run, _HUB).result()

    def word(self, name: Word) -> str:
        """What is kept under a name; empty where nothing is."""
        rows = self._store.side_rows("SELECT value FROM search_word WHERE name = ?", (name,))
        return str(rows[0][0]) if rows else ""

    def word_of_trouble(self) -> str:
        return self.word(Word.TROUBLE)

    def say(self, name: Word, value: str) -> None:
        if self.word(name) != value:
            self._run("INSERT OR REPLACE INTO search_word VALUES (?, ?)", (name, value))

    def secret(self, name: Word) -> str:
        """A random word, made once for a data folder."""
        if name not in self._words:
            if not self.word(name):
                self._run("INSERT OR IGNORE INTO search_word VALUES (?, ?)", (name, secrets.token_urlsafe(32)))
            self._words[name] = self.word(name)
        return self._words[name]

    def _run(self, sql: str, values: Sequence[object]) -> None:
        self._store.act(lambda view: view.execute(sql, values), _HUB).result()


def _generation(row: Sequence[object]) -> Generation:
    n, state, mapping, changes, shares, *rest = row
    numbers = [int(str(value)) for value in rest]
    mark = Mark(int(str(changes)), int(str(shares)))
    return Generation(int(str(n)), State(str(state)), int(str(mapping)), mark, *numbers)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
