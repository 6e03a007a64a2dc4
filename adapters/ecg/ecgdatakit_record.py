"""The library behind three formats, kept behind our own recording: ecgdatakit, pinned in pyproject.toml.

It reads files by path and warns by ``warnings``; both stay here. Its messages may quote the file, so none is passed on.
"""

import tempfile
from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from ecgdatakit.exceptions import ChecksumWarning

from hub.contracts.errors import Incorrect

from .character_set import repaired
from .file_dates import placed
from .leads import lead_name, with_derived_limb_leads
from .library_warnings import silenced
from .measurements import first_of_each, measured, number
from .patient_facts import patient_facts
from .recording import (
    Device,
    Filters,
    Format,
    Lead,
    Measurement,
    MeasurementKind,
    PatientFacts,
    Recording,
    Source,
    Statement,
)
from .samples import fitted

_NANO = Decimal("0.000000001")
_TO_MICROVOLTS = {"nV": Decimal("0.001"), "uV": Decimal(1), "mV": Decimal(1000), "V": Decimal(1_000_000)}
_FIELDS = {
    "heart_rate": MeasurementKind.HEART_RATE, "rr_interval": MeasurementKind.RR, "pr_interval": MeasurementKind.PR,
    "qrs_duration": MeasurementKind.QRS, "qt_interval": MeasurementKind.QT, "p_axis": MeasurementKind.P_AXIS,
    "qrs_axis": MeasurementKind.QRS_AXIS, "t_axis": MeasurementKind.T_AXIS,
}  # fmt: skip


def parsed(parser: Any, content: bytes, what: str) -> Any:
    """The library's record of ``content``. Raises Incorrect for whatever it could not read, checksums included."""
    with silenced(ChecksumWarning), tempfile.NamedTemporaryFile(prefix="ecg-") as file:
        file.write(content)
        file.flush()
        try:
            return parser.parse(Path(file.name))
        except ChecksumWarning:
            raise Incorrect(f"A checksum inside the {what} file is wrong.", remedy="Send the file again.") from None


def recording(
    record: Any,
    format_: Format,
    rate_hz: Decimal,
    *,
    measurements: Iterable[Measurement | None] = (),
    statements: Iterable[Statement] = (),
    leads: tuple[Lead, ...] | None = None,
    standard_placement: bool = False,
) -> Recording:
    """Our recording of the library's record; ``measurements`` are those the library has no field for."""
    info = record.recording
    start, assumed = placed(start_of(record))
    filters = info.acquisition.filters
    return Recording(
        format=format_,
        leads=with_derived_limb_leads(leads or leads_of(record.leads)),
        sampling_rate_hz=rate_hz,
        start=start,
        zone_assumed=assumed,
        patient=_patient(record.patient),
        device=_device(info.device),
        filters=Filters(number(filters.highpass), number(filters.lowpass), number(filters.notch)),
        measurements=first_of_each(
            (*(measured(kind, getattr(record.measurements, field)) for field, kind in _FIELDS.items()), *measurements)
        ),
        statements=tuple(dict.fromkeys(statements)),
        median_beats=_median_beats(record.median_beats, rate_hz),
        standard_placement=standard_placement,
    )


def leads_of(leads: Iterable[Any]) -> tuple[Lead, ...]:
    """The library's leads as integers. Raises Incorrect where a lead has no samples or no scale in volts."""
    found = []
    for lead in leads:
        factor = _TO_MICROVOLTS.get(lead.resolution_unit)
        bit, zero = number(lead.resolution), number(lead.offset)
        if factor is None or bit is None or bit <= 0 or zero is None:
            raise Incorrect(
                "A lead states no scale in volts.", remedy="Ask the maker of the cart for calibrated export."
            )
        if not len(lead.samples):
            raise Incorrect("A lead holds no samples.", remedy="Record the tracing again.")
        label = lead_name(str(lead.label).partition("_")[0])
        found.append(Lead(label, fitted(lead.samples), _rounded(bit * factor), _rounded(zero * factor)))
    if not found:
        raise Incorrect("The file holds no leads.", remedy="Record the tracing again.")
    return tuple(found)


def start_of(record: Any) -> datetime | date | None:
    stated = record.recording.date
    if isinstance(stated, datetime):
        return stated
    written = record.raw_metadata.get("acquisition_date", "")
    try:
        return date.fromisoformat(str(written)[:10])
    except ValueError:
        return None


def interpretation(record: Any) -> list[Statement]:
    """Statements as they stand in the file: a physician's where the file says so, the cart's own as the cart's."""
    stated = record.interpretation
    source = Source.READER if stated.source in ("confirmed", "overread") else Source.DEVICE
    lines = [" · ".join(part for part in (left, right) if part) for left, right in stated.statements]
    machine = str(record.annotations.get("machine_interpretation", "")).splitlines()
    return [Statement(repaired(line), source) for line in lines if line] + [
        Statement(repaired(line).replace(" | ", " · "), Source.DEVICE) for line in machine if line.strip()
    ]


def _patient(patient: Any) -> PatientFacts:
    return patient_facts(
        identifier=patient.patient_id,
        family=patient.last_name,
        given=patient.first_name,
        birth_date=patient.birth_date.date().isoformat() if patient.birth_date else "",
        sex=patient.sex,
    )


def _device(device: Any) -> Device:
    return Device(*map(repaired, (device.manufacturer, device.model, device.serial_number, device.software_version)))


def _median_beats(beats: Any, rate_hz: Decimal) -> tuple[Lead, ...]:
    if not beats or any(beat.sampling_rate != rate_hz or not len(beat.samples) for beat in beats):
        return ()
    try:
        return leads_of(beats)
    except Incorrect:
        return ()


def _rounded(value: Decimal) -> Decimal:
    """Without the noise of a binary fraction (2500 / 1000 nV as a float)."""
    return value.quantize(_NANO).normalize() + Decimal(0)
