"""The presentation contexts we accept, and in which roles (PS3.7 D.3.2, D.3.3.4).

What is not here is not negotiated.
"""

from pynetdicom.presentation import PresentationContext, build_context

from ..sop_classes import (
    INSTANCE_AVAILABILITY,
    MODALITY_WORKLIST_FIND,
    PATIENT_ROOT_FIND,
    PATIENT_ROOT_GET,
    PATIENT_ROOT_MOVE,
    PERFORMED_PROCEDURE_STEP,
    STORAGE_COMMITMENT,
    STUDY_ROOT_FIND,
    STUDY_ROOT_GET,
    STUDY_ROOT_MOVE,
    storage_sop_classes,
)
from ..transfer_syntaxes import EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN, TRANSFER_SYNTAXES
from ..uids import VERIFICATION

SERVICE_CLASSES = (
    PATIENT_ROOT_FIND, PATIENT_ROOT_MOVE, PATIENT_ROOT_GET, STUDY_ROOT_FIND, STUDY_ROOT_MOVE, STUDY_ROOT_GET,
    MODALITY_WORKLIST_FIND, PERFORMED_PROCEDURE_STEP, STORAGE_COMMITMENT, INSTANCE_AVAILABILITY,
)  # fmt: skip
"""SOP classes whose messages carry no images, beside Verification: all as SCP."""
UNCOMPRESSED = (EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN)


def supported_contexts() -> list[PresentationContext]:
    storage = [build_context(uid, list(TRANSFER_SYNTAXES)) for uid in storage_sop_classes()]
    for context in storage:
        context.scu_role = context.scp_role = True  # the requestor may be SCU, and for C-GET SCP
    services = [build_context(uid, list(UNCOMPRESSED)) for uid in (VERIFICATION, *SERVICE_CLASSES)]
    for context in services:
        if context.abstract_syntax == STORAGE_COMMITMENT:
            context.scu_role = context.scp_role = True  # destinations of ours report as SCP on a new association
    return storage + services
