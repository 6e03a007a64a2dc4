"""A DiagnosticReport as ORU^R01 (HL7 v2.5.1 chapter 7.3.1), for a clinic that reads HL7 v2.

The numbers the clinic gave (patient, placer, accession) come back to it as it sent them. The same resources and the
same control id give the same bytes: the time in MSH-7 is that of the report's version.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from hub.contracts.codes import DICOM_UID, LOCAL_ID, LOINC, RESIDENT_ID, SNOMED

from . import dtm, tables
from .escapes import escapes
from .source import local_parts

Json = Mapping[str, Any]

DELIMITERS = "|^~\\&"
CONCLUSION = ("IMP", "诊断结论", "L")
"""OBX-3 of the conclusion."""

_STATUS = {
    "registered": "I", "partial": "R", "preliminary": "P", "final": "F", "amended": "C", "corrected": "C",
    "appended": "C", "cancelled": "X", "entered-in-error": "X",
}  # fmt: skip
"""DiagnosticReport.status to table 0123."""
_RESULT_STATUS = {**_STATUS, "partial": "P", "entered-in-error": "W", "amended": "A"}
"""Observation.status to table 0085."""
_SYSTEMS = {LOINC: "LN", SNOMED: "SCT", "http://hl7.org/fhir/sid/icd-10": "I10"}
_SEXES = {"male": "M", "female": "F", "other": "O", "unknown": "U"}

_write = escapes(DELIMITERS, "utf-8").write


def report_to_oru(resources: Sequence[Json], control_id: str) -> bytes:
    """``resources``: the DiagnosticReport first, then its results, then whatever they name (Patient, ServiceRequest,
    ImagingStudy, Organization, Practitioner) as far as it is to be told. ``control_id`` is MSH-10.

    UTF-8, without framing."""
    report, others = resources[0], resources[1:]
    patient = _one(others, "Patient")
    results = [one for one in others if one.get("resourceType") == "Observation"]
    segments = [_msh(report, patient, control_id), _pid(patient or {}, report)]
    segments += _order(report, others)
    segments += _obx(report, _one(others, "ImagingStudy"), results)
    return "".join("|".join(segment).rstrip("|") + "\r" for segment in segments).encode()


def _one(resources: Iterable[Json], resource_type: str) -> Json | None:
    return next((one for one in resources if one.get("resourceType") == resource_type), None)


def _msh(report: Json, patient: Json | None, control_id: str) -> list[str]:
    numbers = (patient or {}).get("identifier", ())
    facility = next((_assigner(one) or local[0] for one in numbers if (local := _local(one)) and not local[2]), "")
    stamp = next(
        (
            text
            for text in (report.get("meta", {}).get("lastUpdated"), report.get("issued"), _effective(report)[0])
            if text
        ),
        "",
    )
    header = ["MSH", DELIMITERS[1:], "HUB", "HUB", "", _write(facility), dtm.as_hl7(stamp), "", "ORU^R01^ORU_R01"]
    return [*header, _write(control_id), "P", "2.5.1", *[""] * 5, "UNICODE UTF-8"]


def _pid(patient: Json, report: Json) -> list[str]:
    numbers = list(dict.fromkeys(_cx(one) for one in patient.get("identifier", ()) if one.get("value")))
    subject = report.get("subject", {})
    if not numbers and subject.get("identifier", {}).get("value"):
        numbers = [_cx(subject["identifier"])]
    names = [_xpn(name) for name in patient.get("name", ())]
    if not names and subject.get("display"):
        names = [_write(subject["display"])]
    sex = _SEXES.get(patient.get("gender", ""), "")
    born = dtm.as_hl7(patient.get("birthDate", ""))
    return ["PID", "1", "", "~".join(numbers), "", "~".join(one for one in names if one), "", born, sex]


def _order(report: Json, others: Sequence[Json]) -> list[list[str]]:
    order, study = _one(others, "ServiceRequest"), _one(others, "ImagingStudy")
    placer = _number(order, "PLAC") or _number(report, "PLAC")
    filler = _number(report, "FILL") or _write(str(report.get("id", "")))
    accession = _number(study, "ACSN") or _number(order, "ACSN")
    place = _one(others, "Organization")
    began, ended = _effective(report)
    if not began and study is not None:
        began = study.get("started", "")
    issued = report.get("issued") or report.get("meta", {}).get("lastUpdated", "")
    status = _STATUS.get(report.get("status", ""), "F")
    orc = ["ORC", "RE", placer, filler, "", "CM" if status in "FC" else "IP", *[""] * 15]
    orc.append(_write(place.get("name", "")) if place else "")
    obr = [""] * 33
    obr[0:5] = ["OBR", "1", placer, filler, _concept(report.get("code", {})) or _write("检查报告")]
    obr[7], obr[8], obr[18] = dtm.as_hl7(began), dtm.as_hl7(ended), accession
    obr[22], obr[24], obr[25] = dtm.as_hl7(issued), _section(report, study), status
    obr[32] = "&".join(_write(part) for part in _interpreter(report, others))
    return [orc, obr]


def _obx(report: Json, study: Json | None, results: Sequence[Json]) -> list[list[str]]:
    status = _STATUS.get(report.get("status", ""), "F")
    rows: list[tuple[str, str, str, str, str, str, str, str]] = []
    for result in results:
        kind, value, unit = _value(result)
        stamp = dtm.as_hl7(result.get("effectiveDateTime", ""))
        state = _RESULT_STATUS.get(result.get("status", ""), "F")
        limits = next((_write(one["text"]) for one in result.get("referenceRange", ()) if one.get("text")), "")
        flags = "~".join(_code(one) for one in result.get("interpretation", ()))
        rows.append((kind, _concept(result.get("code", {})), value, unit, limits, flags, state, stamp))
    if report.get("conclusion"):
        code = "^".join(map(_write, CONCLUSION))
        rows.append(("FT", code, _write(report["conclusion"]), "", "", "", status, ""))
    codes = [_concept(concept) for concept in report.get("conclusionCode", ())]
    rows += [("CWE", "DIAG^诊断编码^L", code, "", "", "", status, "") for code in codes if code]
    rows += [("ST", "113014^DICOM Study^DCM", _write(uid), "", "", "", status, "") for uid in _study_uids(study)]
    for form in report.get("presentedForm", ()):
        if form.get("data"):
            kind, _, sub = form.get("contentType", "application/octet-stream").partition("/")
            attached = f"^{_write(kind)}^{_write(sub)}^Base64^{form['data']}"
            rows.append(("ED", "REPORT^报告文件^L", attached, "", "", "", status, ""))
    return [
        ["OBX", str(number), kind, code, "", value, unit, limits, flags, "", "", state, "", "", stamp]
        for number, (kind, code, value, unit, limits, flags, state, stamp) in enumerate(rows, 1)
    ]


def _value(result: Json) -> tuple[str, str, str]:
    """OBX-2, OBX-5 and OBX-6."""
    if quantity := result.get("valueQuantity"):
        unit = _write(quantity.get("unit") or quantity.get("code", ""))
        if quantity.get("comparator"):
            return "SN", f"{_write(quantity['comparator'])}^{quantity.get('value', '')}", unit
        return "NM", str(quantity.get("value", "")), unit
    if concept := result.get("valueCodeableConcept"):
        return "CWE", _concept(concept), ""
    for element, kind in (("valueDateTime", "DTM"), ("valueTime", "TM")):
        if result.get(element):
            return kind, dtm.as_hl7(result[element]) if kind == "DTM" else result[element].replace(":", ""), ""
    for element in ("valueString", "valueInteger", "valueBoolean"):
        if element in result:
            return "ST", _write(str(result[element])), ""
    return "ST", "", ""


def _effective(report: Json) -> tuple[str, str]:
    period = report.get("effectivePeriod", {})
    return report.get("effectiveDateTime") or period.get("start", ""), period.get("end", "")


def _section(report: Json, study: Json | None) -> str:
    for category in report.get("category", ()):
        for coding in category.get("coding", ()):
            if coding.get("code", "").upper() in tables.SECTIONS:
                return str(coding["code"])
    modalities = {one.get("code") for one in (study or {}).get("modality", ())}
    return "EC" if "ECG" in modalities else ("RAD" if study is not None else "")


def _interpreter(report: Json, others: Sequence[Json]) -> list[str]:
    for reference in (*report.get("resultsInterpreter", ()), *report.get("performer", ())):
        number = reference.get("identifier", {}).get("value", "")
        kind, _, known = reference.get("reference", "").partition("/")
        if kind not in ("", "Practitioner"):
            continue
        who = next((one for one in others if one.get("resourceType") == "Practitioner" and one.get("id") == known), {})
        name = reference.get("display") or next((_name_text(one) for one in who.get("name", ())), "")
        if number or name or known:
            return [number or known, name]
    return []


def _name_text(name: Json) -> str:
    return str(name.get("text") or name.get("family", "") + "".join(name.get("given", ())))


def _xpn(name: Json) -> str:
    family, given = name.get("family", ""), name.get("given", ())
    if not family and not given:
        return _write(name.get("text", ""))
    return "^".join(map(_write, (family, " ".join(given[:1]), " ".join(given[1:])))).rstrip("^")


def _cx(identifier: Json) -> str:
    value, system = _write(identifier["value"]), identifier.get("system", "")
    kind = _write(next((one["code"] for one in identifier.get("type", {}).get("coding", ()) if one.get("code")), ""))
    local = _local(identifier)
    if system == RESIDENT_ID:
        return f"{value}^^^CN^{kind or 'NNCHN'}"
    if local:
        return f"{value}^^^{_write(_assigner(identifier) or local[2] or local[0])}^{kind or _write(local[1])}"
    if system.startswith("urn:oid:"):
        return f"{value}^^^&{_write(system[8:])}&ISO^{kind}"
    return f"{value}^^^&{_write(system)}&URI^{kind}" if system else f"{value}^^^^{kind}"


def _assigner(identifier: Json) -> str:
    """The assigning authority as the clinic wrote it."""
    return str(identifier.get("assigner", {}).get("display", ""))


def _local(identifier: Json) -> tuple[str, str, str] | None:
    return local_parts(identifier.get("system", ""))


def _number(resource: Json | None, kind: str) -> str:
    """The identifier of a type, with its namespace where the sender had stated one."""
    for identifier in (resource or {}).get("identifier", ()):
        if any(coding.get("code") == kind for coding in identifier.get("type", {}).get("coding", ())):
            local = _local(identifier)
            namespace = f"^{_write(local[2])}" if local and local[2] else ""
            return _write(identifier.get("value", "")) + namespace
    return ""


def _concept(concept: Json) -> str:
    coding = next((one for one in concept.get("coding", ()) if one.get("code")), None)
    text = concept.get("text", "")
    if coding is None:
        return f"^{_write(text)}" if text else ""
    system = coding.get("system", "")
    name = _SYSTEMS.get(system) or ("L" if system.startswith(LOCAL_ID) else "99HUB")
    return f"{_write(coding['code'])}^{_write(coding.get('display') or text)}^{name}"


def _code(concept: Json) -> str:
    coded = next((one["code"] for one in concept.get("coding", ()) if one.get("code")), "")
    return _write(coded or concept.get("text", ""))


def _study_uids(study: Json | None) -> list[str]:
    numbers = [one for one in (study or {}).get("identifier", ()) if one.get("system") == DICOM_UID]
    return [one["value"].removeprefix("urn:oid:") for one in numbers if one.get("value")]
