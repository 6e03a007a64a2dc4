"""ECG lead names and codes, and the limb leads that follow from two recorded ones.

The number of a lead is the same in SCP-ECG (EN 1064, section 3), in the MDC nomenclature (ISO/IEEE 11073-10102,
``2:n``) and in DICOM (CID 3001).
"""

from collections.abc import Sequence

import numpy as np

from .recording import Lead
from .samples import fitted, holds

UNSPECIFIED = 0

NUMBER_OF_LEAD: dict[str, int] = {
    "I": 1, "II": 2, "V1": 3, "V2": 4, "V3": 5, "V4": 6, "V5": 7, "V6": 8, "V7": 9,
    "V2R": 10, "V3R": 11, "V4R": 12, "V5R": 13, "V6R": 14, "V7R": 15, "X": 16, "Y": 17, "Z": 18,
    "CC5": 19, "CM5": 20, "LA": 21, "RA": 22, "LL": 23,
    "III": 61, "aVR": 62, "aVL": 63, "aVF": 64, "-aVR": 65, "V8": 66, "V9": 67, "V8R": 68, "V9R": 69,
    "D": 70, "A": 71, "J": 72,
}  # fmt: skip
LEAD_OF_NUMBER = {number: name for name, number in NUMBER_OF_LEAD.items()}

_SPELLING = {name.upper(): name for name in NUMBER_OF_LEAD} | {"AVRNEG": "-aVR", "VX": "X", "VY": "Y", "VZ": "Z"}
_PREFIXES = ("MDC_ECG_LEAD_", "ECG_LEAD_", "ECG LEAD ", "LEAD ", "ECG ")

LIMB_LEADS = ("III", "aVR", "aVL", "aVF")


def lead_name(text: str) -> str:
    """The usual spelling of a lead (``AVR`` → ``aVR``); a name nobody knows stays as written."""
    plain = text.strip()
    upper = plain.upper()
    for prefix in _PREFIXES:
        if upper.startswith(prefix):
            plain, upper = plain[len(prefix) :].strip(), upper[len(prefix) :].strip()
            break
    return _SPELLING.get(upper, plain)


def with_derived_limb_leads(leads: Sequence[Lead]) -> tuple[Lead, ...]:
    """The leads as recorded, followed by those of III, aVR, aVL, aVF that were not, where I and II allow them.

    Exact in integers: III = II − I; the augmented leads are halves, so their bit is worth half as much:
    2·aVR = −(I + II), 2·aVL = 2·I − II, 2·aVF = 2·II − I. One that 32 bits do not hold is left out: what was recorded
    must not be refused for what can be computed from it.
    """
    by_name = {lead.name: lead for lead in leads}
    one, two = by_name.get("I"), by_name.get("II")
    if one is None or two is None or not _simultaneous(one, two):
        return tuple(leads)
    i, ii = one.samples.astype(np.int64), two.samples.astype(np.int64)
    bit, offset_i, offset_ii = one.microvolts_per_bit, one.offset_microvolts, two.offset_microvolts
    sums = {
        "III": (ii - i, bit, offset_ii - offset_i),
        "aVR": (-(i + ii), bit / 2, -(offset_i + offset_ii) / 2),
        "aVL": (2 * i - ii, bit / 2, offset_i - offset_ii / 2),
        "aVF": (2 * ii - i, bit / 2, offset_ii - offset_i / 2),
    }
    derived = tuple(
        Lead(name, fitted(samples), scale, offset, one.start_seconds, derived=True)
        for name, (samples, scale, offset) in sums.items()
        if name not in by_name and holds(samples)
    )
    return tuple(leads) + derived


def _simultaneous(one: Lead, two: Lead) -> bool:
    return (
        len(one.samples) == len(two.samples)
        and one.start_seconds == two.start_seconds
        and one.microvolts_per_bit == two.microvolts_per_bit
    )
