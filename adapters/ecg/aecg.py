"""HL7 Annotated ECG (ANSI/HL7 V3 ECG R1-2004, PORT_MT020001; "FDA-XML").

A ``series`` holds ``sequenceSet``s of simultaneous sequences: one of time (GLIST: head and increment) and one a lead
(SLIST_PQ: value = origin + scale x digit). Representative beats are a ``derivedSeries``.
"""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import cast

import numpy as np

from hub.contracts.errors import Incorrect, Unsupported

from .aecg_annotations import measurements, statements
from .file_dates import hl7_stamp, partial_date, placed
from .leads import lead_name, with_derived_limb_leads
from .measurements import number
from .patient_facts import patient_facts
from .recording import Device, Filters, Format, Lead, PatientFacts, Recording, Samples
from .samples import fitted
from .xml_document import Element, attribute, root_of, text_of

_MICROVOLTS = {"nv": Decimal("0.001"), "uv": Decimal(1), "µv": Decimal(1), "μv": Decimal(1), "mv": Decimal(1000)}
_SECONDS = {"s": Decimal(1), "ms": Decimal("0.001"), "us": Decimal("0.000001"), "µs": Decimal("0.000001")}
_PIECE_CHARACTERS = 1 << 18
_RESEND = "Export the recording again, or ask the maker of the cart for a conformant aECG."


def read(content: bytes) -> Recording:
    """Raises Incorrect for what is no aECG or damaged, Unsupported for what this reader cannot place in time."""
    root = root_of(content)
    if root.tag != "AnnotatedECG":
        raise Incorrect("The root element is not AnnotatedECG.", where=str(root.tag)[:64], remedy=_RESEND)
    rhythm = [one for one in root.iterfind("component/series") if _series_code(one) != "REPRESENTATIVE_BEAT"]
    sets = [_SequenceSet(one) for series in rhythm for one in series.iterfind("component/sequenceSet")]
    sets = [one for one in sets if one.sequences]
    if not sets:
        raise Incorrect(
            "The file holds no rhythm leads.", where="component/series/component/sequenceSet", remedy=_RESEND
        )
    rate = sets[0].rate_hz
    if any(one.rate_hz != rate for one in sets):
        raise Unsupported("The leads were sampled at different rates.", remedy="Export them as separate recordings.")
    stated = sets[0].start or _start_of(rhythm[0]) or _start_of(root)
    leads = [lead for one in sets for lead in one.leads(sets[0])]
    start, assumed = placed(stated)
    return Recording(
        format=Format.AECG,
        leads=with_derived_limb_leads(leads),
        sampling_rate_hz=rate,
        start=start,
        zone_assumed=assumed,
        patient=_patient(root),
        device=_device(rhythm[0]),
        filters=_filters(rhythm[0]),
        measurements=measurements(root),
        statements=statements(root),
        median_beats=_median_beats(root, rate),
    )


