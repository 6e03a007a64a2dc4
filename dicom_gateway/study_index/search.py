"""Searching the three levels: a query as values, and its one SQL statement."""

# ruff: noqa: S608 - statements are put together from constants of this package; values are always parameters

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from hub.contracts.caller import Scope

from .distant_studies import DISTANT
from .index import StudyIndex
from .instance_row import COLUMNS, InstanceRow
from .keys import Level
from .match import Condition
from .visibility import visible


@dataclass(frozen=True, slots=True)
class Query:
    """``conditions`` come with the level of the key they are on."""

    level: Level
    conditions: Sequence[tuple[Level, Condition]]
    limit: int
    offset: int = 0

    @property
    def scans(self) -> bool:
        """Wildcards and names look at every row the other conditions leave."""
        return any("_match" in sql or "_key, ?)" in sql for _level, (sql, _values) in self.conditions)


class Match(NamedTuple):
    """One result. JSON objects are those of ``level_json``; what is below the level asked for is None."""

    study: int
    study_uid: str
    study_json: bytes
    modalities: str
    series_count: int
    instance_count: int
    patient: str | None
    distant: str | None = None
    series: int | None = None
    series_uid: str = ""
    series_json: bytes = b"{}"
    series_instance_count: int = 0
    instance: InstanceRow | None = None

    @classmethod
    def of(cls, row: tuple[Any, ...]) -> "Match":
        """From a row of ``statement``."""
        if len(row) < _LEVEL_COLUMNS:
            return cls(*row[:_STUDY_COLUMNS])
        if len(row) == _LEVEL_COLUMNS:
            return cls(*row)
        return cls._make((*row[:_LEVEL_COLUMNS], InstanceRow.of(row[_LEVEL_COLUMNS:])))


_STUDY = "st.id, st.uid, st.json, st.modalities, st.series_count, st.instance_count, st.patient, " + DISTANT
_SERIES = "se.id, se.uid, se.json, se.instance_count"
_SELECT: dict[Level, str] = {
    "study": f"SELECT {_STUDY} FROM study st",
    "series": f"SELECT {_STUDY}, {_SERIES} FROM study st JOIN series se ON se.study = st.id",
    "instance": f"SELECT {_STUDY}, {_SERIES}, {COLUMNS} FROM study st JOIN series se ON se.study = st.id "
    "JOIN instance i ON i.series = se.id",
}
_ORDER: dict[Level, str] = {
    "study": "st.study_date DESC, st.uid",
    "series": "st.study_date DESC, st.uid, se.number, se.id",
    "instance": "st.study_date DESC, st.uid, se.number, se.id, i.number, i.id",
}
_NOT_EMPTY: dict[Level, list[str]] = {
    "study": ["st.instance_count > 0"], "series": ["se.instance_count > 0"], "instance": [],
}  # fmt: skip
"""Rows of studies and series outlive their last instance."""
_BELOW: dict[Level, tuple[Level, ...]] = {"study": ("series", "instance"), "series": ("instance",), "instance": ()}
_STUDY_COLUMNS, _LEVEL_COLUMNS = 8, 12


def search(index: StudyIndex, query: Query, scope: Scope) -> list[Match]:
    """The newest studies first; at most ``query.limit`` results."""
    sql, parameters = statement(query, scope)
    return [Match.of(row) for row in index.rows(sql, parameters)]


def statement(query: Query, scope: Scope) -> tuple[str, list[object]]:
    sight, parameters = visible(scope)
    conditions = [sight, *_NOT_EMPTY[query.level]]
    below: list[tuple[Level, Condition]] = []
    for level, (sql, values) in query.conditions:
        if level in _BELOW[query.level]:
            below.append((level, (sql, values)))
        else:
            conditions.append(sql)
            parameters = parameters + values
    if below:
        conditions.append(_exists(query.level, below))
        parameters = parameters + [value for _level, (_sql, values) in below for value in values]
    sql = f"{_SELECT[query.level]} WHERE {' AND '.join(conditions)} ORDER BY {_ORDER[query.level]} LIMIT ? OFFSET ?"
    return sql, [*parameters, query.limit, query.offset]


def _exists(level: Level, below: Sequence[tuple[Level, Condition]]) -> str:
    """A study matches by its series and instances where one of them matches all that is asked of them."""
    asked = " AND ".join(sql for _level, (sql, _values) in below)
    needs_instance = any(one == "instance" for one, _condition in below)
    if level == "series":
        return f"EXISTS (SELECT 1 FROM instance i WHERE i.series = se.id AND {asked})"
    source = "series se JOIN instance i ON i.series = se.id" if needs_instance else "series se"
    return f"EXISTS (SELECT 1 FROM {source} WHERE se.study = st.id AND {asked})"


def representatives(index: StudyIndex, level: Level, ids: Sequence[int]) -> dict[int, InstanceRow]:
    """One instance of each study or series, by its id."""
    found: dict[int, InstanceRow] = {}
    column = "study" if level == "study" else "series"
    for one in ids:
        rows = index.rows(
            f"""SELECT {COLUMNS} FROM instance i JOIN series se ON se.id = i.series JOIN study st ON st.id = i.study
                WHERE i.{column} = ? ORDER BY i.id LIMIT 1""",
            (one,),
        )
        if rows:
            found[one] = InstanceRow.of(rows[0])
    return found
