"""SOP classes the gateway negotiates: the services by name, and every patient storage class, retired ones too
(PS3.4 B.5)."""

from functools import cache

from pydicom._uid_dict import UID_dictionary  # the PS3.6 Annex A registry, retired entries included
from pynetdicom import AllStoragePresentationContexts

PATIENT_ROOT_FIND = "1.2.840.10008.5.1.4.1.2.1.1"
PATIENT_ROOT_MOVE = "1.2.840.10008.5.1.4.1.2.1.2"
PATIENT_ROOT_GET = "1.2.840.10008.5.1.4.1.2.1.3"
STUDY_ROOT_FIND = "1.2.840.10008.5.1.4.1.2.2.1"
STUDY_ROOT_MOVE = "1.2.840.10008.5.1.4.1.2.2.2"
STUDY_ROOT_GET = "1.2.840.10008.5.1.4.1.2.2.3"
MODALITY_WORKLIST_FIND = "1.2.840.10008.5.1.4.31"
PERFORMED_PROCEDURE_STEP = "1.2.840.10008.3.1.2.3.3"
STORAGE_COMMITMENT = "1.2.840.10008.1.20.1"
AS_SCU = (STUDY_ROOT_FIND, STUDY_ROOT_MOVE, STUDY_ROOT_GET, STORAGE_COMMITMENT)
"""Services that we ask of others, beside Storage."""
INSTANCE_AVAILABILITY = "1.2.840.10008.5.1.4.33"

_NOTHING_OF_A_PATIENT = (
    "Media Storage Directory", "Storage Commitment", "Protocol Storage", "Protocol Approval", "Inventory", "DICOS",
    "Eddy Current", "Hanging Protocol", "Color Palette", "Implant",
)  # fmt: skip
"""Classes called Storage that hold no part of a patient's study: directories, definitions, luggage."""


@cache
def storage_sop_classes() -> tuple[str, ...]:
    """UIDs: those of the registry first, then what the library knows beyond it."""
    registry = [
        uid
        for uid, (name, kind, *_rest) in UID_dictionary.items()
        if kind == "SOP Class" and "Storage" in name and not any(word in name for word in _NOTHING_OF_A_PATIENT)
    ]
    library = [str(context.abstract_syntax) for context in AllStoragePresentationContexts]
    return tuple(dict.fromkeys(registry + library))
