"""Where people correct studies: whose a study is, or which order it was made for; and take that back."""

import re
import time
from collections.abc import Mapping
from typing import Any

from hub.contracts.caller import Caller, Role
from hub.contracts.errors import Conflict, Incorrect, NotFound
from hub.contracts.hub_client import HubClient
from hub.contracts.worklist import OrderedPatient

from ..patient import fhir_date
from ..study_index.acts import By
from ..study_index.corrections import Corrected, Subject, correct, undo
from ..study_index.index import StudyIndex

SEXES = {"male": "M", "female": "F", "other": "O"}
KEYWORDS = {
    "PatientID": "patient_id",
    "IssuerOfPatientID": "issuer_of_patient_id",
    "PatientName": "patient_name",
    "PatientBirthDate": "birth_date",
    "PatientSex": "sex",
    "AccessionNumber": "accession_number",
}
_LONGEST = {"AccessionNumber": 16}
_LONGEST_LO = 64
_LONGEST_REASON = 500
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class CorrectionDesk:
    """Any thread. An organization corrects its own studies, an admin everybody's."""

    def __init__(self, index: StudyIndex, hub: HubClient) -> None:
        self._index = index
        self._hub = hub

    def correct(
        self, caller: Caller, subject: Subject, patient: str | None, attributes: Mapping[str, str], reason: str
    ) -> tuple[int, str]:
        """``patient`` is the id of a Patient of the study's organization; ``attributes`` are values by keyword. An
        accession number alone takes the patient of its order along. Gives the correction's id and the UID of the study
        where the objects are now. Raises Incorrect naming what is wrong, NotFound, Conflict."""
        by = by_of(caller, reason)
        owner = self._owner(caller, subject)
        acting = Caller(caller.client, Role.CLINIC, owner)
        corrected = read_attributes(attributes)
        if patient is not None:
            found = self._hub.patient_of(acting, patient)
            if found is None:
                raise Incorrect(
                    "There is no such Patient of the study's organization.",
                    where="patient",
                    remedy="Name a Patient of the organization that sent the study, or give attributes.",
                )
            corrected = patient_values(found).over(corrected)
        elif corrected.accession_number and not corrected.names_patient:
            order = self._hub.order_of_accession(acting, corrected.accession_number)
            of_order = order.patient if order is not None else None
            if of_order is not None and of_order.number != self._patient_id(subject, owner):
                corrected = patient_values(of_order).over(corrected)
        if corrected == Corrected():
            raise Incorrect(
                "Nothing is to be corrected.",
                where="attributes",
                remedy="Name a patient, or attributes such as PatientID or AccessionNumber.",
            )
        self._check_lives_here(subject, owner)
        named = Subject(owner, subject.study_uid, subject.series_uid, subject.sop_instance_uid)
        known = self._hub.imaging_study(acting, subject.study_uid) or {}
        now = str(known.get("subject", {}).get("reference", "")).removeprefix("Patient/") or None
        act = self._index.writer.submit(lambda connection: correct(connection, named, corrected, by, patient=now))
        return act.result()

    def undo(self, caller: Caller, correction: int, reason: str) -> None:
        """The study is what it was. Raises NotFound, Conflict."""
        by = by_of(caller, reason)
        owner = None if caller.role is Role.ADMIN else caller.organization
        self._index.writer.submit(lambda connection: undo(connection, owner, correction, by)).result()

    def _owner(self, caller: Caller, subject: Subject) -> str:
        if caller.role is not Role.ADMIN:
            return caller.organization
        if subject.owner is not None:
            return subject.owner
        rows = self._index.rows(
            "SELECT o.name FROM study st JOIN organization o ON o.id = st.owner WHERE st.uid = ?", (subject.study_uid,)
        )
        if len(rows) > 1:
            raise Incorrect(
                "Several organizations have a study of this UID.",
                where="organization",
                remedy="Say whose is meant: ?organization=ID.",
            )
        if not rows:
            raise NotFound("There is no such study, series or instance here.", remedy="Check the UIDs.")
        return str(rows[0][0])

    def _check_lives_here(self, subject: Subject, owner: str) -> None:
        elsewhere = self._index.rows(
            "SELECT 1 FROM study st JOIN organization o ON o.id = st.owner JOIN instance i ON i.study = st.id"
            " JOIN distant_instance d ON d.instance = i.id WHERE st.uid = ? AND o.name = ? LIMIT 1",
            (subject.study_uid, owner),
        )
        if elsewhere:
            raise Conflict(
                "The images of this study live at an archive of their hospital.",
                where="study",
                remedy="Correct it there; what the archive says of it is taken over.",
            )

    def _patient_id(self, subject: Subject, owner: str) -> str:
        rows = self._index.rows(
            "SELECT st.patient_id FROM study st JOIN organization o ON o.id = st.owner WHERE st.uid = ? AND o.name = ?",
            (subject.study_uid, owner),
        )
        return str(rows[0][0]) if rows else ""


def by_of(caller: Caller, reason: str) -> By:
    """Raises Incorrect where no reason is given."""
    reason = reason.strip()
    if not reason or len(reason) > _LONGEST_REASON:
        raise Incorrect(
            "A reason is needed.", where="reason", remedy=f"Say why, in at most {_LONGEST_REASON} characters."
        )
    now_us = time.time_ns() // 1000
    return By(caller.client, caller.role.value, caller.organization, caller.actor, now_us, reason)


def read_attributes(attributes: Mapping[str, Any]) -> Corrected:
    """Raises Incorrect naming the keyword that is unknown or whose value is none of its VR. Whoever gives PatientID
    gives the whole patient: what is left out is empty."""
    values: dict[str, str] = {}
    for keyword, value in attributes.items():
        name = KEYWORDS.get(keyword)
        if name is None:
            raise _wrong(keyword, f"Correct one of {', '.join(KEYWORDS)}.")
        if not isinstance(value, str) or len(value) > _LONGEST.get(keyword, _LONGEST_LO):
            raise _wrong(keyword, f"Give a text of at most {_LONGEST.get(keyword, _LONGEST_LO)} characters.")
        if "\\" in value or _CONTROL.search(value):
            raise _wrong(keyword, "Give one value, without backslash or control characters.")
        values[name] = value.strip()
    if values.get("birth_date") and (len(values["birth_date"]) != 8 or fhir_date(values["birth_date"]) is None):
        raise _wrong("PatientBirthDate", "Give a date as YYYYMMDD.")
    if values.get("sex", "") not in ("", "M", "F", "O"):
        raise _wrong("PatientSex", "Give M, F or O.")
    if "patient_id" in values:
        every = ("issuer_of_patient_id", "patient_name", "birth_date", "sex")
        values = dict.fromkeys(every, "") | values
    return Corrected(**values)


def patient_values(patient: OrderedPatient) -> Corrected:
    """A Patient of the hub as DICOM says him."""
    return Corrected(
        patient_id=patient.number[:_LONGEST_LO],
        issuer_of_patient_id=patient.issuer[:_LONGEST_LO],
        patient_name=patient.name,
        birth_date=patient.birth_date.replace("-", "") if len(patient.birth_date) == len("1970-01-01") else "",
        sex=SEXES.get(patient.gender, ""),
        patient=patient.id,
    )


def _wrong(keyword: str, remedy: str) -> Incorrect:
    return Incorrect("A corrected value is not one of its attribute.", where=keyword, remedy=remedy, issue_code="value")
