"""Waveform annotations of a DICOM ECG (PS3.3 C.10.10), read in both schemes that are met: MDC and SCPECG; LOINC too."""

from pydicom.dataset import Dataset
from pydicom.multival import MultiValue

from .character_set import repaired
from .measurements import FORMULAS, VOCABULARY, first_of_each, measured
from .recording import Measurement, MeasurementKind, Statement

_KINDS: dict[tuple[str, str], tuple[MeasurementKind, str]] = {}
for _kind, _words in VOCABULARY.items():
    _KINDS["MDC", _words.mdc] = (_kind, "")
    _KINDS |= {("SCPECG", code): (_kind, "") for code in _words.scpecg}
    _KINDS |= {("LN", code): (_kind, "") for code, _ in _words.loinc}
for _formula in FORMULAS.values():
    if _formula.mdc:
        _KINDS["MDC", _formula.mdc] = (MeasurementKind.QTC, _formula.name)
    if _formula.loinc:
        _KINDS["LN", _formula.loinc[0]] = (MeasurementKind.QTC, _formula.name)


def measurements(dataset: Dataset) -> tuple[Measurement, ...]:
    """Global measurements, the first of each kind."""
    return first_of_each(_measurement(item) for item in dataset.get("WaveformAnnotationSequence") or [])


def statements(dataset: Dataset) -> tuple[Statement, ...]:
    """Free text of the interpretation, in its order, each line once."""
    found: dict[Statement, None] = {}
    for item in dataset.get("WaveformAnnotationSequence") or []:
        for line in repaired(str(item.get("UnformattedTextValue") or "")).splitlines():
            if line.strip():
                found[Statement(line.strip())] = None
    return tuple(found)


def _measurement(item: Dataset) -> Measurement | None:
    concept = (item.get("ConceptNameCodeSequence") or [None])[0]
    if concept is None or item.get("NumericValue") is None:
        return None
    scheme = str(concept.get("CodingSchemeDesignator", ""))
    known = _KINDS.get(("LN" if scheme == "LOINC" else scheme, str(concept.get("CodeValue", ""))))
    if known is None:
        return None
    kind, formula = known
    if kind is MeasurementKind.QTC:
        # CID 3227 gives Framingham and Hodges the codes of Bazett and Fridericia; the meaning tells them apart.
        words = " ".join(
            str(code.get("CodeMeaning", ""))
            for code in (
                concept,
                *(concept.get("ModifierCodeSequence") or ()),
                *(item.get("ModifierCodeSequence") or ()),
            )
        ).lower()
        formula = next((name for name in FORMULAS if name.lower() in words), formula)
    units = (item.get("MeasurementUnitsCodeSequence") or [Dataset()])[0]
    value = item.NumericValue
    first = value[0] if isinstance(value, MultiValue) and value else value
    return measured(kind, first, str(units.get("CodeValue", "")), formula=formula)
