"""The three journeys: a clinic pushes, the centre reads, the physician is warned."""

import json
import queue
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from hub.contracts import codes
from hub.demo.clinic_listener import MllpReceiver, RestHook
from hub.demo.doors import Session, send_hl7, store_images, wait_for
from hub.demo.narrator import Narrator, StepFailed
from hub.demo.stage import Registered, Stage

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
PATIENT = "990101196204150026"
"""The made-up person of the play: a valid number of a region that does not exist."""
NAME = "陈秀英"


def fill(name: str) -> str:
    """A sample of ``samples/county`` with today's dates in place of ``{{TODAY}}``, ``{{DAY-3}}`` …"""
    text = (SAMPLES / "county" / name).read_text(encoding="utf-8")
    now = datetime.now(UTC).astimezone()
    for days in range(15):
        day = now - timedelta(days=days)
        for mark, form in ((f"{{{{DAY-{days}}}}}", "%Y-%m-%d"), (f"{{{{HL7-{days}}}}}", "%Y%m%d")):
            text = text.replace(mark, day.strftime(form))
    return text


class County:
    """Two township clinics, a reading centre, a county hospital, and the receivers of the clinics."""

    def __init__(self, stage: Stage, narrator: Narrator) -> None:
        self.stage, self.narrator = stage, narrator
        self.hook, self.mllp = RestHook(), MllpReceiver()
        self.http = str(stage.doors["http"])
        add = stage.register
        self.qingshan = add(
            "qingshan", "clinic", "qingshan", "青山镇卫生院", "--facility", "QS001", "--ae-title", "QINGSHAN_CT",
            "--deliver-to", self.hook.url,
        )  # fmt: skip
        self.baihe = add(
            "baihe", "clinic", "baihe", "白河乡卫生院", "--facility", "BH001", "--ae-title", "BAIHE_DR",
            "--deliver-to", self.mllp.url,
        )  # fmt: skip
        self.centre = add("centre", "reader", "imaging-centre", "县影像心电诊断中心")
        self.hospital = add("hospital", "physician", "county-hospital", "县人民医院")

    def session(self, client: Registered, practitioner: str | None = None) -> Session:
        return Session(self.http, client, practitioner)

    def close(self) -> None:
        self.hook.close()
        self.mllp.close()


def clinics_push(county: County, images: dict[str, list[Path]]) -> None:
    """Journey one: every kind of record, through every kind of door."""
    tell, doors = county.narrator, county.stage.doors
    tell.chapter("一、基层上传", "A clinic pushes")
    with tell.step("青山镇 HIS 经 MLLP 登记患者", "Qingshan's HIS registers a patient (ADT^A04, UTF-8)"):
        _expect_aa(send_hl7(doors["mllp"], fill("adt_a04.hl7").replace("\n", "\r").encode()))
    with tell.step("青山镇 LIS 经 MLLP 上传血常规", "Qingshan's LIS sends a blood count (ORU^R01, GB18030)"):
        _expect_aa(send_hl7(doors["mllp"], fill("oru_r01_cbc.hl7").replace("\n", "\r").encode("gb18030")))
    baihe = county.session(county.baihe)
    with tell.step("白河乡 经 FHIR 上传就诊", "Baihe sends a visit as a FHIR transaction"):
        bundle = fill("visit.json").encode()
        answer = baihe.ask(
            "POST", "/fhir", content=bundle,
            headers={"Content-Type": "application/fhir+json", "Idempotency-Key": str(uuid.uuid4())},
        )  # fmt: skip
        tell.note(f"{len(answer['entry'])} 条资源已持久保存 · resources on disk")
    physician = county.session(county.hospital, "Practitioner/zhang-min")
    with tell.step("两院档案归为一人", "Two clinics' records become one person"):
        person = _person(physician)
        if len(person["link"]) < 2:
            raise StepFailed("The two clinics' Patients were not linked.")
        tell.note(f"Person/{person['id']}：{len(person['link'])} 份档案 · source records")
    qingshan = county.session(county.qingshan)
    for path in sorted((SAMPLES / "ecg").glob("recording.*")):
        with tell.step(f"青山镇 上传心电图 {path.suffix[1:].upper()}", f"Qingshan uploads an ECG ({path.name})"):
            receipt = qingshan.ask(
                "POST", "/ingest/ecg", 201, content=path.read_bytes(),
                params={"patient": f"{codes.RESIDENT_ID}|{PATIENT}", "name": NAME},
                headers={"Content-Type": "application/octet-stream"},
            )  # fmt: skip
            tell.note(f"回执 receipt {receipt['submission']}：{len(receipt['resources'])} resources")
    for (clinic, calling), files in zip(
        (("青山镇 CT", "QINGSHAN_CT"), ("白河乡 DR", "BAIHE_DR")), (images["ct"], images["dr"]), strict=True
    ):
        with tell.step(f"{clinic} 经 C-STORE 上传 {len(files)} 幅图像", f"{calling} sends {len(files)} images"):
            store_images(doors["dicom"], doors["ae_title"], calling, files)


