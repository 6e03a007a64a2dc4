"""The index as the rest of the gateway uses it."""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from hub.contracts.caller import Scope

from .acts import Acts
from .commitments import Commitments
from .connection import ThreadConnections
from .corrections import Corrections
from .deferred import Deferred
from .distant_archives import DistantArchives
from .distant_studies import DistantStudies
from .group_writer import GroupWriter
from .instance_row import COLUMNS, InstanceRow
from .performed_steps import PerformedSteps
from .placing import Arrival, Placing, place, remove
from .route_items import RouteItems
from .served_files import ServedFiles
from .telling import Telling
from .usage import Usage
from .visibility import visible

_FROM = "FROM instance i JOIN series se ON se.id = i.series JOIN study st ON st.id = i.study"

_MOST_VARIABLES = 900


class StudyIndex:
    """A Future of ``place`` that ends without exception means that the rows are on disk. Reads see the last commit,
    from any process.

    Nothing is opened before the first use, so that a process may fork until then."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.connections = ThreadConnections(path)
        self.writer = GroupWriter(path)
        self.deferred = Deferred(self.connections, self.writer)
        self.telling = Telling(self.connections, self.writer)
        self.performed_steps = PerformedSteps(self.connections, self.writer)
        self.commitments = Commitments(self.connections, self.writer)
        self.usage = Usage(self.connections)
        self.acts = Acts(self.connections)
        self.corrections = Corrections(self.connections)
        self.served_files = ServedFiles(self.connections, self.writer)
        self.route_items = RouteItems(self.connections, self.writer)
        self.distant_archives = DistantArchives(self.connections, self.writer)
        self.distant_studies = DistantStudies(self.connections, self.writer)

    def close(self) -> None:
        self.writer.close()
        self.connections.close()

    def place(self, arrival: Arrival) -> "Future[Placing]":
        return self.writer.submit(lambda connection: place(connection, arrival))

    def remove(self, arrival: Arrival) -> "Future[None]":
        """Take back what ``place`` has stored: its bytes did not reach the disk."""
        key = (arrival.owner, arrival.header.sop_instance_uid, arrival.spool or "")
        return self.writer.submit(lambda connection: remove(connection, *key))

    def rows(self, sql: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        return self.connections.get().execute(sql, parameters).fetchall()

    def of_owner(self, owner: str, sop_instance_uid: str) -> InstanceRow | None:
        """The instance that holds a UID among one organization's."""
        rows = self.rows(
            f"SELECT {COLUMNS} {_FROM} JOIN organization o ON o.id = i.owner WHERE o.name = ? AND i.uid = ?",
            (owner, sop_instance_uid),
        )
        return InstanceRow.of(rows[0]) if rows else None

    def instances(
        self, scope: Scope, study_uid: str, series_uid: str | None = None, sop_instance_uid: str | None = None
    ) -> list[InstanceRow]:
        """Instances of a study, series, or the one named, in the order of series and instance numbers; empty where
        there are none that the scope shows. An instance that two organizations hold is given once."""
        sight, parameters = visible(scope)
        conditions = ["st.uid = ?", sight]
        parameters = [study_uid, *parameters]
        if series_uid is not None:
            conditions.append("se.uid = ?")
            parameters.append(series_uid)
        if sop_instance_uid is not None:
            conditions.append("i.uid = ?")
            parameters.append(sop_instance_uid)
        found: dict[str, InstanceRow] = {}
        for row in self.rows(
            f"SELECT {COLUMNS} {_FROM} WHERE {' AND '.join(conditions)} ORDER BY se.number, se.id, i.number, i.id",
            parameters,
        ):
            instance = InstanceRow.of(row)
            found.setdefault(instance.uid, instance)
        return list(found.values())

    def by_ids(self, instances: Sequence[int]) -> list[InstanceRow]:
        """Those of the instances (ids) that are there."""
        found: list[InstanceRow] = []
        for begin in range(0, len(instances), _MOST_VARIABLES):
            some = instances[begin : begin + _MOST_VARIABLES]
            marks = ", ".join("?" * len(some))
            found += [
                InstanceRow.of(row) for row in self.rows(f"SELECT {COLUMNS} {_FROM} WHERE i.id IN ({marks})", some)
            ]
        return found

    def visible_to(self, scope: Scope, instances: Sequence[int]) -> frozenset[int]:
        """Those of the instances (ids) that the scope shows."""
        sight, parameters = visible(scope)
        found: set[int] = set()
        for begin in range(0, len(instances), _MOST_VARIABLES):
            some = instances[begin : begin + _MOST_VARIABLES]
            marks = ", ".join("?" * len(some))
            sql = f"SELECT i.id FROM instance i JOIN study st ON st.id = i.study WHERE i.id IN ({marks}) AND {sight}"  # noqa: S608
            found.update(row[0] for row in self.rows(sql, [*some, *parameters]))
        return frozenset(found)

    def every_instance(self) -> Iterator[InstanceRow]:
        """All of them, by id, for verification; a snapshot for each thousand."""
        last = 0
        while rows := self.rows(f"SELECT {COLUMNS} {_FROM} WHERE i.id > ? ORDER BY i.id LIMIT 1000", (last,)):
            for row in rows:
                yield InstanceRow.of(row)
            last = rows[-1][0]

    def again(self, row: InstanceRow) -> InstanceRow | None:
        """The row as it is now."""
        rows = self.rows(f"SELECT {COLUMNS} {_FROM} WHERE i.id = ?", (row.id,))
        return InstanceRow.of(rows[0]) if rows else None

    def spool_names(self) -> frozenset[str]:
        rows = self.rows(
            "SELECT spool FROM instance WHERE spool IS NOT NULL"
            " UNION ALL SELECT spool FROM withdrawn WHERE spool IS NOT NULL"
        )
        return frozenset(row[0] for row in rows)
