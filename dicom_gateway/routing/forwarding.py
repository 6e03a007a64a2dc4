"""Asking the rules about every object received, and sending it on: a thread for the rules and one for each destination,
so that one that is away holds up no other. What waits stands in the index and outlives any crash; what was sent when
one happens goes again, and the destination knows it by its SOP Instance UID."""

import time
import uuid
from collections.abc import Sequence

from hub.contracts.errors import Busy, ExchangeError
from hub.contracts.hub_client import HubClient
from hub.telemetry.metrics import count

from ..archive import Archive
from ..events import NOT_ROUTED, ROUTED
from ..recurring import Recurring, next_try_us
from ..study_index.instance_row import InstanceRow
from ..study_index.route_items import Newcomer, RouteItem
from .destination import Line, Refused
from .rule import RANK, Received
from .storage_scu import StorageScu
from .stow import Stow

AT_A_TIME = 100
MARK_EVERY = 20
"""Objects sent between two writes of what has arrived."""
JUDGED_AT_A_TIME = 500
COMMITMENT_SECONDS = 600.0
"""Without the destination's word by then, the objects go out again."""


class Routing:
    """What the first process of the gateway does."""

    def __init__(self, archive: Archive, hub: HubClient) -> None:
        self._items = archive.index.route_items
        self._routes = archive.settings.routes
        lines: dict[str, Line] = {}
        for route in self._routes:
            lines.setdefault(
                route.destination,
                Stow(archive, route.url, route.token) if route.url else StorageScu(archive, hub, route.to),
            )
        self._threads = [Recurring("routes", self.queue_due)] if lines else []
        for number, (destination, line) in enumerate(lines.items()):
            forwarder = Forwarder(archive, destination, line)
            self._threads.append(Recurring(f"route-{number + 1}", forwarder.send_due))

    def prepare(self) -> None:
        """Before the first object can come."""
        self._items.begin(any_rules=bool(self._routes)).result()

    def start(self) -> None:
        for one in self._threads:
            one.start()

    def stop(self) -> None:
        for one in self._threads:
            one.stop()

    def queue_due(self, now_us: int) -> int:
        """Ask the rules about what has come; how many objects there were."""
        if not self._items.has_newcomers():
            return 0
        return self._items.queue_next(self._judge, now_us, JUDGED_AT_A_TIME).result()

    def _judge(self, new: Newcomer) -> list[RouteItem]:
        received = Received(new.organization, new.ae_title, new.modality, new.body_part)
        found: dict[str, RouteItem] = {}
        for route in self._routes:
            if route.takes(received):
                item = RouteItem(
                    route.destination, new.instance, new.uid, route.name, RANK[route.priority],
                    route.commitment and not route.url,
                )  # fmt: skip
                known = found.get(route.destination)
                if known is None or item.priority < known.priority:
                    found[route.destination] = item
        return list(found.values())


class Forwarder:
    """To one destination."""

    def __init__(self, archive: Archive, destination: str, line: Line) -> None:
        self._archive = archive
        self._items = archive.index.route_items
        self._destination = destination
        self._line = line

    def send_due(self, now_us: int) -> int:
        """How many were tried; 0 also where the destination is away."""
        due = self._items.due(self._destination, now_us, AT_A_TIME)
        going = [(item, row) for item in due if (row := self._row(item)) is not None]
        if not going:
            return len(due)
        try:
            arrived = self._send(going)
            asked = [(item, row) for item, row in arrived if item.commitment]
            if asked:
                self._ask(asked)
        except Busy as failure:
            self._away(failure, len(going))
            return 0
        return len(due)

    def _send(self, going: Sequence[tuple[RouteItem, InstanceRow]]) -> list[tuple[RouteItem, InstanceRow]]:
        arrived: list[tuple[RouteItem, InstanceRow]] = []
        unmarked: list[RouteItem] = []
        try:
            with self._line.open([row for _item, row in going]) as send:
                for item, row in going:
                    try:
                        send(row, item.priority)
                    except Refused as failure:
                        self._refused(item, failure)
                        continue
                    arrived.append((item, row))
                    unmarked += [] if item.commitment else [item]
                    if len(unmarked) >= MARK_EVERY:
                        self._mark(unmarked)
        finally:
            self._mark(unmarked)
        return arrived

    def _mark(self, items: list[RouteItem]) -> None:
        if items:
            self._items.arrived(self._destination, list(items), time.time_ns() // 1000).result()
            count(ROUTED, len(items), destination=self._destination)
            items.clear()

    def _ask(self, arrived: Sequence[tuple[RouteItem, InstanceRow]]) -> None:
        transaction = f"2.25.{uuid.uuid4().int}"
        again_us = time.time_ns() // 1000 + int(COMMITMENT_SECONDS * 1e6)
        items = [item for item, _row in arrived]
        # Before it is asked: its word may come before the answer to the question.
        self._items.taken(items, transaction, again_us).result()
        try:
            self._line.ask_commitment(transaction, [row for _item, row in arrived])
        except Refused as failure:
            for item in items:
                self._refused(item, failure)

    def _refused(self, item: RouteItem, failure: ExchangeError) -> None:
        settings, now_us = self._archive.settings, time.time_ns() // 1000
        NOT_ROUTED.log(destination=self._destination, what=failure.what, waiting=1)
        due_us = next_try_us(now_us, item.tries, settings.retry_seconds, settings.retry_longest_seconds)
        self._items.refused(item, failure.what, due_us).result()

    def _away(self, failure: ExchangeError, waiting: int) -> None:
        settings, now_us = self._archive.settings, time.time_ns() // 1000
        NOT_ROUTED.log(destination=self._destination, what=failure.what, waiting=waiting)
        tries = self._items.failures(self._destination)
        due_us = next_try_us(now_us, tries, settings.retry_seconds, settings.retry_longest_seconds)
        self._items.unreached(self._destination, failure.what, now_us, due_us).result()

    def _row(self, item: RouteItem) -> InstanceRow | None:
        """The object as it is to be given now; None, and forgotten, where it is not here any more."""
        rows = [row for row in self._archive.index.by_ids([item.instance]) if row.uid == item.uid]
        if not rows:
            self._items.drop(item).result()
            return None
        current = self._archive.served.current(rows)
        return current[0] if current else None
