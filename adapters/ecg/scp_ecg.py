"""SCP-ECG (EN 1064 / ISO 11073-91064): structure checked here, sections decoded by ecgdatakit.

Section 7 gives wave boundaries of the reference beat, not intervals: PR, QRS and QT are the cart's own boundaries
subtracted (PR = QRS onset - P onset, QRS = QRS end - QRS onset, QT = T end - QRS onset).
"""

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

from ecgdatakit.parsing.parsers.scp_ecg import SCPECGParser

from hub.contracts.errors import Incorrect

from . import ecgdatakit_record
from .measurements import SCP_FORMULA, measured
from .recording import Format, Lead, Measurement, MeasurementKind, Recording
from .scp_structure import checked_sections

_NOT_MEASURED = (29999, 0xFFFF)


def read(content: bytes) -> Recording:
    """Raises Incorrect for a damaged or non-conformant record."""
    checked_sections(content)
    record = ecgdatakit_record.parsed(SCPECGParser(), content, "SCP-ECG")
    interval_microseconds = record.raw_metadata.get("rhythm_sample_interval_us") or 0
    if interval_microseconds <= 0:
        raise Incorrect("SCP-ECG: the time between samples is not stated.", where="section 6")
    rate = (Decimal(1_000_000) / Decimal(interval_microseconds)).quantize(Decimal("0.000001")).normalize()
    placement = record.recording.acquisition.signal.electrode_placement
    return ecgdatakit_record.recording(
        record,
        Format.SCP_ECG,
        rate,
        leads=_placed(record, rate),
        measurements=_section_7(record),
        statements=ecgdatakit_record.interpretation(record),
        standard_placement=placement.startswith("standard 12-lead"),
    )


def _placed(record: Any, rate: Decimal) -> tuple[Lead, ...]:
    """Leads that begin later than the first sample keep their place in time."""
    leads = ecgdatakit_record.leads_of(record.leads)
    begins = [int(lead.annotations.get("start_sample", 1)) - 1 for lead in record.leads]
    return tuple(
        replace(lead, start_seconds=Decimal(begin) / rate) if begin else lead
        for lead, begin in zip(leads, begins, strict=True)
    )


def _section_7(record: Any) -> Iterator[Measurement | None]:
    blocks = record.raw_metadata.get("measurement_blocks") or [{}]
    block = {key: value for key, value in blocks[0].items() if value not in _NOT_MEASURED}
    for kind, begin, end in (
        (MeasurementKind.PR, "p_onset", "qrs_onset"),
        (MeasurementKind.QRS, "qrs_onset", "qrs_offset"),
        (MeasurementKind.QT, "qrs_onset", "t_offset"),
    ):
        if begin in block and end in block:
            yield measured(kind, block[end] - block[begin])
    if record.measurements.qtc_bazett:
        yield measured(MeasurementKind.QTC, record.measurements.qtc_bazett, formula="Bazett")
    formula = SCP_FORMULA.get(record.raw_metadata.get("qtc_formula_code", 0), "")
    yield measured(MeasurementKind.QTC, record.raw_metadata.get("qtc_ms"), formula=formula)
