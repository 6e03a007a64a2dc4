"""The Patient compartment (R4 compartmentdefinition-patient.html): by which parameters a resource belongs to one."""

from hub.fhir.generator.definitions import Definitions

_FIRST = ("patient", "subject", "beneficiary", "individual")


def patient_compartment(definitions: Definitions) -> dict[str, list[str]]:
    """Resource type to parameter codes, those that name the patient of the record first."""
    return {
        entry["code"]: sorted(entry["param"], key=lambda code: (_FIRST.index(code) if code in _FIRST else 9, code))
        for entry in sorted(definitions.patient_compartment["resource"], key=lambda entry: str(entry["code"]))
        if entry.get("param")
    }
