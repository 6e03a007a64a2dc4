"""An ECG as one submission: Patient, the original, the study, its measurements, and the report that is to come.

Pure: everything comes in as values, and the same file gives the same entries. The Patient is created only where the
sender has none with this identifier; a study that holds the object already (a DICOM ECG that also came by C-STORE)
stays one.
"""

import base64
import hashlib
import uuid
from dataclasses import dataclass
from datetime import datetime

from hub.contracts import codes
from hub.contracts.caller import Caller
from hub.contracts.submission import Channel, Entry, Method, Origin, Original, Submission

from .detect import CONTENT_TYPES
from .dicom_object import CanonicalObject
from .fhir_json import EMERGENCY, Resource, concept, encoded, examination_code, moment
from .identification import Beside, Identified
from .observations import observations
from .recording import Format, Recording

SHA256 = f"{codes.BASE}/sha256"
"""Identifier system of a document by the hash of its bytes."""
ECG_FORMAT = f"{codes.BASE}/CodeSystem/ecg-format"
TAG = f"{codes.BASE}/CodeSystem/tag"
TEMPORARY_PERSON = "temporary-person"
_FORMAT_NAME = {
    Format.AECG: "HL7 aECG",
    Format.SCP_ECG: "SCP-ECG",
    Format.DICOM: "DICOM waveform",
    Format.MUSE: "GE MUSE XML",
    Format.SIERRA: "Philips Sierra XML",
}
_RESIDENT = ("NI", "National unique individual identifier")
_LOCAL = ("PI", "Patient internal identifier")
_GENDER = {"M": "male", "F": "female", "O": "other"}
_TOKEN_ESCAPES = str.maketrans({"\\": "\\\\", "|": "\\|", ",": "\\,", "$": "\\$"})
_QUERY_ESCAPES = str.maketrans({"%": "%25", "&": "%26", "+": "%2B", "#": "%23", ";": "%3B", "=": "%3D"})
_REPORT_CATEGORY = "http://terminology.hl7.org/CodeSystem/v2-0074"


@dataclass(frozen=True, slots=True)
class Context:
    """What a submission needs beside the recording.

    ``own_patient``: where the sender has several Patients under one identifier, none of them can be chosen; the ECG
    then gets a Patient of its own, the same one for every ECG of this person from this sender."""

    caller: Caller
    received: datetime
    said: Beside
    person: Identified
    own_patient: bool = False


def submission_of(recording: Recording, original: bytes, canonical: CanonicalObject, context: Context) -> Submission:
    """The entries take effect together or not at all. ``Origin.key`` is the SHA-256 of the file; the same file with
    another patient, name or order beside it is another body under that key, which intake refuses."""
    sha256 = hashlib.sha256(original).hexdigest()
    urn = _urns(context.caller.organization, sha256)
    content_type = CONTENT_TYPES[recording.format]
    subject: Resource = {"reference": urn["Patient"]}
    common: Resource = {"subject": subject, "basedOn": _order(context.caller.organization, context.said.order)}
    entries = [
        _patient_entry(recording, context, urn["Patient"]),
        _entry("Binary", urn, {
            "contentType": content_type, "securityContext": subject,
            "data": base64.b64encode(original).decode("ascii"),
        }),
        _entry("DocumentReference", urn, _document(recording, original, sha256, content_type, urn, context)),
        _entry(
            "ImagingStudy", urn, _study(recording, canonical, common, context.said.emergency),
            condition=_known_study(recording, canonical),
        ),
    ]  # fmt: skip
    results = []
    measured = {**common, "derivedFrom": [{"reference": urn["ImagingStudy"]}]}
    for number, observation in enumerate(observations(recording, measured)):
        full_url = _urn(context.caller.organization, sha256, f"Observation/{number}")
        entries.append(Entry(Method.CREATE, "Observation", encoded(observation), full_url=full_url))
        results.append({"reference": full_url})
    entries.append(_entry("DiagnosticReport", urn, {
        "status": "registered",
        "category": [concept(_REPORT_CATEGORY, "EC", "Electrocardiac (e.g., EKG, EEC, Holter)")],
        "code": examination_code(recording),
        **common,
        **moment(recording, "effectiveDateTime"),
        "imagingStudy": [{"reference": urn["ImagingStudy"]}],
        "result": results,
    }))  # fmt: skip
    origin = Origin(context.caller, Channel.ECG, context.received, key=sha256, key_hash=_key_hash(sha256, context.said))
    return Submission(tuple(entries), origin, Original(original, content_type))


def _patient_entry(recording: Recording, context: Context, full_url: str) -> Entry:
    facts, person = recording.patient, context.person
    patient: Resource = {"resourceType": "Patient"}
    if person.temporary:
        patient["meta"] = {"tag": [{"system": TAG, "code": TEMPORARY_PERSON, "display": "临时患者 Temporary person"}]}
    if person.value:
        kind = _RESIDENT if person.system == codes.RESIDENT_ID else _LOCAL
        patient["identifier"] = [
            {"type": concept(codes.V2_0203, *kind), "system": person.system, "value": person.value}
        ]
    if person.name:
        name: Resource = {"text": person.name}
        if person.name == facts.name and facts.family and facts.given:
            name |= {"family": facts.family, "given": facts.given.split()}
        patient["name"] = [name]
    patient["gender"] = _GENDER.get(facts.sex)
    patient["birthDate"] = facts.birth_date
    condition = _by_identifier(person.system, person.value) if person.value else None
    if condition and context.own_patient:
        own = (
            f"{codes.LOCAL_ID}/{context.caller.organization}/ECG",
            hashlib.sha256(f"{person.system}|{person.value}".encode()).hexdigest(),
        )
        patient["identifier"].append({"system": own[0], "value": own[1]})
        condition = _by_identifier(*own)
    return Entry(Method.CREATE, "Patient", encoded(patient), condition=condition, full_url=full_url)


