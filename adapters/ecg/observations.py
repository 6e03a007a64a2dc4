"""Measurements and statements of an ECG as Observations, one each, by source; unconfirmed until a physician reports."""

from collections.abc import Iterator

from hub.contracts.codes import DICOM_DCM, LOINC, MDC, OBSERVATION_CATEGORY, UCUM

from .fhir_json import MEASUREMENT_SOURCE, Resource, concept, decimal, device_reference, moment
from .measurements import FORMULAS, VOCABULARY
from .recording import Measurement, MeasurementKind, Recording, Source

AUTOMATIC = "自动分析，未经医师确认 · automatic statement, unconfirmed"
STATED_BY_READER = "文件所载医师意见 · statement of a physician as the file gives it"
_MDC_PARTITION_CODES = 65536
_STRING_BYTES = 1 << 20


def observations(recording: Recording, common: Resource) -> Iterator[Resource]:
    """``common`` holds what all resources of the submission share (subject, basedOn, derivedFrom)."""
    for measurement in recording.measurements:
        yield _measurement(recording, measurement, common)
    for source in Source:
        lines = [statement.text for statement in recording.statements if statement.source is source]
        if lines:
            note = STATED_BY_READER if source is Source.READER else AUTOMATIC
            yield {
                **_observation(recording, source, common),
                "code": concept(LOINC, "8601-7", "EKG impression", "心电图自动诊断提示 Automatic ECG statement"),
                "valueString": "\n".join(lines)[:_STRING_BYTES],
                "note": [{"text": note}],
            }


def _measurement(recording: Recording, measurement: Measurement, common: Resource) -> Resource:
    words = VOCABULARY[measurement.kind]
    formula = FORMULAS.get(measurement.formula)
    loinc = [*([formula.loinc] if formula and formula.loinc else []), *words.loinc]
    mdc, mdc_meaning = (formula.mdc, formula.mdc_meaning) if formula and formula.mdc else (words.mdc, words.mdc_meaning)
    text = words.text
    observation = _observation(recording, measurement.source, common)
    if measurement.kind is MeasurementKind.QTC:
        text = f"{text} ({measurement.formula})"
        observation["method"] = {"text": measurement.formula}
        if formula:
            observation["method"]["coding"] = [
                {"system": DICOM_DCM, "code": formula.dcm, "display": formula.dcm_meaning}
            ]
    observation["code"] = {
        "coding": [
            *({"system": LOINC, "code": code, "display": display} for code, display in loinc),
            {"system": MDC, "code": _mdc_number(mdc), "display": mdc_meaning},
        ],
        "text": text,
    }
    observation["valueQuantity"] = {
        "value": decimal(measurement.value), "unit": words.unit, "system": UCUM, "code": words.unit,
    }  # fmt: skip
    return observation


def _observation(recording: Recording, source: Source, common: Resource) -> Resource:
    return {
        "resourceType": "Observation",
        "extension": [{"url": MEASUREMENT_SOURCE, "valueCode": source.value}],
        "status": "preliminary",
        "category": [concept(OBSERVATION_CATEGORY, "procedure", "Procedure")],
        **common,
        **moment(recording, "effectiveDateTime"),
        "device": device_reference(recording) if source is Source.DEVICE else None,
    }


def _mdc_number(code: str) -> str:
    """``2:15872`` as the context-free code that FHIR uses: partition x 65536 + code (ISO/IEEE 11073-10101)."""
    partition, _, number = code.partition(":")
    return str(int(partition) * _MDC_PARTITION_CODES + int(number))
