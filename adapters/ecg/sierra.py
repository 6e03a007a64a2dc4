"""Philips Sierra XML 1.03-1.04 (XLI-compressed chunks). Some carts append a calibration pulse to every lead: it is cut
off, for rates and averages would count it as a beat."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
from ecgdatakit.parsing.parsers.sierra_xml import SierraXMLParser

from hub.contracts.errors import Incorrect

from . import ecgdatakit_record
from .measurements import measured
from .muse import rate_of
from .recording import Format, Lead, MeasurementKind, Recording
from .xml_document import Element, root_of, text_of, utf8_without_doctype

_COMPRESSED_LIMIT_CHARACTERS = 256 << 10
_PULSE_MICROVOLTS = 1000


def read(content: bytes) -> Recording:
    """Raises Incorrect for a damaged export."""
    waveforms = next(root_of(content).iter("parsedwaveforms"), None)
    if waveforms is not None and _is_compressed(waveforms) and len(text_of(waveforms)) > _COMPRESSED_LIMIT_CHARACTERS:
        raise Incorrect("The compressed waveform is longer than a resting ECG can be.", where="parsedwaveforms")
    record = ecgdatakit_record.parsed(SierraXMLParser(), utf8_without_doctype(content), "Philips Sierra")
    stated = str(record.annotations.get("qtc", "")).partition(" ")[0]
    return ecgdatakit_record.recording(
        record,
        Format.SIERRA,
        rate_of(record),
        leads=without_calibration_pulse(ecgdatakit_record.leads_of(record.leads)),
        measurements=(
            measured(MeasurementKind.QTC, record.measurements.qtc_bazett, formula="Bazett"),
            measured(MeasurementKind.QTC, record.measurements.qtc_fridericia, formula="Fridericia"),
            measured(MeasurementKind.QTC, stated),
        ),
        statements=ecgdatakit_record.interpretation(record),
    )


def without_calibration_pulse(leads: tuple[Lead, ...]) -> tuple[Lead, ...]:
    """The leads without a common tail that is the same in all of them and holds a pulse of 1 mV."""
    lengths = {len(lead.samples) for lead in leads}
    if len(leads) < 3 or len(lengths) != 1:
        return leads
    equal = np.ones(lengths.pop(), dtype=bool)
    for one, following in pairwise(leads):
        equal &= one.samples == following.samples
    differing = np.flatnonzero(~equal)
    keep = int(differing[-1]) + 1 if len(differing) else 0
    tail = leads[0].microvolts()[keep:]
    if keep == 0 or not len(tail) or abs(tail.max() - tail.min() - _PULSE_MICROVOLTS) > 1:
        return leads
    return tuple(replace(lead, samples=lead.samples[:keep]) for lead in leads)


def _is_compressed(waveforms: Element) -> bool:
    return any(str(value).upper() == "XLI" for value in waveforms.attrib.values())
