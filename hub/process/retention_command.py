"""``hub retention``: which studies have been kept long enough, and their deletion."""

import time
from datetime import datetime

from dicom_gateway.study_index.acts import By
from dicom_gateway.withdrawal.deletion import Deletion
from dicom_gateway.withdrawal.retention import RetentionPolicy, delete_expired, expired
from hub.app.parts import Parts, compose
from hub.contracts.caller import EVERYTHING, Role
from hub.contracts.codes import DICOM_UID
from hub.contracts.site import ZONE
from hub.fhir.search import parse
from hub.settings import Settings

REASON = "113039 Data Retention Policy Expired 保存期满"


def retention(settings: Settings, *, apply: bool) -> int:
    """Prints a line for each study; ``apply`` deletes those that nobody has still to read."""
    parts = compose(settings)
    rules = settings.dicom.retention
    policy = RetentionPolicy(rules.years, rules.modalities, rules.organizations)
    deletion = Deletion(parts.archive.index, parts.archive.spool, parts.archive.blobs, parts.hub_client.needs_bytes)
    by = By("hub", Role.SERVICE.value, "hub", None, time.time_ns() // 1000, REASON)
    gone = kept = freed_bytes = 0
    try:
        is_open = _Reading(parts)
        for found in list(expired(parts.archive.index, policy, is_open, datetime.now(ZONE).date())):
            codes = ",".join(sorted(found.modalities))
            state = "kept: being read" if found.open else "deleted" if apply else "would be deleted"
            print(f"{found.day} {found.organization:<16} {codes:<8} {found.instances:>6} {found.study_uid} {state}")
            if found.open:
                kept += 1
                continue
            gone, freed_bytes = gone + 1, freed_bytes + found.size_bytes
            if apply:
                delete_expired(found, deletion, by)
        verb = "were deleted" if apply else "would be deleted; run it again with --apply to delete them"
        print(f"{gone} studies, {freed_bytes / 1e6:.1f} MB {verb}. {kept} stay because somebody has to read them.")
        return 0
    finally:
        parts.close()


class _Reading:
    """Whether a reading Task on a study is open."""

    def __init__(self, parts: Parts) -> None:
        self._store = parts.store

    def __call__(self, organization: str, study_uid: str) -> bool:
        query = parse("ImagingStudy", [("identifier", f"{DICOM_UID}|urn:oid:{study_uid}")], lenient=False)
        studies = [one.id for one in self._store.search(query, EVERYTHING).matches if one.owner == organization]
        sql = "SELECT 1 FROM reading_task WHERE study_id = ? AND status IN ('requested', 'in-progress')"
        return any(self._store.side_rows(sql, (study,)) for study in studies)
