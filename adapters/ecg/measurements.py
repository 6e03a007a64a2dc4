"""The global measurements of a resting ECG, and their codes in every vocabulary they come or go in.

LOINC for FHIR; MDC (ISO/IEEE 11073-10102) for FHIR, aECG and DICOM (PS3.16 TID 3713, CID 3227-3229); SCPECG (EN 1064
clause numbers) as older DICOM writers use; DCM for the QT correction (CID 3678).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from .recording import UNKNOWN_FORMULA, Measurement, MeasurementKind, Source

Kind = MeasurementKind


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """``loinc``: code and display, the general one first, then the one the US Core profile of ECG measurements uses."""

    loinc: tuple[tuple[str, str], ...]
    mdc: str
    mdc_meaning: str
    unit: str
    """UCUM."""
    unit_meaning: str
    aecg: tuple[str, ...]
    scpecg: tuple[str, ...]
    text: str


VOCABULARY: dict[MeasurementKind, Vocabulary] = {
    Kind.HEART_RATE: Vocabulary(
        (("8867-4", "Heart rate"),), "2:16016", "Ventricular Heart Rate", "/min", "per minute",
        ("HEART_RATE",), ("5.10.2.5-1",), "心率 Heart rate",
    ),
    Kind.RR: Vocabulary(
        (("8637-1", "R-R interval by EKG"),), "2:16168", "RR interval global", "ms", "millisecond",
        ("TIME_PD_RR",), ("5.10.2.1-3",), "RR间期 RR interval",
    ),
    Kind.PR: Vocabulary(
        (("8625-6", "P-R Interval by EKG"), ("44976-9", "P-R interval {Electrocardiograph lead}")),
        "2:15872", "PR interval global", "ms", "millisecond", ("TIME_PD_PR",), ("5.13.5-7",), "PR间期 PR interval",
    ),
    Kind.QRS: Vocabulary(
        (("8633-0", "QRS duration by EKG"), ("44973-6", "QRS duration {Electrocardiograph lead}")),
        "2:16156", "QRS duration global", "ms", "millisecond", ("TIME_PD_QRS",), ("5.13.5-9",), "QRS时限 QRS duration",
    ),
    Kind.QT: Vocabulary(
        (("8634-8", "Q-T interval by EKG"), ("44975-1", "Q-T interval {Electrocardiograph lead}")),
        "2:16160", "QT interval global", "ms", "millisecond", ("TIME_PD_QT",), ("5.13.5-11",), "QT间期 QT interval",
    ),
    Kind.QTC: Vocabulary(
        (("8636-3", "Q-T interval corrected"),), "2:15876", "QTc interval global", "ms", "millisecond",
        ("TIME_PD_QTC",), ("5.10.2.5-5",), "QTc间期 QTc interval",
    ),
    Kind.P_AXIS: Vocabulary(
        (("8626-4", "P wave axis"),), "2:16128", "P Axis", "deg", "degree",
        ("ANGLE_P_FRONT", "P_AXIS"), ("5.10.3-11",), "P电轴 P axis",
    ),
    Kind.QRS_AXIS: Vocabulary(
        (("8632-2", "QRS axis"),), "2:16132", "QRS axis", "deg", "degree",
        ("ANGLE_QRS_FRONT", "QRS_AXIS"), ("5.10.3-13",), "QRS电轴 QRS axis",
    ),
    Kind.T_AXIS: Vocabulary(
        (("8638-9", "T wave axis"),), "2:16136", "T axis", "deg", "degree",
        ("ANGLE_T_FRONT", "T_AXIS"), ("5.10.3-15",), "T电轴 T axis",
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Formula:
    """A correction of the QT interval for rate. ``mdc`` is the code of a QTc by it, empty where MDC has no own one."""

    name: str
    dcm: str
    dcm_meaning: str
    mdc: str = ""
    mdc_meaning: str = ""
    loinc: tuple[str, str] | None = None


FORMULAS: dict[str, Formula] = {
    formula.name: formula
    for formula in (
        Formula(
            "Bazett", "122730", "Bazett QTc Algorithm", "2:15880", "QTc global using Bazett formula",
            ("76635-2", "Q-T interval corrected based on Bazett formula"),
        ),
        Formula(
            "Fridericia", "122732", "Fridericia QTc Algorithm", "2:15892", "QTc global using Fredericia formula",
            ("76634-5", "Q-T interval corrected based on Fridericia formula"),
        ),
        Formula("Hodges", "122731", "Hodges QTc Algorithm"),
        Formula("Framingham", "122733", "Framingham QTc Algorithm"),
    )
}  # fmt: skip

SCP_FORMULA = {1: "Bazett", 2: "Hodges", 3: "Fridericia", 4: "Framingham"}
"""QTc type of SCP-ECG section 7; 0 and everything else: not stated."""

_TO_MS = {"ms": Decimal(1), "s": Decimal(1000), "us": Decimal("0.001"), "µs": Decimal("0.001"), "": Decimal(1)}
_TO_PER_MINUTE = dict.fromkeys(("/min", "1/min", "bpm", "{h.b.}/min", "{beats}/min", "{beat}/min", ""), Decimal(1)) | {
    "hz": Decimal(60), "/s": Decimal(60),
}  # fmt: skip
_TO_DEGREES = {"deg": Decimal(1), "": Decimal(1)}
_FACTORS = {"ms": _TO_MS, "/min": _TO_PER_MINUTE, "deg": _TO_DEGREES}


def number(text: object) -> Decimal | None:
    """A finite number, or None."""
    try:
        value = Decimal(str(text).strip())
    except InvalidOperation:
        return None
    return value if value.is_finite() and abs(value) < 10**9 and abs(value.adjusted()) < 12 else None


def measured(
    kind: MeasurementKind, value: object, unit: str = "", source: Source = Source.DEVICE, formula: str = ""
) -> Measurement | None:
    """A measurement in its unit, or None where the number means "not measured": no number, an unknown unit, an interval
    or rate that is not positive, an axis beyond a full circle."""
    amount = number(value)
    factor = _FACTORS[VOCABULARY[kind].unit].get(unit.strip().lower())
    if amount is None or factor is None:
        return None
    amount *= factor
    if VOCABULARY[kind].unit == "deg":
        if abs(amount) > 360:
            return None
    elif not 0 < amount < 10_000:
        return None
    named = (formula or UNKNOWN_FORMULA) if kind is Kind.QTC else ""
    return Measurement(kind, amount, source, named)


def first_of_each(found: Iterable[Measurement | None]) -> tuple[Measurement, ...]:
    """The first value of every kind, source and formula, in the order found."""
    kept: dict[tuple[Kind, Source, str], Measurement] = {}
    for one in found:
        if one is not None:
            kept.setdefault((one.kind, one.source, one.formula), one)
    return tuple(kept.values())
