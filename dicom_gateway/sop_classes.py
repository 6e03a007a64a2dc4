"""SOP classes the gateway negotiates: Verification, and every patient storage class, retired ones too (PS3.4 B.5)."""

from functools import cache

from pydicom._uid_dict import UID_dictionary  # the PS3.6 Annex A registry, retired entries included
from pynetdicom import AllStoragePresentationContexts

from .uids import VERIFICATION

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


def supported_sop_classes() -> tuple[str, ...]:
    return (*storage_sop_classes(), VERIFICATION)