def _document(
    recording: Recording, original: bytes, sha256: str, content_type: str, urn: dict[str, str], context: Context
) -> Resource:
    created = moment(recording, "creation")
    return {
        "masterIdentifier": {"system": SHA256, "value": sha256},
        "status": "current",
        "type": examination_code(recording),
        "subject": {"reference": urn["Patient"]},
        "date": context.received.isoformat(timespec="milliseconds"),
        "description": "心电图原始文件 Original ECG file",
        "content": [{
            "attachment": {
                "contentType": content_type,
                "url": urn["Binary"],
                "size": len(original),
                # R4 asks for SHA-1 here; the hash that is relied on is the identifier.
                "hash": base64.b64encode(hashlib.sha1(original, usedforsecurity=False).digest()).decode("ascii"),
                **created,
            },
            "format": {"system": ECG_FORMAT, "code": recording.format.value, "display": _FORMAT_NAME[recording.format]},
        }],
        "context": {"related": [{"reference": urn["ImagingStudy"]}]},
    }  # fmt: skip


def _study(recording: Recording, canonical: CanonicalObject, common: Resource, emergency: bool) -> Resource:
    modality = {"system": codes.DICOM_DCM, "code": "ECG", "display": "Electrocardiography"}
    identifiers: list[Resource] = [{"system": codes.DICOM_UID, "value": f"urn:oid:{canonical.study_instance_uid}"}]
    if canonical.accession_number:
        kind = concept(codes.V2_0203, "ACSN", "Accession ID")
        identifiers.append({"type": kind, "value": canonical.accession_number})
    return {
        "extension": [{"url": EMERGENCY, "valueBoolean": True}] if emergency else [],
        "identifier": identifiers,
        "status": "available",
        "modality": [modality],
        **common,
        **moment(recording, "started"),
        "numberOfSeries": 1,
        "numberOfInstances": 1,
        "procedureCode": [examination_code(recording)],
        "description": f"心电图 ECG, {len(recording.leads)} leads, {recording.sampling_rate_hz.normalize():f} Hz",
        "series": [{
            "uid": canonical.series_instance_uid,
            "number": 1,
            "modality": modality,
            "numberOfInstances": 1,
            "instance": [{
                "uid": canonical.sop_instance_uid,
                "sopClass": {"system": "urn:ietf:rfc:3986", "code": f"urn:oid:{canonical.sop_class_uid}"},
                "number": 1,
            }],
        }],
    }  # fmt: skip


def _order(organization: str, number: str) -> list[Resource]:
    """By identifier alone: whether the order is here is not known, and it may come after its tracing. The system is the
    one that the sender's HL7 v2 orders have."""
    if not number:
        return []
    kind, system = concept(codes.V2_0203, "PLAC", "Placer Identifier"), f"{codes.LOCAL_ID}/{organization}/PLAC"
    return [{"type": "ServiceRequest", "identifier": {"type": kind, "system": system, "value": number}}]


def _entry(resource_type: str, urn: dict[str, str], content: Resource, condition: str | None = None) -> Entry:
    body = encoded({"resourceType": resource_type, **content})
    return Entry(Method.CREATE, resource_type, body, condition=condition, full_url=urn[resource_type])


def _known_study(recording: Recording, canonical: CanonicalObject) -> str:
    """A DICOM ECG may be one of several in its study: only a study that holds this very object is the same one."""
    condition = _by_identifier(codes.DICOM_UID, f"urn:oid:{canonical.study_instance_uid}")
    return condition if recording.dicom is None else f"{condition}&instance={canonical.sop_instance_uid}"


def _by_identifier(system: str, value: str) -> str:
    """The query ``identifier=system|value``: signs with a meaning in a FHIR token are escaped (R4 search.html,
    escaping), those with a meaning in a query percent-encoded."""
    value = value.translate(_TOKEN_ESCAPES).translate(_QUERY_ESCAPES)
    return f"identifier={system.translate(_QUERY_ESCAPES)}|{value}"


def _urns(organization: str, sha256: str) -> dict[str, str]:
    types = ("Patient", "Binary", "DocumentReference", "ImagingStudy", "DiagnosticReport")
    return {name: _urn(organization, sha256, name) for name in types}


def _urn(organization: str, sha256: str, name: str) -> str:
    return uuid.uuid5(uuid.NAMESPACE_URL, f"{codes.BASE}/ecg/{organization}/{sha256}/{name}").urn


def _key_hash(sha256: str, said: Beside) -> bytes:
    beside = "\0".join((said.system, said.value, said.name, said.order, str(said.emergency)))
    return hashlib.sha256(f"{sha256}\0{beside}".encode()).digest()