def centre_reads(county: County) -> None:
    """Journey two: the worklist, the claim, the report, and its way back."""
    tell = county.narrator
    tell.chapter("二、中心诊断", "The centre reads")
    reader = county.session(county.centre, "Practitioner/li-wen")
    with tell.step("诊断中心的待诊列表", "The centre's worklist"):
        tasks = wait_for(
            "The reading tasks of two image studies and three ECGs",
            lambda: _when(
                reader.search("/fhir/Task?code=read-study&status=requested&_count=50"), lambda t: len(t) >= 5
            ),
        )
        tell.note(f"{len(tasks)} 项待诊断 · studies to read")
    for modality, conclusion, receive in (
        ("CT", "右肺上叶磨玻璃结节，约6mm，建议3个月后复查。", lambda: _bundle_report(county.hook)),
        ("DX", "双肺纹理增多，未见明显实变。", lambda: _oru_report(county.mllp)),
    ):
        with tell.step(f"认领并签发 {modality} 报告", f"Claim the {modality} study and sign its report"):
            _read_study(county, reader, tasks, modality, conclusion)
        with tell.step("报告回到送检卫生院", "The report reaches the clinic's own listener"):
            tell.note(wait_for("The report", receive))


def physician_is_warned(county: County) -> None:
    """Journey three: the order, the card, the answer to it."""
    tell = county.narrator
    tell.chapter("三、互认提醒", "The physician is warned")
    physician = county.session(county.hospital, "Practitioner/zhang-min")
    person = _person(physician)
    draft = {
        "resourceType": "ServiceRequest", "id": "draft-1", "status": "draft", "intent": "order",
        "subject": {"reference": person["link"][0]["target"]["reference"]}, "code": {"text": "胸部CT平扫"},
    }  # fmt: skip
    with tell.step("县医院医生开具 胸部CT平扫", "The county hospital's physician orders a chest CT"):
        answer = physician.ask(
            "POST", "/cds-services/duplicate-examination-sign",
            json={
                "hook": "order-sign", "hookInstance": str(uuid.uuid4()),
                "context": {
                    "userId": "Practitioner/zhang-min",
                    "patientId": draft["subject"]["reference"].split("/")[1],  # type: ignore[index]
                    "draftOrders": {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": draft}]},
                },
            },
        )  # fmt: skip
        if not answer["cards"]:
            raise StepFailed("No card came back.")
        card = answer["cards"][0]
        verdict = card["extension"]["hub.verdict"]
        if verdict["verdict"] != "duplicate" or card["indicator"] != "warning":
            raise StepFailed(f"The verdict was {verdict['verdict']}, shown as {card['indicator']}.")
        tell.note(f"⚠ {card['summary']}")
        for link in card["links"]:
            tell.note(f"  {link['label']}: {link['url']}")
    with tell.step("医生采纳提醒", "The physician takes the advice"):
        physician.ask(
            "POST", "/cds-services/duplicate-examination-sign/feedback",
            json={"feedback": [{
                "card": card["uuid"], "outcome": "accepted", "outcomeTimestamp": datetime.now(UTC).isoformat(),
                "acceptedSuggestions": [{"id": card["suggestions"][0]["uuid"]}],
            }]},
        )  # fmt: skip


def _person(physician: Session) -> dict[str, Any]:
    found = physician.search(f"/fhir/Patient?identifier={codes.RESIDENT_ID}|{PATIENT}")
    if not found:
        raise StepFailed("The patient is not to be found.")
    return physician.ask("GET", f"/fhir/Patient/{found[0]['id']}/$person")


def _read_study(county: County, reader: Session, tasks: list[dict[str, Any]], modality: str, conclusion: str) -> None:
    for task in tasks:
        study = reader.ask("GET", f"/fhir/{task['focus']['reference']}")
        if any(m.get("code") == modality for m in study.get("modality", [])):
            break
    else:
        raise StepFailed(f"No task for a {modality} study.")
    version = task["meta"]["versionId"]
    claimed = {
        **task, "status": "in-progress",
        "owner": {"reference": f"Organization/{county.centre.organization}", "display": "李文"},
    }  # fmt: skip
    headers = {"If-Match": f'W/"{version}"', "Content-Type": "application/fhir+json"}
    task = reader.ask("PUT", f"/fhir/Task/{task['id']}", content=json.dumps(claimed), headers=headers)
    second = reader.ask("PUT", f"/fhir/Task/{task['id']}", 412, content=json.dumps(claimed), headers=headers)
    if second.get("resourceType") != "OperationOutcome":
        raise StepFailed("The second claim was not refused.")
    county.narrator.note("第二次认领被拒绝 (412) · the second claim is refused")
    report_url = f"urn:uuid:{uuid.uuid4()}"
    report = {
        "resourceType": "DiagnosticReport", "status": "final",
        "code": {"text": study.get("description") or modality}, "subject": study["subject"],
        "effectiveDateTime": study["started"], "issued": datetime.now(UTC).isoformat(timespec="seconds"),
        "imagingStudy": [{"reference": f"ImagingStudy/{study['id']}"}],
        "performer": [{"reference": f"Organization/{county.centre.organization}"}], "conclusion": conclusion,
    }  # fmt: skip
    done = {
        **task, "status": "completed",
        "output": [{"type": {"text": "report"}, "valueReference": {"reference": report_url}}],
    }  # fmt: skip
    entries = [
        {"fullUrl": report_url, "resource": report, "request": {"method": "POST", "url": "DiagnosticReport"}},
        {
            "fullUrl": f"urn:uuid:{uuid.uuid4()}", "resource": done,
            "request": {"method": "PUT", "url": f"Task/{task['id']}", "ifMatch": f'W/"{task["meta"]["versionId"]}"'},
        },
    ]  # fmt: skip
    reader.ask(
        "POST", "/fhir", content=json.dumps({"resourceType": "Bundle", "type": "transaction", "entry": entries}),
        headers={"Content-Type": "application/fhir+json", "Idempotency-Key": str(uuid.uuid4())},
    )  # fmt: skip
    county.narrator.note(conclusion)


def _bundle_report(hook: RestHook) -> str | None:
    try:
        key, bundle = hook.received.get_nowait()
    except queue.Empty:
        return None
    kinds = ", ".join(sorted({entry["resource"]["resourceType"] for entry in bundle["entry"]}))
    return f"FHIR rest-hook {key}：{kinds}"


def _oru_report(receiver: MllpReceiver) -> str | None:
    try:
        message = receiver.received.get_nowait()
    except queue.Empty:
        return None
    header = message.split("\r", 1)[0].split("|")
    return f"{header[8]} {header[9]}，已应答 AA · acknowledged"


def _expect_aa(code: str) -> None:
    if code != "AA":
        raise StepFailed(f"The answer was {code}, not AA.")


def _when(tasks: list[dict[str, Any]], enough: Any) -> list[dict[str, Any]] | None:
    return tasks if enough(tasks) else None
