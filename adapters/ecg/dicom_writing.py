"""Waveform annotations (PS3.3 C.10.10) of a canonical ECG: measurements by TID 3713, statements as free text."""

from collections.abc import Iterable, Iterator

from pydicom.dataset import Dataset

from .dicom_text import decimal_string, short_text
from .measurements import FORMULAS, VOCABULARY
from .recording import Measurement, MeasurementKind, Source, Statement

_ALL_CHANNELS = [1, 0]
"""Multiplex group 1, every channel of it."""
_STATEMENTS, _MEASUREMENTS = 0, 1
_UNITS = {"/min": ("{H.B.}/min", "heart beats per minute"), "ms": ("ms", "millisecond"), "deg": ("deg", "degree")}


def code(value: str, scheme: str, meaning: str) -> Dataset:
    """One item of a code sequence (PS3.3 8.8)."""
    item = Dataset()
    item.CodeValue = value
    item.CodingSchemeDesignator = scheme
    item.CodeMeaning = meaning
    return item


def statement_annotations(statements: Iterable[Statement]) -> Iterator[Dataset]:
    """Interpretation as the file words it."""
    for statement in statements:
        for part in short_text(statement.text):
            item = Dataset()
            item.ReferencedWaveformChannels = _ALL_CHANNELS
            item.AnnotationGroupNumber = _STATEMENTS
            item.UnformattedTextValue = part
            yield item


def measurement_annotations(measurements: Iterable[Measurement]) -> Iterator[Dataset]:
    """Measurements of the device; what we compute ourselves is no part of the tracing."""
    for measurement in measurements:
        if measurement.source is Source.COMPUTED:
            continue
        words = VOCABULARY[measurement.kind]
        formula = FORMULAS.get(measurement.formula)
        concept = code(words.mdc, "MDC", words.mdc_meaning)
        if measurement.kind is MeasurementKind.QTC and formula is not None:
            if formula.mdc:
                concept = code(formula.mdc, "MDC", formula.mdc_meaning)
            else:
                concept.ModifierCodeSequence = [code(formula.dcm, "DCM", formula.dcm_meaning)]
        unit, meaning = _UNITS[words.unit]
        item = Dataset()
        item.MeasurementUnitsCodeSequence = [code(unit, "UCUM", meaning)]
        item.ConceptNameCodeSequence = [concept]
        item.ReferencedWaveformChannels = _ALL_CHANNELS
        item.AnnotationGroupNumber = _MEASUREMENTS
        item.NumericValue = decimal_string(measurement.value)
        yield item
