"""GE MUSE XML (RestingECG): usually eight stored leads; III, aVR, aVL and aVF follow from I and II and are marked so.

The file does not say by which formula ``QTCorrected`` was made; ``QTcFrederica`` names its own.
"""

from decimal import Decimal
from typing import Any

from ecgdatakit.parsing.parsers.ge_muse_xml import GEMuseXMLParser

from hub.contracts.errors import Incorrect

from . import ecgdatakit_record
from .measurements import measured
from .recording import Format, MeasurementKind, Recording
from .xml_document import utf8_without_doctype

_LIMIT_BYTES = 16 << 20


def read(content: bytes) -> Recording:
    """Raises Incorrect for a damaged export."""
    if len(content) > _LIMIT_BYTES:
        raise Incorrect("The MUSE export is larger than a resting ECG can be.", remedy="Export one recording a file.")
    record = ecgdatakit_record.parsed(GEMuseXMLParser(), utf8_without_doctype(content), "GE MUSE")
    return ecgdatakit_record.recording(
        record,
        Format.MUSE,
        rate_of(record),
        measurements=(
            measured(MeasurementKind.QTC, record.annotations.get("QTCorrected")),
            measured(MeasurementKind.QTC, record.measurements.qtc_fridericia, formula="Fridericia"),
        ),
        statements=ecgdatakit_record.interpretation(record),
    )


def rate_of(record: Any) -> Decimal:
    """The one rate of all leads. Raises Incorrect where rates or lengths differ or no rate is stated."""
    rates = {lead.sampling_rate for lead in record.leads}
    if len({len(lead.samples) for lead in record.leads}) > 1:
        raise Incorrect("The leads are of different lengths.", remedy="Export the recording again.")
    if len(rates) != 1 or not 1 <= min(rates) <= 100_000:
        raise Incorrect("The leads have no common sampling rate.", remedy="Export them as separate recordings.")
    return Decimal(rates.pop())
