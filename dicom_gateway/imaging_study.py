"""A study as ImagingStudy (FHIR R4 imagingstudy.html; mapping: its DICOM column). Pure."""

import hashlib
import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from hub.contracts import codes
from hub.contracts.archives import endpoint_id
from hub.contracts.caller import Caller, Role
from hub.contracts.site import ZONE_TEXT
from hub.contracts.submission import Channel, Entry, Method, Origin, Submission

from .distant.whereabouts import name_and_gone
from .endpoint import endpoint_entry
from .patient import Resource, by_identifier, fhir_date, own_patient_and_condition, patient_and_condition
from .provenance import provenance, withdrawn_status
from .study_index.acts import Act
from .study_index.telling import UntoldStudy

_TIME = re.compile(r"(\d{2})(?::?(\d{2}))?(?::?(\d{2}))?(?:\.(\d{1,6}))?\Z")
_OFFSET = re.compile(r"([+-])(\d{2})(\d{2})\Z")
_LATERALITY = {"L": ("7771000", "Left"), "R": ("24028007", "Right"), "B": ("51440002", "Right and left")}
_SCHEMES = {"DCM": codes.DICOM_DCM, "LN": codes.LOINC, "SCT": codes.SNOMED, "UCUM": codes.UCUM}
_RFC_3986 = "urn:ietf:rfc:3986"
_UNKNOWN_MODALITY = "OT"

PROCEDURE_CODES, REQUESTED_PROCEDURE, REQUESTED_PROCEDURE_CODES = "00081032", "00321060", "00321064"


@dataclass(frozen=True, slots=True)
class Instance:
    uid: str
    sop_class: str
    number: int | None


@dataclass(frozen=True, slots=True)
class Series:
    uid: str
    number: int | None
    modality: str
    description: str
    body_part: str
    laterality: str
    instances: Sequence[Instance]


def submission_of(
    study: UntoldStudy,
    series: Sequence[Series],
    attributes: dict[str, Any],
    now: datetime,
    *,
    own_patient: bool = False,
    order: str | None = None,
    patient: str | None = None,
    acts: Sequence[Act] = (),
    endpoint: str = "",
    known: Resource | None = None,
) -> Submission:
    """One submission of Patient (created where unknown) and ImagingStudy (a new version where known). ``attributes``
    is the DICOM JSON of one of its instances, ``order`` the id of the ServiceRequest it was made for. ``patient`` is
    the id of the Patient where he is known by somebody's word; ``acts`` become a Provenance each; ``endpoint`` is the
    URL of our DICOMweb; ``known`` the ImagingStudy that the maker of its objects has told the hub. The same study as of
    the same revision is the same submission."""
    caller = Caller(study.client, Role(study.role), study.owner)
    channel = Channel.DICOM if study.distant is None else Channel.FHIR  # its own hospital reads it
    study_urn = uuid.uuid5(uuid.NAMESPACE_OID, f"{study.owner}/{study.uid}").urn
    entries: list[Entry] = []
    subject = f"Patient/{patient}"
    if patient is None:
        facts = (study.owner, study.patient_id, study.patient_name, study.birth_date, study.sex, study.uid)
        named, condition = (own_patient_and_condition if own_patient else patient_and_condition)(*facts)
        subject = uuid.uuid5(uuid.NAMESPACE_OID, f"{study.owner}/{study.uid}/patient").urn
        body = msgspec.json.encode(named)
        entries.append(Entry(Method.CREATE, "Patient", body, condition=condition, full_url=subject))
    resource = imaging_study(study, series, attributes, subject, order)
    if known is not None:
        resource = _moved(known, resource)
    if not series:
        resource["status"] = withdrawn_status(acts)
    if endpoint and series:
        entries.append(endpoint_entry(study.owner, endpoint))
        resource["endpoint"] = [{"reference": entries[-1].full_url}, *resource.get("endpoint", ())]
    entries.append(
        Entry(
            Method.UPDATE,
            "ImagingStudy",
            msgspec.json.encode(resource),
            condition=by_identifier(codes.DICOM_UID, f"urn:oid:{study.uid}"),
            full_url=study_urn,
        )
    )
    entries += [Entry(Method.CREATE, "Provenance", msgspec.json.encode(provenance(act, study_urn))) for act in acts]
    key_hash = hashlib.sha256(b"\0".join(entry.body for entry in entries)).digest()
    key = f"{study.uid}/{study.revision}/{key_hash.hex()[:16]}"
    return Submission(tuple(entries), Origin(caller, channel, now, key=key, key_hash=key_hash))


