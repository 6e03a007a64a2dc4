"""Titles of rejection notes (PS3.16 CID 7011; IHE RAD TF-3 4.66.4.1.3): why instances are to be used no more."""

REJECTED_FOR_QUALITY = "113001"
REJECTED_FOR_PATIENT_SAFETY = "113037"
INCORRECT_WORKLIST_ENTRY = "113038"
RETENTION_EXPIRED = "113039"

TITLES = {
    REJECTED_FOR_QUALITY: "Rejected for Quality Reasons",
    REJECTED_FOR_PATIENT_SAFETY: "Rejected for Patient Safety Reasons",
    INCORRECT_WORKLIST_ENTRY: "Incorrect Modality Worklist Entry",
    RETENTION_EXPIRED: "Data Retention Policy Expired",
}
MISTAKEN = frozenset({REJECTED_FOR_PATIENT_SAFETY, INCORRECT_WORKLIST_ENTRY})
"""What they reject should never have been there."""