class _SequenceSet:
    """Leads recorded together, and when."""

    def __init__(self, element: Element) -> None:
        self.sequences: list[tuple[str, Element]] = []
        self.increment_seconds: Decimal | None = None
        self.start: datetime | date | None = None
        self.offset_seconds = Decimal(0)
        for sequence in element.iterfind("component/sequence"):
            code, value = attribute(sequence.find("code"), "code"), sequence.find("value")
            if value is None:
                continue
            if code.upper().startswith("TIME_"):
                self._read_time(value)
            elif "_ECG_LEAD_" in code.upper():
                self.sequences.append((code, value))

    @property
    def rate_hz(self) -> Decimal:
        if not self.increment_seconds:
            raise Incorrect(
                "The time between samples is not stated, or in no unit of time.", where="sequence/value/increment",
                remedy=_RESEND,
            )  # fmt: skip
        rate = (1 / self.increment_seconds).quantize(Decimal("0.000001")).normalize()
        if not 1 <= rate <= 100_000:
            raise Incorrect("The sampling rate is out of range.", where="sequence/value/increment", remedy=_RESEND)
        return rate

    def leads(self, first: "_SequenceSet") -> Iterator[Lead]:
        begins = self.offset_seconds - first.offset_seconds
        if isinstance(self.start, datetime) and isinstance(first.start, datetime):
            if (self.start.tzinfo is None) != (first.start.tzinfo is None):
                raise Incorrect("The times of the sequence sets do not agree.", where="sequence/value/head")
            begins = Decimal((self.start - first.start) // timedelta(microseconds=1)) / 1_000_000
        count = 0
        for code, value in self.sequences:
            lead = _lead(code, value, begins)
            if count and len(lead.samples) != count:
                raise Incorrect(
                    "The leads of one sequence set are of different lengths.", where="sequenceSet", remedy=_RESEND
                )
            count = len(lead.samples)
            yield lead

    def _read_time(self, value: Element) -> None:
        head, increment = value.find("head"), value.find("increment")
        step, factor = number(attribute(increment, "value")), _SECONDS.get(attribute(increment, "unit"))
        if step and factor and step > 0:
            self.increment_seconds = step * factor
        self.start = hl7_stamp(attribute(head, "value")) if not attribute(head, "unit") else None
        if attribute(head, "unit") in _SECONDS:
            self.offset_seconds = (number(attribute(head, "value")) or Decimal(0)) * _SECONDS[attribute(head, "unit")]


def _lead(code: str, value: Element, begins: Decimal) -> Lead:
    name = lead_name(code[code.upper().index("_ECG_LEAD_") + len("_ECG_LEAD_") :])
    where = f"sequence[code={name}]" if name.isalnum() and len(name) < 6 else "sequence"
    bit = _in_microvolts(value.find("scale"))
    if bit is None or bit <= 0:
        raise Incorrect("A lead states no scale in volts.", where=f"{where}/value/scale", remedy=_RESEND)
    digits = value.find("digits")
    try:
        samples = _numbers("" if digits is None else "".join(map(str, digits.itertext())))
    except (ValueError, Incorrect):
        raise Incorrect(
            "The samples of a lead are not whole numbers.", where=f"{where}/value/digits", remedy=_RESEND
        ) from None
    if not len(samples):
        raise Incorrect("A lead holds no samples.", where=f"{where}/value/digits", remedy=_RESEND)
    return Lead(name, samples, bit, _in_microvolts(value.find("origin")) or Decimal(0), begins)


def _numbers(digits: str) -> Samples:
    """In pieces, so that a day of samples is never held as that many Python strings."""
    pieces: list[Samples] = [np.empty(0, np.int16)]
    begin = 0
    while begin < len(digits):
        end = begin + _PIECE_CHARACTERS
        while end < len(digits) and not digits[end].isspace():
            end += 1
        pieces.append(fitted(np.array(digits[begin:end].split(), dtype=np.float64)))
        begin = end
    return cast("Samples", np.concatenate(pieces))


def _in_microvolts(quantity: Element | None) -> Decimal | None:
    amount, factor = number(attribute(quantity, "value")), _MICROVOLTS.get(attribute(quantity, "unit").lower())
    if attribute(quantity, "unit") == "V":
        factor = Decimal(1_000_000)
    return None if amount is None or factor is None else amount * factor


def _median_beats(root: Element, rate: Decimal) -> tuple[Lead, ...]:
    """Representative beats at the rate of the rhythm; at another rate, or damaged, they are left to the original."""
    for series in (*root.iterfind("component/series"), *root.iterfind(".//derivedSeries")):
        if _series_code(series) == "REPRESENTATIVE_BEAT":
            for element in series.iterfind("component/sequenceSet"):
                beats = _SequenceSet(element)
                if beats.sequences and beats.increment_seconds and beats.rate_hz == rate:
                    return tuple(beats.leads(beats))
    return ()


def _series_code(series: Element) -> str:
    return attribute(series.find("code"), "code").upper()


def _start_of(element: Element) -> datetime | date | None:
    time = element.find("effectiveTime")
    if time is None:
        return None
    stated = [hl7_stamp(attribute(one, "value")) for one in (time.find("low"), time.find("center"), time)]
    return next((one for one in stated if one is not None), None)


def _patient(root: Element) -> PatientFacts:
    subject = next(root.iter("trialSubject"), None)
    if subject is None:
        return PatientFacts()
    person = subject.find("subjectDemographicPerson")
    name = None if person is None else person.find("name")
    identifiers = [*subject.iterfind("id"), *(() if person is None else person.iterfind("id"))]
    family = " ".join(text_of(one) for one in (() if name is None else name.iterfind("family")))
    given = " ".join(text_of(one) for one in (() if name is None else name.iterfind("given")))
    return patient_facts(
        identifier=next((attribute(one, "extension") for one in identifiers if attribute(one, "extension")), ""),
        name="" if family or given else text_of(name),
        family=family,
        given=given,
        birth_date=partial_date(attribute(None if person is None else person.find("birthTime"), "value")),
        sex=attribute(None if person is None else person.find("administrativeGenderCode"), "code"),
    )


def _device(series: Element) -> Device:
    author = series.find("author/seriesAuthor")
    device = None if author is None else author.find("manufacturedSeriesDevice")
    if author is None or device is None:
        return Device()
    return Device(
        manufacturer=text_of(author.find("manufacturerOrganization/name")),
        model=text_of(device.find("manufacturerModelName")),
        serial_number=attribute(device.find("id"), "extension"),
        software=text_of(device.find("softwareName")),
    )


def _filters(series: Element) -> Filters:
    found: dict[str, Decimal] = {}
    for variable in series.iterfind("controlVariable/controlVariable"):
        kind = attribute(variable.find("code"), "code").upper()
        for part in variable.iterfind("component/controlVariable"):
            code, value = attribute(part.find("code"), "code").upper(), part.find("value")
            frequency = number(attribute(value, "value"))
            if code.endswith(("_CUTOFF_FREQ", "_NOTCH_FREQ")) and frequency and frequency > 0:
                found[kind] = frequency * (1000 if attribute(value, "unit") == "kHz" else 1)

    def ending(suffix: str) -> Decimal | None:
        return next((frequency for kind, frequency in found.items() if kind.endswith(suffix)), None)

    return Filters(ending("_FILTER_HIGH_PASS"), ending("_FILTER_LOW_PASS"), ending("_FILTER_NOTCH"))