def imaging_study(
    study: UntoldStudy, series: Sequence[Series], attributes: dict[str, Any], subject: str, order: str | None = None
) -> Resource:
    resource: Resource = {
        "resourceType": "ImagingStudy",
        "identifier": [{"system": codes.DICOM_UID, "value": f"urn:oid:{study.uid}"}],
        "status": "available",
        "modality": [_modality(code) for code in dict.fromkeys(one.modality or _UNKNOWN_MODALITY for one in series)],
        "subject": {"reference": subject},
    }
    if not series:
        del resource["modality"]
    if started := instant(study.study_date, study.study_time, study.timezone):
        resource["started"] = started
    if study.accession_number:
        kind = {"coding": [{"system": codes.V2_0203, "code": "ACSN", "display": "Accession ID"}]}
        accession = {"type": kind, "value": study.accession_number}
        resource["identifier"].append(accession)
        resource["basedOn"] = [{"type": "ServiceRequest", "identifier": accession}]
        if order is not None:
            resource["basedOn"][0]["reference"] = f"ServiceRequest/{order}"
    resource["numberOfSeries"] = len(series)
    resource["numberOfInstances"] = sum(len(one.instances) for one in series)
    if procedures := _procedures(study.owner, attributes):
        resource["procedureCode"] = procedures
    if study.description:
        resource["description"] = study.description
    if study.distant is not None:
        resource |= _whereabouts(study.distant)
    if series:
        resource["series"] = [_series(one) for one in series]
    return resource


def _whereabouts(distant: str) -> Resource:
    """Of a study that stays at its hospital's archive: whose Endpoint says whether it can be reached now."""
    name, gone = name_and_gone(distant)
    code = "UNAVAILABLE" if gone else "NEARLINE"
    told: Resource = {"extension": [{"url": codes.INSTANCE_AVAILABILITY, "valueCode": code}]}
    if not gone:
        told["endpoint"] = [{"reference": f"Endpoint/{endpoint_id(name)}", "display": name}]
    return told


def _moved(known: Resource, ours: Resource) -> Resource:
    """What others have told of a study, with what a correction may change as we know it."""
    kept = {name: value for name, value in known.items() if name not in ("id", "meta", "basedOn", "endpoint")}
    changed = ["identifier", "subject", "basedOn"]
    if "series" not in ours:
        kept.pop("series", None)
        changed += ["numberOfSeries", "numberOfInstances"]
    return kept | {name: ours[name] for name in changed if name in ours}


def instant(study_date: str, study_time: str, timezone: str) -> str | None:
    """FHIR dateTime of a DA and a TM; a date alone stays a date. Without Timezone Offset From UTC it is the site's."""
    day = fhir_date(study_date)
    if day is None:
        return None
    parts = _TIME.match(study_time)
    if parts is None:
        return day
    hour, minute, second, fraction = parts[1], parts[2] or "00", parts[3] or "00", parts[4] or ""
    if int(hour) > 23 or int(minute) > 59 or int(second) > 59:
        return day
    offset = _OFFSET.match(timezone)
    zone = (
        f"{offset[1]}{offset[2]}:{offset[3]}" if offset and int(offset[2]) < 15 and int(offset[3]) < 60 else ZONE_TEXT
    )
    return f"{day}T{hour}:{minute}:{second}{'.' + fraction if fraction.strip('0') else ''}{zone}"


def _modality(code: str) -> Resource:
    return {"system": codes.DICOM_DCM, "code": code}


def _series(series: Series) -> Resource:
    resource: Resource = {"uid": series.uid}
    if series.number is not None and series.number >= 0:
        resource["number"] = series.number
    resource["modality"] = _modality(series.modality or _UNKNOWN_MODALITY)
    if series.description:
        resource["description"] = series.description
    resource["numberOfInstances"] = len(series.instances)
    if series.body_part:
        resource["bodySite"] = {"display": series.body_part}
    if series.laterality in _LATERALITY:
        code, display = _LATERALITY[series.laterality]
        resource["laterality"] = {"system": codes.SNOMED, "code": code, "display": display}
    resource["instance"] = [_instance(one) for one in series.instances]
    return resource


def _instance(instance: Instance) -> Resource:
    resource: Resource = {
        "uid": instance.uid,
        "sopClass": {"system": _RFC_3986, "code": f"urn:oid:{instance.sop_class}"},
    }
    if instance.number is not None and instance.number >= 0:
        resource["number"] = instance.number
    return resource


def _procedures(organization: str, attributes: dict[str, Any]) -> list[Resource]:
    found: list[Resource] = []
    text = _first(attributes, REQUESTED_PROCEDURE)
    for tag in (PROCEDURE_CODES, REQUESTED_PROCEDURE_CODES):
        for item in attributes.get(tag, {}).get("Value", []):
            code, scheme = _first(item, "00080100"), _first(item, "00080102")
            meaning = _first(item, "00080104")
            if not (code or meaning):
                continue
            concept: Resource = {}
            if code:
                system = _SCHEMES.get(scheme) or f"{codes.LOCAL_ID}/{organization}/{_in_uri(scheme) or 'procedure'}"
                concept["coding"] = [{"system": system, "code": code} | ({"display": meaning} if meaning else {})]
            if meaning:
                concept["text"] = meaning
            if concept not in found:
                found.append(concept)
    if text and all(concept.get("text") != text for concept in found):
        found.append({"text": text})
    return found


def _first(attributes: dict[str, Any], tag: str) -> str:
    values = attributes.get(tag, {}).get("Value") or [""]
    return str(values[0] or "").strip()


def _in_uri(text: str) -> str:
    return re.sub(r"[^\w.\-]", "-", text, flags=re.ASCII)
