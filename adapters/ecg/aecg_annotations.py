"""Annotations of an HL7 aECG: global measurements and interpretation (MDC codes, ISO/IEEE 11073-10102 annex)."""

from collections.abc import Iterator

from .measurements import FORMULAS, VOCABULARY, first_of_each, measured
from .recording import Measurement, MeasurementKind, Source, Statement
from .xml_document import Element, attribute, text_of

_KIND_OF_CODE = {code: kind for kind, words in VOCABULARY.items() for code in words.aecg}
_QTC_SUFFIXES = {"B": "Bazett", "F": "Fridericia", "H": "Hodges"} | {f"_{name.upper()}": name for name in FORMULAS}
_STATEMENT_CODES = ("_ECG_INTERPRETATION", "_ECG_RHY")
_NOT_STATEMENTS = ("_SEVERITY", "_CONFIDENCE", "_PROBABILITY")


def measurements(root: Element) -> tuple[Measurement, ...]:
    """Intervals, rate and axes of the whole recording; those of single beats and single leads stay in the original."""
    return first_of_each(_measurement(annotation, source) for annotation, source in _global_annotations(root))


def statements(root: Element) -> tuple[Statement, ...]:
    """Interpretation lines in their order, each once."""
    found: dict[Statement, None] = {}
    for annotation, source in _global_annotations(root):
        code = attribute(annotation.find("code"), "code").upper()
        if any(part in code for part in _STATEMENT_CODES) and not code.endswith(_NOT_STATEMENTS):
            value = annotation.find("value")
            text = text_of(value) or attribute(value, "displayName") or attribute(value, "code")
            if text:
                found[Statement(text, source)] = None
    return tuple(found)


def _measurement(annotation: Element, source: Source) -> Measurement | None:
    coded = _kind_and_formula(attribute(annotation.find("code"), "code"))
    value = annotation.find("value")
    if coded is None or value is None:
        return None
    return measured(coded[0], attribute(value, "value"), attribute(value, "unit"), source, coded[1])


def _kind_and_formula(code: str) -> tuple[MeasurementKind, str] | None:
    plain = code.upper().partition("_ECG_")[2].removesuffix("_GL")
    if plain in _KIND_OF_CODE:
        return _KIND_OF_CODE[plain], ""
    if plain.startswith("TIME_PD_QTC") and plain[len("TIME_PD_QTC") :] in _QTC_SUFFIXES:
        return MeasurementKind.QTC, _QTC_SUFFIXES[plain[len("TIME_PD_QTC") :]]
    return None


def _global_annotations(root: Element) -> Iterator[tuple[Element, Source]]:
    for annotation_set in root.iter("annotationSet"):
        author = annotation_set.find("author/assignedEntity/assignedAuthorType/assignedPerson")
        source = Source.DEVICE if author is None else Source.READER
        for annotation in annotation_set.iterfind("component/annotation"):
            for one in _with_nested(annotation, depth=0):
                yield one, source


def _with_nested(annotation: Element, depth: int) -> Iterator[Element]:
    if attribute(annotation.find("code"), "code").upper().endswith("_ECG_BEAT") or _of_one_lead(annotation):
        return
    yield annotation
    if depth < 8:
        for nested in annotation.iterfind("component/annotation"):
            yield from _with_nested(nested, depth + 1)


def _of_one_lead(annotation: Element) -> bool:
    return any(
        "_ECG_LEAD_" in attribute(code, "code").upper()
        for code in annotation.iterfind("support/supportingROI/component/boundary/code")
    )
