"""A county on a running hub, and what its people do: register, scan, trace, claim, report, order."""

import importlib.util
import json
import subprocess
import sys
import uuid
from datetime import date, datetime, timedelta
from itertools import count
from pathlib import Path
from types import ModuleType
from typing import Any
from zlib import crc32

import httpx

from hub.contracts.codes import LOCAL_ID, RESIDENT_ID
from hub.contracts.site import ZONE
from tests.journeys.receivers import MllpReceiver, RestHook
from tests.journeys.running_hub import RunningHub, msa, wait_for

ROOT = Path(__file__).resolve().parents[2]
FHIR = {"Content-Type": "application/fhir+json"}
WEIGHTS, CHECK = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2), "10X98765432"


def sample_maker(room: str, name: str) -> ModuleType:
    """A script of ``samples`` as a module."""
    spec = importlib.util.spec_from_file_location(f"{room}_{name}", ROOT / "samples" / room / f"{name}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def resident_id(number: int, born: str = "19620415") -> str:
    """A valid resident number of a region that does not exist."""
    digits = f"990101{born}{number:03d}"
    return digits + CHECK[sum(int(d) * w for d, w in zip(digits, WEIGHTS, strict=True)) % 11]


def born_by(resident: str) -> str:
    """The birth date in a resident number of 15 or 18 digits."""
    return f"19{resident[6:12]}" if len(resident) == 15 else resident[6:14]


class County:
    """Two clinics with receivers, two reading centres, a hospital, a platform, operations and audit."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.hook, self.mllp = RestHook(), MllpReceiver()
        self.hub = RunningHub(folder / "data").start()
        add = self.hub.register
        add("qingshan", "clinic", "qingshan", "--organization-name", "青山镇卫生院", "--facility", "QS001",
            "--ae-title", "QINGSHAN", "--deliver-to", self.hook.url)  # fmt: skip
        add("baihe", "clinic", "baihe", "--facility", "BH001", "--ae-title", "BAIHE", "--deliver-to", self.mllp.url)
        add("centre", "reader", "imaging-centre")
        add("centre-2", "reader", "second-centre")
        add("hospital", "physician", "county-hospital", "--organization-name", "县人民医院")
        add("district", "platform", "district", "--facility", "DP001")
        add("operator", "admin", "county-it")
        add("auditor", "auditor", "county-audit")
        self._sessions: dict[str, httpx.Client] = {}
        self._images = sample_maker("dicom", "make_county")
        self._tracings = sample_maker("ecg", "make_samples")
        self._aecg: bytes = self._tracings.samples()["recording.xml"]
        self._number = count(1)

    def close(self) -> None:
        for session in self._sessions.values():
            session.close()
        self.hub.stop()
        self.hook.close()
        self.mllp.close()

    def new(self, prefix: str = "N") -> str:
        """A number nobody has used."""
        return f"{prefix}{next(self._number)}"

    def resident(self) -> str:
        """A woman's resident number that nobody has used."""
        return resident_id(next(self._number) * 2 % 1000, "19550101")

    # HTTP

    def ask(self, who: str, method: str, path: str, expect: int | None = 200, **more: Any) -> Any:
        """The JSON of an answer (None where it has none); ``expect`` None gives the response itself."""
        session = self._sessions.get(who)
        if session is None or str(session.base_url).rstrip("/") != self.hub.http:
            session = self._sessions[who] = self.hub.session(who)
        if "json" in more and path.startswith("/fhir"):
            more["content"] = json.dumps(more.pop("json"), ensure_ascii=False).encode()
            more["headers"] = FHIR | more.get("headers", {})
        answer = session.request(method, path, **more)
        if expect is None:
            return answer
        assert answer.status_code == expect, f"{method} {path}: {answer.status_code} {answer.text[:600]}"
        return answer.json() if answer.content else None

    def get(self, who: str, path: str, expect: int | None = 200, **parameters: str) -> Any:
        return self.ask(who, "GET", path, expect, params=parameters or None)

    def find(self, who: str, resource_type: str, **parameters: str) -> list[dict[str, Any]]:
        pairs = {name.replace("_", "-") if name[0] != "_" else name: value for name, value in parameters.items()}
        found = self.get(who, f"/fhir/{resource_type}", **pairs)
        return [e["resource"] for e in found.get("entry", []) if e["search"]["mode"] == "match"]

    def transaction(self, who: str, *resources: dict[str, Any], expect: int | None = 200, **headers: str) -> Any:
        """``_url`` of a resource is its fullUrl, ``_put`` its target, ``_match`` its ifMatch."""
        entries = []
        for one in resources:
            body = {name: value for name, value in one.items() if name[0] != "_"}
            request = {"method": "PUT" if "_put" in one else "POST", "url": one.get("_put", body["resourceType"])}
            request |= {"ifMatch": one["_match"]} if "_match" in one else {}
            entries.append({"fullUrl": one.get("_url", f"urn:uuid:{uuid.uuid4()}"), "resource": body,
                            "request": request})  # fmt: skip
        bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
        return self.ask(who, "POST", "/fhir", expect, json=bundle, headers=headers)

    # A person comes to a clinic

    def hl7(self, message: str, code: str = "AA", encoding: str = "utf-8") -> bytes:
        (answer,) = self.hub.send_hl7(message.replace("\n", "\r").encode(encoding))
        assert msa(answer) == code, answer.decode("utf-8", "replace")
        return answer

    def header(self, kind: str, number: str = "", facility: str = "QS001", charset: str = "UNICODE UTF-8") -> str:
        number = number or self.new("M")
        return f"MSH|^~\\&|HIS|{facility}|HUB|XG|20261122083000||{kind}|{number}|P|2.5.1||||||{charset}\n"

    def birth_date(self, number: str, facility: str = "QS001") -> str:
        """Of whoever has this number there and no resident number: of no one else, so that name and birth date do not
        make two strangers one."""
        return f"{date(1931, 1, 1) + timedelta(days=crc32(f'{facility} {number}'.encode()) % 28_000):%Y%m%d}"

    def admit(self, number: str, resident: str = "", name: str = "陈秀英", facility: str = "QS001") -> dict[str, Any]:
        """ADT^A04; returns the Patient as its clinic reads it."""
        born = born_by(resident) if resident else self.birth_date(number, facility)
        more = f"~{resident}^^^CN^NNCHN" if resident else ""
        self.hl7(self.header("ADT^A04", facility=facility)
                 + f"PID|1||{number}^^^{facility}^PI{more}||{name}||{born}|F\n")  # fmt: skip
        clinic = {"QS001": "qingshan", "BH001": "baihe"}[facility]
        (patient,) = self.find(clinic, "Patient", identifier=f"{LOCAL_ID}/{clinic}/PI|{number}")
        return patient

    # Images and tracings

    def image(self, patient_id: str, name: str = "陈秀英", *, calling: str = "QINGSHAN", **more: Any) -> Any:
        """C-STORE one chest radiograph of a study of its own; returns its data set."""
        folder = self.folder / self.new("images")
        maker = self._images
        named = maker._image(
            maker.DX, "DX", self.new("study"), 1, maker.yesterday(), patient=patient_id, label="ISO_IR 192"
        )
        named.PatientName, named.StudyDescription, named.BodyPartExamined = name, "胸部正位片", "CHEST"
        for keyword, value in more.items():
            setattr(named, keyword, value)
        maker._pixels(named, (maker._thorax(32) * 900 + 60).astype("<u2"))
        path = maker._save(named, folder / "one.dcm")
        host, port = str(self.hub.doors["dicom"]).rsplit(":", 1)
        sent = subprocess.run(
            [sys.executable, "-m", "pynetdicom", "storescu", "-aet", calling, "-aec", "HUB", host, port, str(path)],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert sent.returncode == 0, sent.stderr
        assert "0x0000" in sent.stderr + sent.stdout or "rror" not in sent.stderr, sent.stderr
        return named

    def study(self, image: Any, who: str = "centre") -> dict[str, Any]:
        """The ImagingStudy of an image, when it has gone quiet."""
        system = f"urn:dicom:uid|urn:oid:{image.StudyInstanceUID}"
        (study,) = wait_for(lambda: self.find(who, "ImagingStudy", identifier=system))
        return dict(study)

    def tracing(self) -> bytes:
        """An ECG of an hour ago that nobody has sent before: its hash is new, its person the sample's."""
        an_hour_ago = datetime.now(ZONE) - timedelta(hours=1)
        content = self._aecg.replace(self._tracings.START.encode(), f"{an_hour_ago:%Y%m%d%H%M%S}".encode())
        return content.replace(b"</AnnotatedECG>", f"<!-- {self.new()} --></AnnotatedECG>".encode())

    def ecg(self, who: str, content: bytes | None = None, expect: int | None = 201, **query: str) -> Any:
        content = self.tracing() if content is None else content
        return self.ask(who, "POST", "/ingest/ecg", expect, content=content, params=query,
                        headers={"Content-Type": "application/octet-stream"})  # fmt: skip

    def traced(self, who: str = "qingshan", **query: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """A new ECG: its ImagingStudy, and its reading Task as the centre sees it."""
        query = query or {"patient": f"{RESIDENT_ID}|{self.resident()}", "name": "陈秀英"}
        return self.traced_file(who, self.tracing(), **query)

    def traced_file(self, who: str, content: bytes, **query: str) -> tuple[dict[str, Any], dict[str, Any]]:
        receipt = self.ecg(who, content, **query)
        (study,) = [self.get("centre", f"/fhir/{one}") for one in receipt["resources"] if "ImagingStudy" in one]
        (task,) = self.find("centre", "Task", focus=f"ImagingStudy/{study['id']}")
        return study, task

    # The centre reads

    def claim(self, task: dict[str, Any], who: str = "centre", expect: int | None = 200, **more: Any) -> Any:
        match = more.pop("match", f'W/"{task["meta"]["versionId"]}"')
        headers = {"If-Match": match} if match else {}
        return self.ask(who, "PUT", f"/fhir/Task/{task['id']}", expect,
                        json={**task, "status": "in-progress", **more}, headers=headers)  # fmt: skip

    def report(self, study: dict[str, Any], task: dict[str, Any], conclusion: str, expect: int | None = 200,
               **more: Any) -> Any:  # fmt: skip
        """Report and completed Task in one transaction; returns the DiagnosticReport's id (or the refusal)."""
        url = f"urn:uuid:{uuid.uuid4()}"
        report = {
            "resourceType": "DiagnosticReport", "status": "final", "code": {"text": "心电图"},
            "subject": study["subject"], "imagingStudy": [{"reference": f"ImagingStudy/{study['id']}"}],
            "performer": [{"reference": "Organization/imaging-centre"}], "conclusion": conclusion, **more, "_url": url,
        }  # fmt: skip
        done = {
            **task, "status": "completed",
            "output": [{"type": {"text": "report"}, "valueReference": {"reference": url}}],
            "_put": f"Task/{task['id']}", "_match": f'W/"{task["meta"]["versionId"]}"',
        }  # fmt: skip
        answer = self.transaction("centre", report, done, expect=expect)
        return answer["entry"][0]["response"]["location"].split("/")[-3] if expect == 200 else answer

    def read_out(self, study: dict[str, Any], task: dict[str, Any], conclusion: str, **more: Any) -> str:
        return str(self.report(study, self.claim(task), conclusion, **more))

    # The physician orders

    def check(self, patient_id: str, text: str) -> dict[str, Any]:
        """The verdict of order-sign on one draft."""
        draft = {"resourceType": "ServiceRequest", "id": "draft-1", "status": "draft", "intent": "order",
                 "subject": {"reference": f"Patient/{patient_id}"}, "code": {"text": text}}  # fmt: skip
        context = {
            "userId": "Practitioner/zhang-min",
            "patientId": patient_id,
            "draftOrders": {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": draft}]},
        }
        answer = self.ask("hospital", "POST", "/cds-services/duplicate-examination-sign", json={
            "hook": "order-sign", "hookInstance": str(uuid.uuid4()), "context": context})  # fmt: skip
        cards = answer["cards"]
        found = [card["extension"]["hub.verdict"] for card in cards] or answer["extension"]["hub.verdicts"]
        return dict(found[0]) | {"card": cards[0] if cards else None}

    def order(self, who: str, patient_id: str, text: str, **more: Any) -> dict[str, Any]:
        body = {"resourceType": "ServiceRequest", "status": "active", "intent": "order", "code": {"text": text},
                "subject": {"reference": f"Patient/{patient_id}"}, **more}  # fmt: skip
        return dict(self.ask(who, "POST", "/fhir/ServiceRequest", 201, json=body))
