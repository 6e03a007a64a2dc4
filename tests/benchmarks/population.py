"""Made-up patients as FHIR R4 transaction bundles: about the mix and the sizes of a county's records.

Deterministic: one seed, one population. Every bundle stands alone (``urn:uuid`` references within it).
"""

import json
import random
import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from hub.contracts.resident_id import check_character
from hub.contracts.site import ZONE

ANALYTES = [
    ("6690-2", "白细胞", 6.5, "10*9/L"), ("789-8", "红细胞", 4.4, "10*12/L"), ("718-7", "血红蛋白", 130, "g/L"),
    ("777-3", "血小板", 210, "10*9/L"), ("1742-6", "谷丙转氨酶", 24, "U/L"), ("1920-8", "谷草转氨酶", 25, "U/L"),
    ("2345-7", "葡萄糖", 5.4, "mmol/L"), ("2093-3", "总胆固醇", 4.8, "mmol/L"), ("2571-8", "甘油三酯", 1.4, "mmol/L"),
    ("2823-3", "钾", 4.1, "mmol/L"), ("2951-2", "钠", 140, "mmol/L"), ("2075-0", "氯", 102, "mmol/L"),
    ("14682-9", "肌酐", 70, "umol/L"), ("22664-7", "尿素", 5.1, "mmol/L"), ("4548-4", "糖化血红蛋白", 5.9, "%"),
]  # fmt: skip
SURNAMES = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗"
GIVEN = "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英玉兰红梅"
CONDITIONS = [
    ("I10", "高血压"),
    ("E11.9", "2型糖尿病"),
    ("J18.9", "肺炎"),
    ("J44.9", "慢性阻塞性肺病"),
    ("I25.1", "冠心病"),
]
DRUGS = [("氨氯地平片", "5 mg"), ("二甲双胍片", "0.5 g"), ("阿托伐他汀钙片", "20 mg"), ("阿莫西林胶囊", "0.5 g")]
NOTE = "患者自述近两周活动后气促，伴轻度咳嗽，无发热、胸痛；既往史、过敏史见病历首页。"


def resident_id(rng: random.Random, birth: datetime, sequence: int) -> str:
    """A number that passes GB 11643-1999's check, of the region 990101 that does not exist."""
    body = f"990101{birth:%Y%m%d}{sequence % 1000:03d}"
    return body + check_character(body)


def bundles(count: int, *, seed: int = 7, visits: int = 8) -> Iterator[tuple[bytes, int]]:
    """``count`` patients: the transaction Bundle as bytes and how many resources it holds (about 28 a visit)."""
    rng = random.Random(seed)
    for number in range(count):
        resources = list(_patient(rng, number, visits))
        entries = [
            {"fullUrl": url, "resource": resource, "request": {"method": "POST", "url": resource["resourceType"]}}
            for url, resource in resources
        ]
        bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
        yield json.dumps(bundle, ensure_ascii=False, indent=1).encode(), len(entries)


def _url(rng: random.Random) -> str:
    return f"urn:uuid:{uuid.UUID(int=rng.getrandbits(128), version=4)}"


def _patient(rng: random.Random, number: int, visits: int) -> Iterator[tuple[str, dict[str, Any]]]:
    birth = datetime(1940, 1, 1, tzinfo=ZONE) + timedelta(days=rng.randrange(24000))
    family, given = rng.choice(SURNAMES), rng.choice(GIVEN) + rng.choice(GIVEN)
    patient = _url(rng)
    yield (
        patient,
        {
            "resourceType": "Patient",
            "identifier": [
                {"system": "urn:oid:2.16.156.10011.1.3", "value": resident_id(rng, birth, number)},
                {"system": "urn:bench:mrn", "value": f"M{rng.getrandbits(60):x}"},
            ],
            "name": [{"text": family + given, "family": family, "given": [given]}],
            "gender": rng.choice(["male", "female"]),
            "birthDate": f"{birth:%Y-%m-%d}",
            "telecom": [{"system": "phone", "value": f"138{rng.randrange(10**8):08d}"}],
            "address": [{"text": "示例省示例市示例县示例镇", "city": "示例市", "district": "示例县", "country": "CN"}],
        },
    )
    subject = {"reference": patient}
    for _ in range(visits):
        when = datetime(2023, 1, 1, 8, tzinfo=ZONE) + timedelta(minutes=rng.randrange(60 * 24 * 1000))
        yield from _visit(rng, subject, when)


def _visit(rng: random.Random, subject: dict[str, str], when: datetime) -> Iterator[tuple[str, dict[str, Any]]]:
    encounter, time = _url(rng), when.isoformat()
    context = {"subject": subject, "encounter": {"reference": encounter}}
    yield encounter, {
        "resourceType": "Encounter", "status": "finished", "subject": subject,
        "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"},
        "type": [{"text": "门诊"}], "period": {"start": time, "end": (when + timedelta(minutes=25)).isoformat()},
    }  # fmt: skip
    icd, disease = rng.choice(CONDITIONS)
    yield _url(rng), {
        "resourceType": "Condition", **context, "recordedDate": time, "onsetDateTime": time,
        "clinicalStatus": _coded("http://terminology.hl7.org/CodeSystem/condition-clinical", "active", "Active"),
        "code": _coded("http://hl7.org/fhir/sid/icd-10", icd, disease), "note": [{"text": NOTE}],
    }  # fmt: skip
    results = []
    for loinc, name, middle, unit in rng.sample(ANALYTES, 12) * 2:
        results.append(_url(rng))
        yield results[-1], {
            "resourceType": "Observation", "status": "final", **context,
            "category": [_coded("http://terminology.hl7.org/CodeSystem/observation-category", "laboratory", "检验")],
            "code": _coded("http://loinc.org", loinc, name), "effectiveDateTime": time, "issued": time,
            "valueQuantity": {
                "value": round(middle * rng.uniform(0.8, 1.2), 2), "unit": unit,
                "system": "http://unitsofmeasure.org", "code": unit,
            },
            "referenceRange": [{"low": {"value": round(middle * 0.7, 1)}, "high": {"value": round(middle * 1.3, 1)}}],
        }  # fmt: skip
    yield _url(rng), {
        "resourceType": "DiagnosticReport", "status": "final", **context, "effectiveDateTime": time, "issued": time,
        "category": [_coded("http://terminology.hl7.org/CodeSystem/v2-0074", "LAB", "Laboratory")],
        "code": {"text": "生化全套"}, "result": [{"reference": url} for url in results],
    }  # fmt: skip
    drug, dose = rng.choice(DRUGS)
    yield _url(rng), {
        "resourceType": "MedicationRequest", "status": "completed", "intent": "order", **context, "authoredOn": time,
        "medicationCodeableConcept": {"text": drug}, "dosageInstruction": [{"text": f"口服，每次 {dose}，每日一次"}],
    }  # fmt: skip


def _coded(system: str, code: str, display: str) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code, "display": display}], "text": display}
