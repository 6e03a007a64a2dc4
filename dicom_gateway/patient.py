"""The Patient of a study as its images name him (PS3.3 C.7.1.1), as FHIR R4 JSON. Pure."""

import hashlib
from datetime import date
from typing import Any

from hub.contracts import codes, resident_id

from .person_name import is_cjk, normalised

Resource = dict[str, Any]

NAMELESS = "无名氏"
_GENDER = {"M": "male", "F": "female", "O": "other"}
_TOKEN_ESCAPES = str.maketrans({"\\": "\\\\", "|": "\\|", ",": "\\,", "$": "\\$"})
_QUERY_ESCAPES = str.maketrans({"%": "%25", "&": "%26", "+": "%2B", "#": "%23", ";": "%3B", "=": "%3D", " ": "%20"})


def patient_and_condition(
    organization: str, patient_id: str, patient_name: str, birth_date: str, sex: str, study_uid: str
) -> tuple[Resource, str]:
    """The Patient, and the search that finds him where he is known already. The issuer of a PatientID is the
    organization that sent it; a valid resident number stands for itself; without PatientID the Patient is temporary,
    one for the study."""
    patient: Resource = {"resourceType": "Patient"}
    if resident_id.is_number(patient_id):
        kind, system, value = "NI", codes.RESIDENT_ID, patient_id.upper()
    elif patient_id:
        kind, system, value = "PI", f"{codes.LOCAL_ID}/{organization}/PI", patient_id
    else:
        kind, system, value = "", f"{codes.LOCAL_ID}/{organization}/temporary", f"urn:oid:{study_uid}"
        patient["meta"] = {
            "tag": [{"system": codes.TAG, "code": codes.TEMPORARY_PERSON, "display": "临时患者 Temporary person"}]
        }
    identifier: Resource = {"type": {"coding": [{"system": codes.V2_0203, "code": kind}]}} if kind else {"use": "temp"}
    patient["identifier"] = [identifier | {"system": system, "value": value}]
    patient["name"] = [human_name(patient_name) or {"text": NAMELESS}]
    if gender := _GENDER.get(sex.upper()):
        patient["gender"] = gender
    if born := fhir_date(birth_date):
        patient["birthDate"] = born
    return patient, by_identifier(system, value)


def own_patient_and_condition(
    organization: str, patient_id: str, patient_name: str, birth_date: str, sex: str, study_uid: str
) -> tuple[Resource, str]:
    """For a PatientID under which the organization has several Patients, none of which can be chosen, or that of
    another person: a Patient of the imaging door's own, the same one for every study of this PatientID, name and birth
    date. The number itself stays with whom it is of."""
    patient, _condition = patient_and_condition(organization, patient_id, patient_name, birth_date, sex, study_uid)
    system = f"{codes.LOCAL_ID}/{organization}/DICOM"
    said = "\0".join((normalised(patient_name), birth_date))
    value = f"{patient_id}/{hashlib.sha256(said.encode()).hexdigest()[:12]}"
    patient["identifier"] = [{"system": system, "value": value}]
    return patient, by_identifier(system, value)


def by_identifier(system: str, value: str) -> str:
    """The query ``identifier=system|value``: signs with a meaning in a FHIR token are escaped (R4 search.html,
    escaping), those with a meaning in a query percent-encoded."""
    value = value.translate(_TOKEN_ESCAPES).translate(_QUERY_ESCAPES)
    return f"identifier={system.translate(_QUERY_ESCAPES)}|{value}"


def human_name(person_name: str) -> Resource | None:
    """A PN value (PS3.5 6.2.1.2) as HumanName; the ideographic group where there is one."""
    groups = person_name.split("\\")[0].split("=")
    chosen = next((group for group in groups[1:2] + groups if group.strip(" ^")), "")
    family, given, middle, prefix, suffix = ([part.strip() for part in chosen.split("^")] + [""] * 5)[:5]
    if not (family or given or middle):
        return None
    given_names = [part for part in (given, middle) if part]
    separator = "" if is_cjk(family + given) else " "
    name: Resource = {"text": separator.join(part for part in (family, *given_names) if part)}
    if given_names:
        name |= {"family": family, "given": given_names} if family else {"given": given_names}
    if prefix:
        name["prefix"] = [prefix]
    if suffix:
        name["suffix"] = [suffix]
    return name


def fhir_date(value: str) -> str | None:
    """A DA value, also in its retired form with dots, as a FHIR date; None where it is no calendar date."""
    digits = value.replace(".", "")
    if len(digits) != 8 or not (digits.isascii() and digits.isdigit()):
        return None
    try:
        return date(int(digits[:4]), int(digits[4:6]), int(digits[6:])).isoformat()
    except ValueError:
        return None
