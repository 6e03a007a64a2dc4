"""Which instances a retrieval names (PS3.4 C.4.2.2.1): by the unique keys of its level and those above."""

from hub.contracts.caller import Scope
from hub.contracts.errors import Incorrect

from ..query.identifier import Identifier, where
from ..query.keys import INSTANCE, PATIENT_ID, SERIES, STUDY, check_unique_keys, key_text, level_of
from ..query.matching import is_universal
from ..study_index.index import StudyIndex
from ..study_index.instance_row import InstanceRow
from ..study_index.keys import KEYS, Level
from ..study_index.match import Condition, condition
from ..study_index.search import Query, search
from ..uids import is_uid

MOST_VALUES = 5000
_OWN_KEY = {"PATIENT": PATIENT_ID, "STUDY": STUDY, "SERIES": SERIES, "IMAGE": INSTANCE}
_MOST_STUDIES = 10_000


def selected(index: StudyIndex, scope: Scope, identifier: Identifier, *, patient_root: bool) -> list[InstanceRow]:
    """In the order of series and instance numbers; empty where the scope shows none. Raises Incorrect naming the key
    that is missing or malformed."""
    level = level_of(identifier, patient_root=patient_root)
    check_unique_keys(identifier, level, patient_root=patient_root)
    if level == "PATIENT":
        studies = _studies_of_patient(index, scope, identifier)
        return [row for study in studies for row in index.instances(scope, study)]
    values = _uids(identifier, _OWN_KEY[level])
    if level == "STUDY":
        return [row for study in values for row in index.instances(scope, study)]
    (study,) = _uids(identifier, STUDY, most=1)
    if level == "SERIES":
        return [row for series in values for row in index.instances(scope, study, series)]
    (series,) = _uids(identifier, SERIES, most=1)
    return [row for uid in values for row in index.instances(scope, study, series, uid)]


def _studies_of_patient(index: StudyIndex, scope: Scope, identifier: Identifier) -> list[str]:
    attribute = identifier.attributes.get(PATIENT_ID)
    text = key_text(attribute) if attribute else ""
    if attribute is None or is_universal(attribute) or "*" in text or "?" in text:
        raise _missing(PATIENT_ID)
    found = condition(KEYS[0x00100020], text, where(PATIENT_ID))
    conditions: list[tuple[Level, Condition]] = [("study", found)] if found else []
    return [one.study_uid for one in search(index, Query("study", conditions, _MOST_STUDIES), scope)]


def _uids(identifier: Identifier, name: str, most: int = MOST_VALUES) -> list[str]:
    values = [str(value) for value in identifier.attributes.get(name, {}).get("Value", ()) if value]
    if not values or len(values) > most:
        raise _missing(name)
    if not all(map(is_uid, values)):
        raise Incorrect("This is not a DICOM UID.", where=where(name), issue_code="value")
    return list(dict.fromkeys(values))


def _missing(name: str) -> Incorrect:
    return Incorrect(
        "A unique key is missing, or is not a value.",
        where=where(name),
        remedy="Send one value for every level above, and a list at most for the level itself.",
        issue_code="required",
    )
