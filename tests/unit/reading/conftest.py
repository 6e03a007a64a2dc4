"""A real store with the reading room's reaction, and the county's clients writing to it."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from hub.contracts.caller import EVERYTHING, Caller, Role, Scope
from hub.contracts.codes import DICOM_UID
from hub.contracts.submission import Channel, Entry, Method, Origin, Outcome, Submission
from hub.reading.reaction import ReadingReaction
from hub.store.sqlite import SqliteResourceStore

CALLERS = {
    "clinic": Caller("qingshan", Role.CLINIC, "qingshan"),
    "other-clinic": Caller("baihe", Role.CLINIC, "baihe"),
    "centre": Caller("centre", Role.READER, "imaging-centre", actor="Practitioner/li-wen"),
    "other-centre": Caller("centre-2", Role.READER, "second-centre"),
}


class County:
    """Writes as somebody, reads as the hub."""

    def __init__(self, store: SqliteResourceStore) -> None:
        self.store = store

    def send(
        self, who: str, *resources: dict[str, Any], channel: Channel = Channel.FHIR, if_match: int | None = None
    ) -> list[Outcome]:
        """One submission: resources with an id are PUT; ``if_match`` goes with the first Task."""
        entries = []
        for resource in resources:
            etag = f'W/"{if_match}"' if if_match is not None and resource["resourceType"] == "Task" else None
            method = Method.UPDATE if "id" in resource else Method.CREATE
            url = resource.get("_url")
            body = {name: value for name, value in resource.items() if name != "_url"}
            entries.append(
                Entry(
                    method,
                    body["resourceType"],
                    json.dumps(body).encode(),
                    id=body.get("id"),
                    full_url=url,
                    if_match=etag,
                )
            )
        submission = Submission(tuple(entries), Origin(CALLERS[who], channel, datetime.now(UTC)))
        return list(self.store.submit(self.store.prepare(submission)).result().outcomes)

    def read(self, reference: str, scope: Scope = EVERYTHING) -> dict[str, Any]:
        resource_type, _, id_ = reference.partition("/")
        body: dict[str, Any] = json.loads(self.store.read(resource_type, id_, scope).body)
        return body

    def tasks(self) -> list[dict[str, Any]]:
        rows = self.store.side_rows("SELECT task_id FROM reading_task ORDER BY task_id")
        return [self.read(f"Task/{task_id}") for (task_id,) in rows]

    def study(self, id_: str = "s1", channel: Channel = Channel.DICOM, who: str = "clinic", **more: Any) -> None:
        patient = {"resourceType": "Patient", "id": "p1", "name": [{"text": "陈秀英"}]}
        study = {
            "resourceType": "ImagingStudy", "id": id_, "status": "available", "subject": {"reference": "Patient/p1"},
            "identifier": [{"system": DICOM_UID, "value": f"urn:oid:2.25.{len(id_)}"}], **more,
        }  # fmt: skip
        self.send(who, *([patient] if who == "clinic" else []), study, channel=channel)

    def order(self, id_: str = "order1", who: str = "clinic", **more: Any) -> None:
        self.send(who, {"resourceType": "ServiceRequest", "id": id_, "status": "active", "intent": "order",
                        "subject": {"reference": "Patient/p1"}, **more})  # fmt: skip


def report(status: str = "final", **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "DiagnosticReport", "status": status, "code": {"text": "胸部CT"},
        "subject": {"reference": "Patient/p1"}, **more,
    }  # fmt: skip


Report = Callable[..., dict[str, Any]]


@pytest.fixture(name="report")
def report_fixture() -> Report:
    return report


@pytest.fixture
def county(tmp_path: Path) -> Iterator[County]:
    store = SqliteResourceStore(tmp_path, reactions=[ReadingReaction()])
    yield County(store)
    store.close()
