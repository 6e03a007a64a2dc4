"""Keeping up with distant archives: studies that were heard of are looked up, dates are swept, and whether each can be
reached is told the hub. A thread for each archive in the DICOM process, so that none waits for another."""

import threading
import time
from datetime import UTC, datetime

import msgspec

from hub.contracts.archives import DistantArchive, endpoint
from hub.contracts.caller import Caller, Role
from hub.contracts.errors import Busy, ExchangeError, Incorrect
from hub.contracts.hub_client import HubClient
from hub.contracts.site import ZONE
from hub.contracts.submission import Channel, Entry, Method, Origin, Submission
from hub.telemetry.metrics import count

from ..archive import Archive
from ..events import DISTANT_STUDIES, STUDY_NOT_LOOKED_UP, log_fault
from ..recurring import Recurring, next_try_us
from ..study_index.distant_studies import DistantStudy
from .attributes import STUDY, arrival_of, header_of, number, text
from .breaker import reachable
from .status import measure
from .sweep import Window, next_window

AT_A_TIME = 8
POLL_SECONDS = 0.5
PING_SECONDS = 60.0
"""An archive that nobody has asked anything for so long is asked whether it is there."""
STOP_SECONDS = 3.0
MEASURE_SECONDS = 10.0
RECEIPT_SECONDS = 60.0


class ArchiveFollower:
    """What is done for one archive; ``step`` by ``step`` in a thread of its own."""

    def __init__(self, registered: DistantArchive, archive: Archive, hub: HubClient) -> None:
        self.registered = registered
        self._name = registered.name
        self._archive = archive
        self._hub = hub
        self._states = archive.index.distant_archives
        self._studies = archive.index.distant_studies
        self._breaker = archive.distant.breaker
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"distant-{registered.name}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()

    def join(self, seconds: float) -> None:
        self._thread.join(seconds)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                worked = self.step(datetime.now(ZONE))
            except Exception as failure:
                log_fault("distant", failure)
                worked = False
            if not worked:
                self._stopping.wait(POLL_SECONDS)

    def step(self, now: datetime) -> bool:
        """Do what is due; was there anything?"""
        now_us = int(now.timestamp() * 1e6)
        state = self._states.of(self._name)
        self._tell(state.told, reachable(state))
        if not reachable(state):
            return state.closed_until_us <= now_us and self._ping()
        due = self._studies.due(self._name, now_us, AT_A_TIME)
        for study in due:
            if self._stopping.is_set() or not self._look_up(study):
                return False
        if due:
            return True
        window = next_window(self.registered, state, now)
        if window is not None:
            return self._sweep(window, now_us)
        last_us = max(state.reached_us or 0, state.failed_us or 0)
        return now_us - last_us > PING_SECONDS * 1e6 and self._ping()

    def _ping(self) -> bool:
        try:
            with self._breaker.asking(self._name):
                self._archive.distant.directory.queries(self._name).ping()
        except Busy:
            return False
        return True

    def _look_up(self, study: DistantStudy) -> bool:
        """False where the archive cannot be asked now."""
        self._pause(3)
        now_us = time.time_ns() // 1000
        try:
            with self._breaker.asking(self._name):
                found = list(self._archive.distant.directory.queries(self._name).objects(study.uid))
            arrivals = [
                arrival_of(self.registered, header, instance, now_us, announced=study.announced)
                for study_level, series, instance in found
                if (header := header_of(study_level, series, instance)) is not None and header.study_uid == study.uid
            ]
            if found and not arrivals:
                raise Incorrect("The archive's answer names no object.", where=self._name)
            self._studies.settle(study, arrivals).result()
        except ExchangeError as failure:
            settings = self._archive.settings
            again = next_try_us(now_us, study.tries, settings.retry_seconds, settings.retry_longest_seconds)
            STUDY_NOT_LOOKED_UP.log(archive=self._name, what=failure.what, tries=study.tries + 1)
            self._studies.later(study, again).result()
            return not isinstance(failure, Busy)
        count(DISTANT_STUDIES, archive=self._name)
        return True

    def _sweep(self, window: Window, now_us: int) -> bool:
        """One window, whole; what breaks off is begun again."""
        self._pause(1)
        try:
            with self._breaker.asking(self._name):
                found = list(self._archive.distant.directory.queries(self._name).studies(window.first, window.last))
        except Busy:
            return False
        changed = [
            text(one, STUDY)
            for one in found
            if text(one, STUDY) and self._differs(text(one, STUDY), number(one, "00201208"), latest=window.latest)
        ]
        if changed:
            self._studies.hear_of(self._name, changed, now_us).result()
        if window.latest:
            self._states.latest_looked_through(self._name, now_us).result()
        else:
            self._states.looked_back_to(self._name, window.first).result()
        return True

    def _differs(self, uid: str, instances: int | None, *, latest: bool) -> bool:
        """An archive that tells no number of objects is asked again while more may be coming."""
        known = self._studies.instance_count(self._name, uid)
        return known is None or (latest if instances is None else instances != known)

    def _pause(self, questions: int) -> None:
        self._stopping.wait(questions / self.registered.requests_per_second)

    def _tell(self, told: str, is_reachable: bool) -> None:
        """The Endpoint's status says whether images can be had from here."""
        status = "active" if is_reachable else "error"
        if status == (told or "active"):
            return
        caller = Caller(self._name, Role.CLINIC, self.registered.organization)
        body = msgspec.json.encode(endpoint(self.registered, status) | {"id": self.registered.endpoint_id})
        entry = Entry(Method.UPDATE, "Endpoint", body, id=self.registered.endpoint_id)
        submission = Submission((entry,), Origin(caller, Channel.DICOM, datetime.now(UTC)))
        try:
            self._hub.submit(submission).result(RECEIPT_SECONDS)
        except ExchangeError as failure:
            log_fault("distant", failure)
            self._stopping.wait(PING_SECONDS)
            return
        self._states.told(self._name, status).result()


class ArchiveFollowers:
    """Starts and stops a follower for each archive as they are registered and removed."""

    def __init__(self, archive: Archive, hub: HubClient) -> None:
        self._archive = archive
        self._hub = hub
        self._followers: dict[str, ArchiveFollower] = {}
        self._recurring = Recurring("archives", self._keep_up)
        self._measured = 0.0

    def start(self) -> None:
        self._recurring.start()

    def _keep_up(self, _now_us: int) -> int:
        """Nothing of this is ever left to be done."""
        if time.monotonic() - self._measured > MEASURE_SECONDS:
            measure(self._archive)
            self._measured = time.monotonic()
        known = {one.name: one for one in self._archive.distant.directory.all()}
        for name, follower in list(self._followers.items()):
            if known.get(name) != follower.registered:
                follower.stop()
                del self._followers[name]
        for name, registered in known.items():
            if name not in self._followers:
                self._followers[name] = ArchiveFollower(registered, self._archive, self._hub)
                self._followers[name].start()
        return 0

    def stop(self) -> None:
        self._recurring.stop()
        for follower in self._followers.values():
            follower.stop()
        until = time.monotonic() + STOP_SECONDS
        for follower in self._followers.values():
            follower.join(max(0.0, until - time.monotonic()))
