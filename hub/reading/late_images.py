"""Images that arrive after the final report: whoever signed it is told, once for each batch, and the report says so.

What a final report could have seen is kept beside its study. The gateway tells of a batch when the study is quiet
again, as one new version of the ImagingStudy.
"""

import hashlib
from collections.abc import Iterable
from typing import Any

import msgspec

from hub.contracts.codes import BASE, IMAGES_AFTER_REPORT, TAG, TASK_CODE
from hub.contracts.store import CommitView, Written

from .reports import final_reports

TOPIC = f"{BASE}/CodeSystem/communication-topic"
_ALERT = {
    "coding": [{"system": "http://terminology.hl7.org/CodeSystem/communication-category", "code": "alert"}],
    "text": "报告后又到图像",
}
_HASH_BYTES = 8
_elements = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class _Instance(msgspec.Struct, frozen=True):
    uid: str = ""


class _Series(msgspec.Struct, frozen=True):
    instance: tuple[_Instance, ...] = ()


class _Study(msgspec.Struct, frozen=True):
    series: tuple[_Series, ...] = ()


_read = msgspec.json.Decoder(_Study).decode


def seen_by_report(studies: Iterable[str], orders: Iterable[str], view: CommitView) -> None:
    """A final report was given, or given anew, on these (``Type/id``): it could see what is there now."""
    ids = [reference.partition("/")[2] for reference in studies]
    if not ids:
        for order in orders:
            rows = view.rows("SELECT study_id FROM reading_order WHERE order_reference = ?", (order,))
            ids += [row[0] for row in rows]
    for study_id in ids:
        stored = view.read("ImagingStudy", study_id)
        if stored is not None:
            _keep(study_id, _instances(stored.body), view)
            view.execute("DELETE FROM reading_late WHERE study_id = ?", (study_id,))


def tell_of_late_images(one: Written, view: CommitView) -> None:
    """``one`` is a new version of an ImagingStudy."""
    rows = view.rows("SELECT instances FROM reading_seen WHERE study_id = ?", (one.id,))
    reports = final_reports(one.id, view)
    if not rows or not reports:
        return
    seen, now = _split(rows[0][0]), _instances(one.body)
    new = now - seen
    if not new:
        return
    _keep(one.id, seen | now, view)
    for report_id, owner in sorted(reports.items()):
        _mark(report_id, view)
        communication = _notice(one, report_id, owner, len(new), view)
        stored = view.put("Communication", communication, owner=owner, patient=one.patient)
        view.share("Communication", stored.id, one.owner)
    report_id, owner = min(reports.items())
    _ask(one, report_id, owner, len(new), view)


def _ask(one: Written, report_id: str, centre: str, count: int, view: CommitView) -> None:
    """The Task of looking again: one for each study as long as nobody has done it."""
    rows = view.rows("SELECT task_id, images FROM reading_late WHERE study_id = ?", (one.id,))
    standing = view.read("Task", rows[0][0]) if rows else None
    is_open = standing is not None and msgspec.json.decode(standing.body).get("status") == "requested"
    images = count + (rows[0][1] if is_open else 0)
    instant = view.now.isoformat(timespec="milliseconds")
    body: dict[str, Any] = {
        "resourceType": "Task",
        "status": "requested",
        "intent": "order",
        "priority": "urgent",
        "code": {
            "coding": [{"system": TASK_CODE, "code": IMAGES_AFTER_REPORT, "display": "Images arrived after the report"}]
        },
        "description": f"报告签发后又到 {images} 幅图像，请复核 · {images} images arrived after the report",
        "focus": {"reference": f"ImagingStudy/{one.id}"},
        "reasonReference": {"reference": f"DiagnosticReport/{report_id}"},
        "authoredOn": instant,
        "lastModified": instant,
        "requester": {"reference": f"Organization/{one.owner}"},
        "owner": {"reference": f"Organization/{centre}"},
    }
    if one.patient is not None:
        body["for"] = {"reference": f"Patient/{one.patient}"}
    known = standing.id if standing is not None and is_open else None
    stored = view.put("Task", body, owner=one.owner, id=known, patient=one.patient)
    view.execute("INSERT OR REPLACE INTO reading_late VALUES (?, ?, ?)", (one.id, stored.id, images))


def _mark(report_id: str, view: CommitView) -> None:
    """The report itself says that it was given before all images were there; amending it takes the mark away."""
    stored = view.read("DiagnosticReport", report_id)
    if stored is None:
        return
    elements: dict[str, Any] = dict(_elements(stored.body))
    meta: dict[str, Any] = msgspec.json.decode(elements.get("meta", msgspec.Raw(b"{}")))
    tags = [tag for tag in meta.get("tag", ()) if tag.get("code") != IMAGES_AFTER_REPORT]
    tags.append(
        {"system": TAG, "code": IMAGES_AFTER_REPORT, "display": "报告后又到图像 Images arrived after the report"}
    )
    kept = {name: value for name, value in meta.items() if name not in ("versionId", "lastUpdated")}
    elements["meta"] = kept | {"tag": tags}
    view.put("DiagnosticReport", elements, owner=stored.owner, id=stored.id, patient=stored.patient)


def _notice(one: Written, report_id: str, centre: str, count: int, view: CommitView) -> dict[str, Any]:
    zh = f"该检查的报告签发后又收到 {count} 幅图像，请查看是否需要补充或修订报告。"
    en = f"{count} images of this study arrived after its final report. See whether the report has to be amended."
    notice: dict[str, Any] = {
        "resourceType": "Communication",
        "status": "completed",
        "category": [_ALERT],
        "priority": "urgent",
        "topic": {"coding": [{"system": TOPIC, "code": IMAGES_AFTER_REPORT}], "text": "报告后又到图像"},
        "about": [{"reference": f"ImagingStudy/{one.id}"}, {"reference": f"DiagnosticReport/{report_id}"}],
        "sent": view.now.isoformat(timespec="milliseconds"),
        "recipient": [{"reference": f"Organization/{centre}"}],
        "payload": [{"contentString": zh}, {"contentString": en}],
    }
    if one.patient is not None:
        notice["subject"] = {"reference": f"Patient/{one.patient}"}
    return notice


def _instances(body: bytes) -> set[bytes]:
    return {
        hashlib.blake2b(instance.uid.encode(), digest_size=_HASH_BYTES).digest()
        for series in _read(body).series
        for instance in series.instance
    }


def _keep(study_id: str, instances: set[bytes], view: CommitView) -> None:
    packed = b"".join(sorted(instances))
    view.execute("INSERT OR REPLACE INTO reading_seen (study_id, instances) VALUES (?, ?)", (study_id, packed))


def _split(packed: bytes) -> set[bytes]:
    return {packed[at : at + _HASH_BYTES] for at in range(0, len(packed), _HASH_BYTES)}
