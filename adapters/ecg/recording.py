"""One ECG recording as every format is read: what the file states, nothing recomputed.

Samples stay the integers of the file. ``microvolts_per_bit`` and ``offset_microvolts`` give them meaning, as *scale*
and *origin* do in HL7 aECG (R1, SLIST_PQ), *AVM* in SCP-ECG (EN 1064, section 6) and *channel sensitivity* and
*baseline* in DICOM (PS3.3 C.10.9).
"""

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.int16] | NDArray[np.int32]


class Format(StrEnum):
    """What kind of file it was; also the code under which the original is kept."""

    AECG = "aecg"
    SCP_ECG = "scp-ecg"
    DICOM = "dicom"
    MUSE = "muse"
    SIERRA = "sierra"


class Source(StrEnum):
    """Who says a measurement or statement: the cart, our own calculation, or a physician named in the file."""

    DEVICE = "device"
    COMPUTED = "computed"
    READER = "reader"


@dataclass(frozen=True, slots=True, eq=False)
class Lead:
    """One channel. ``name`` in the usual spelling (I, aVR, V1). ``start_seconds`` counts from the recording's start.
    ``derived`` leads were not recorded: they are sums of two recorded ones."""

    name: str
    samples: Samples
    microvolts_per_bit: Decimal
    offset_microvolts: Decimal = Decimal(0)
    start_seconds: Decimal = Decimal(0)
    derived: bool = False

    def microvolts(self) -> NDArray[np.float64]:
        """The tracing in physical units."""
        return self.samples.astype(np.float64) * float(self.microvolts_per_bit) + float(self.offset_microvolts)


class MeasurementKind(StrEnum):
    HEART_RATE = "heart-rate"
    RR = "rr"
    PR = "pr"
    QRS = "qrs"
    QT = "qt"
    QTC = "qtc"
    P_AXIS = "p-axis"
    QRS_AXIS = "qrs-axis"
    T_AXIS = "t-axis"


UNKNOWN_FORMULA = "unknown"


@dataclass(frozen=True, slots=True)
class Measurement:
    """A global measurement: intervals in ms, rate per minute, axes in degrees. ``formula`` names the correction of a
    QTc (Bazett, Fridericia, Hodges, Framingham), ``unknown`` where the file does not; empty for other kinds."""

    kind: MeasurementKind
    value: Decimal
    source: Source = Source.DEVICE
    formula: str = ""


@dataclass(frozen=True, slots=True)
class Statement:
    """One line of interpretation, word for word."""

    text: str
    source: Source = Source.DEVICE


@dataclass(frozen=True, slots=True)
class PatientFacts:
    """What the file says of the person. ``birth_date`` keeps its precision (``YYYY``, ``YYYY-MM`` or ``YYYY-MM-DD``);
    ``sex`` is M, F, O or empty. Placeholders that carts write for nobody are empty here."""

    identifier: str = ""
    name: str = ""
    family: str = ""
    given: str = ""
    birth_date: str = ""
    sex: str = ""

    @property
    def names_somebody(self) -> bool:
        return bool(self.identifier or self.name)


@dataclass(frozen=True, slots=True)
class Device:
    manufacturer: str = ""
    model: str = ""
    serial_number: str = ""
    software: str = ""


@dataclass(frozen=True, slots=True)
class Filters:
    """The bandwidth the samples were recorded with, in Hz; None where the file does not say."""

    high_pass_hz: Decimal | None = None
    low_pass_hz: Decimal | None = None
    notch_hz: Decimal | None = None


@dataclass(frozen=True, slots=True)
class DicomIdentity:
    """The UIDs of a recording that came as a DICOM object."""

    sop_class_uid: str
    sop_instance_uid: str
    series_instance_uid: str
    study_instance_uid: str
    accession_number: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """``start`` is an aware datetime, a date where the file states no time of day, None where it states neither;
    ``zone_assumed`` says that the file named no zone and the site's was taken."""

    format: Format
    leads: tuple[Lead, ...]
    sampling_rate_hz: Decimal
    start: datetime | date | None = None
    zone_assumed: bool = False
    patient: PatientFacts = field(default_factory=PatientFacts)
    device: Device = field(default_factory=Device)
    filters: Filters = field(default_factory=Filters)
    measurements: tuple[Measurement, ...] = ()
    statements: tuple[Statement, ...] = ()
    median_beats: tuple[Lead, ...] = ()
    """Representative beats as the cart averaged them, at the rate of the rhythm; empty where it sent none."""
    standard_placement: bool = False
    """The file says that the electrodes were at the standard 12-lead positions."""
    dicom: DicomIdentity | None = None

    @property
    def duration_seconds(self) -> Decimal:
        return max(lead.start_seconds + Decimal(len(lead.samples)) / self.sampling_rate_hz for lead in self.leads)
