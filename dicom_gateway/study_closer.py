"""Telling the hub of studies that have gone quiet: one ImagingStudy each, a new version when more came later.

What is still to be told stands in the index, so that a restart loses nothing; what was told twice after a crash is the
same submission under the same key.
"""

import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

import msgspec

from hub.contracts.caller import EVERYTHING, Caller, Role
from hub.contracts.errors import Busy, Conflict, ExchangeError, Precondition
from hub.contracts.hub_client import HubClient
from hub.contracts.submission import Receipt
from hub.telemetry.metrics import count

from .archive import Archive
from .events import STUDIES_TOLD, STUDY_NOT_TOLD, log_fault
from .imaging_study import Instance, Series, submission_of
from .study_index.acts import Act
from .study_index.telling import UntoldStudy

AT_A_TIME = 64
POLL_SECONDS = 0.25
RECEIPT_SECONDS = 120.0
ANOTHER_PERSON = "business-rule"
"""Issue code of a Conflict: the PatientID is that of somebody else."""


class StudyCloser:
    """One thread in the first DICOM process."""

    def __init__(self, archive: Archive, hub: HubClient) -> None:
        self._archive = archive
        self._hub = hub
        self._endpoint = archive.settings.dicom_web_url
        self._telling = archive.index.telling
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="dicom-study-closer", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Finish the submissions under way."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        try:
            self._telling.no_later_than(time.time_ns() // 1000 + 3_600_000_000).result()
        except ExchangeError as failure:
            log_fault("study closer", failure)
        while not self._stopping.is_set():
            try:
                told = self.close_due(time.time_ns() // 1000)
            except Exception as failure:
                log_fault("study closer", failure)
                told = 0
            if not told:
                self._stopping.wait(POLL_SECONDS)

    def close_due(self, now_us: int) -> int:
        """Tell the hub of studies that are due; how many were tried."""
        due = self._telling.due(now_us, AT_A_TIME)
        waiting, kept = [], []
        for study in due:
            acts = self._archive.index.acts.untold(study.id)
            if study.instance_count or study.told or self._known(study) is not None:
                waiting.append((study, acts, self._submit(study, acts)))
            else:  # it came and went before anybody was told
                kept.append(self._telling.told(study.id, study.revision, None, [act.id for act in acts]))
        kept += [self._settle(study, acts, receipt) for study, acts, receipt in waiting]
        for one in kept:
            one.result()
        return len(due)

    def _submit(self, study: UntoldStudy, acts: Sequence[Act], *, own_patient: bool = False) -> "Future[Receipt]":
        try:
            known = self._known(study) if study.announced or not study.instance_count else None
            series = series_of(self._telling.series_and_instances(study.id))
            submission = submission_of(
                study,
                series,
                self._attributes(study, series),
                datetime.now(UTC),
                own_patient=own_patient,
                order=self._order(study),
                patient=self._patient(study) or _subject(known),
                acts=acts,
                endpoint=self._endpoint,
                known=known,
            )
            return self._hub.submit(submission)
        except Exception as failure:
            refused: Future[Receipt] = Future()
            refused.set_exception(failure)
            return refused

    def _order(self, study: UntoldStudy) -> str | None:
        """The order the study was made for: by its accession number, and only where both name the same patient."""
        if not study.accession_number or not study.patient_id:
            return None
        caller = Caller(study.client, Role(study.role), study.owner)
        order = self._hub.order_of_accession(caller, study.accession_number)
        if order is None or order.patient is None or order.patient.number != study.patient_id:
            return None
        return order.id

    def _attributes(self, study: UntoldStudy, series: Sequence[Series]) -> dict[str, Any]:
        """DICOM JSON of the study's first instance; nothing of one that would have to be fetched from elsewhere."""
        if not series:
            return {}
        first = series[0].instances[0].uid
        rows = self._archive.index.instances(EVERYTHING, study.uid, sop_instance_uid=first)
        if not rows:
            return {}
        described = self._archive.descriptions.at_hand(rows[:1])
        if rows[0].id not in described:
            return {}
        attributes: dict[str, Any] = msgspec.json.decode(described[rows[0].id][0])
        return attributes

    def _patient(self, study: UntoldStudy) -> str | None:
        """The Patient (id) that the study belongs to by somebody's word; None where its own words name him."""
        if study.correction is not None:
            corrected, _at_us = self._archive.index.corrections.in_force(study.correction)
            if corrected.patient is not None:
                return corrected.patient
        return study.patient if study.announced or not study.instance_count else None

    def _known(self, study: UntoldStudy) -> dict[str, Any] | None:
        """What the hub says of the study now."""
        return self._hub.imaging_study(Caller(study.client, Role(study.role), study.owner), study.uid)

    def _settle(self, study: UntoldStudy, acts: Sequence[Act], receipt: "Future[Receipt]") -> "Future[None]":
        """What became of it goes to the index; all of a round in few commits."""
        settings = self._archive.settings
        try:
            try:
                outcomes = receipt.result(RECEIPT_SECONDS).outcomes
            except (Precondition, Conflict) as refused:
                if isinstance(refused, Conflict) and refused.issue_code != ANOTHER_PERSON:
                    raise
                outcomes = self._submit(study, acts, own_patient=True).result(RECEIPT_SECONDS).outcomes
        except Exception as failure:
            wait_seconds = min(settings.retry_seconds * 2 ** min(study.tries, 10), settings.retry_longest_seconds)
            if isinstance(failure, Busy):
                wait_seconds = min(wait_seconds, float(failure.retry_after_seconds))
            if isinstance(failure, ExchangeError):
                STUDY_NOT_TOLD.log(client=study.client, what=failure.what, where=failure.where, tries=study.tries + 1)
            else:
                log_fault("study closer", failure)
            return self._telling.later(study.id, time.time_ns() // 1000 + int(wait_seconds * 1e6))
        patient = next((outcome.id for outcome in outcomes if outcome.type == "Patient"), None)
        count(STUDIES_TOLD)
        return self._telling.told(study.id, study.revision, patient, [act.id for act in acts])


def _subject(known: dict[str, Any] | None) -> str | None:
    """Id of the Patient of an ImagingStudy."""
    return str((known or {}).get("subject", {}).get("reference", "")).removeprefix("Patient/") or None


def series_of(rows: Sequence[tuple[Any, ...]]) -> list[Series]:
    """Rows of ``Telling.series_and_instances`` by series."""
    return [
        Series(
            uid=key[0],
            number=key[1],
            modality=key[2],
            description=key[3],
            body_part=key[4],
            laterality=key[5],
            instances=[Instance(*member[7:]) for member in members],
        )
        for key, members in groupby(rows, key=lambda row: row[:6])
    ]
