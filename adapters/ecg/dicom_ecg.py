"""DICOM ECG waveform objects (PS3.3 A.34, C.10.9), read with pydicom.

Accepted by what they hold, not by SOP class: a cart's twelve leads have been seen in a Hemodynamic Waveform. Channels
that are no ECG lead are left out of the recording; the object itself is stored as sent.
"""

import io
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pydicom
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRBigEndian

from hub.contracts.errors import Incorrect

from .character_set import repaired
from .dicom_annotations import measurements, statements
from .dicom_structure import check_structure
from .file_dates import hl7_stamp, offset, partial_date, placed
from .leads import LEAD_OF_NUMBER, NUMBER_OF_LEAD, lead_name, with_derived_limb_leads
from .library_warnings import silenced
from .measurements import number
from .patient_facts import patient_facts
from .recording import Device, DicomIdentity, Filters, Format, Lead, PatientFacts, Recording
from .samples import fitted

_DTYPES = {"SB": "i1", "UB": "u1", "SS": "i2", "US": "u2", "SL": "i4", "UL": "u4"}
_TO_MICROVOLTS = {"nV": Decimal("0.001"), "uV": Decimal(1), "mV": Decimal(1000), "V": Decimal(1_000_000)}
_AVERAGES = ("MEDIAN", "REPRESENTATIVE", "AVERAGE")
_RESEND = "Send the object again as the cart wrote it."


def read(content: bytes) -> Recording:
    """Raises Incorrect for what is no DICOM file, damaged, or without ECG leads."""
    with silenced():
        check_structure(content)
        return _recording(pydicom.dcmread(io.BytesIO(content)))


def _recording(dataset: Dataset) -> Recording:
    identity = _identity(dataset)
    items = dataset.get("WaveformSequence") or []
    if not items:
        raise Incorrect("The DICOM object holds no waveform.", where="(5400,0100) WaveformSequence", remedy=_RESEND)
    big_endian = dataset.file_meta.TransferSyntaxUID == ExplicitVRBigEndian
    groups = [(item, _leads(item, index, big_endian)) for index, item in enumerate(items, start=1)]
    rhythm = [(item, leads) for item, leads in groups if leads and not _is_average(item)]
    if not rhythm:
        raise Incorrect(
            "No channel of the waveform is an ECG lead.", where="(003A,0208) ChannelSourceSequence", remedy=_RESEND
        )
    rate = _rate(rhythm[0][0])
    recorded = [lead for item, leads in rhythm if _rate(item) == rate for lead in leads]
    averages = [leads for item, leads in groups if leads and _is_average(item) and _rate(item) == rate]
    start, assumed = placed(_start(dataset))
    return Recording(
        format=Format.DICOM,
        leads=with_derived_limb_leads(recorded),
        sampling_rate_hz=rate,
        start=start,
        zone_assumed=assumed,
        patient=_patient(dataset),
        device=Device(*(_text(dataset, name) for name in (
            "Manufacturer", "ManufacturerModelName", "DeviceSerialNumber", "SoftwareVersions",
        ))),
        filters=_filters(rhythm[0][0]),
        measurements=measurements(dataset),
        statements=statements(dataset),
        median_beats=averages[0] if averages else (),
        standard_placement=_standard_placement(dataset),
        dicom=identity,
    )  # fmt: skip


def _identity(dataset: Dataset) -> DicomIdentity:
    names = ("SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID")
    uids = [str(dataset.get(name) or "") for name in names]
    for name, uid in zip(names, uids, strict=True):
        if not uid or len(uid) > 64 or not all(part.isdigit() for part in uid.split(".")):
            raise Incorrect("The DICOM object lacks a valid UID.", where=name, remedy=_RESEND)
    if str(dataset.file_meta.get("MediaStorageSOPInstanceUID", uids[1])) != uids[1]:
        raise Incorrect("The SOP Instance UID of the file header is another one.", where="(0002,0003)", remedy=_RESEND)
    return DicomIdentity(uids[0], uids[1], uids[2], uids[3], _text(dataset, "AccessionNumber"))


def _leads(item: Dataset, index: int, big_endian: bool) -> tuple[Lead, ...]:
    """The ECG channels of one multiplex group, none where it has none."""
    where = f"WaveformSequence[{index}]"
    channels, count = int(item.NumberOfWaveformChannels), int(item.NumberOfWaveformSamples)
    definitions = list(item.ChannelDefinitionSequence)
    dtype = _DTYPES.get(str(item.WaveformSampleInterpretation))
    if dtype is None or int(item.WaveformBitsAllocated) != 8 * int(dtype[1]):
        raise Incorrect("The samples are in a form that no ECG has.", where=f"{where}.WaveformSampleInterpretation")
    data: bytes = item.WaveformData
    need = channels * count * int(dtype[1])
    if not channels or not count or len(definitions) != channels or not need <= len(data) <= need + 1:
        raise Incorrect("The waveform has not the stated length.", where=f"{where}.WaveformData", remedy=_RESEND)
    table = np.frombuffer(data, dtype=(">" if big_endian else "<") + dtype, count=channels * count)
    table = table.reshape(count, channels)
    begins = (number(item.get("MultiplexGroupTimeOffset")) or Decimal(0)) / 1000
    derived = str(item.get("WaveformOriginality", "")) == "DERIVED" and not _is_average(item)
    return tuple(
        Lead(name, fitted(table[:, position].astype(np.int64)), *_scale(definition, where), begins, derived)
        for position, definition in enumerate(definitions)
        if (name := _name(definition)) is not None
    )


def _name(definition: Dataset) -> str | None:
    """The lead by code (MDC ``2:n``, SCPECG ``5.6.3-9-n``), else by meaning or label; None where it is no ECG lead."""
    for code in definition.get("ChannelSourceSequence") or []:
        value = str(code.get("CodeValue", ""))
        for prefix in ("2:", "5.6.3-9-"):
            if value.startswith(prefix) and value.removeprefix(prefix).isdigit():
                lead = int(value.removeprefix(prefix))
                return LEAD_OF_NUMBER.get(lead) or str(definition.get("ChannelLabel") or f"MDC {lead}")
        meaning = str(code.get("CodeMeaning", "")).partition(",")[0].partition("(")[0]
        if lead_name(value) in NUMBER_OF_LEAD or lead_name(meaning) in NUMBER_OF_LEAD:
            return lead_name(value) if lead_name(value) in NUMBER_OF_LEAD else lead_name(meaning)
    label = lead_name(str(definition.get("ChannelLabel", "")))
    return label if label in NUMBER_OF_LEAD else None


def _scale(definition: Dataset, where: str) -> tuple[Decimal, Decimal]:
    units = definition.get("ChannelSensitivityUnitsSequence") or [Dataset()]
    factor = _TO_MICROVOLTS.get(str(units[0].get("CodeValue", "")))
    sensitivity = number(definition.get("ChannelSensitivity"))
    correction = number(definition.get("ChannelSensitivityCorrectionFactor", 1)) or Decimal(1)
    if factor is None or sensitivity is None or sensitivity * correction <= 0:
        raise Incorrect(
            "A channel states no sensitivity in volts.", where=f"{where}.ChannelSensitivity", remedy=_RESEND
        )
    return sensitivity * correction * factor, (number(definition.get("ChannelBaseline", 0)) or Decimal(0)) * factor


def _rate(item: Dataset) -> Decimal:
    rate = number(item.get("SamplingFrequency"))
    if rate is None or not 1 <= rate <= 100_000:
        raise Incorrect("The sampling frequency is missing or impossible.", where="(003A,001A)", remedy=_RESEND)
    return rate


def _is_average(item: Dataset) -> bool:
    return any(word in str(item.get("MultiplexGroupLabel", "")).upper() for word in _AVERAGES)


def _start(dataset: Dataset) -> datetime | date | None:
    zone = offset(_text(dataset, "TimezoneOffsetFromUTC"))
    for stated in _stated_times(dataset):
        found = hl7_stamp(stated)
        if isinstance(found, datetime):
            return found.replace(tzinfo=found.tzinfo or zone)
        if found is not None:
            return found
    return None


def _stated_times(dataset: Dataset) -> Iterator[str]:
    yield _text(dataset, "AcquisitionDateTime")
    for day, time in (("ContentDate", "ContentTime"), ("StudyDate", "StudyTime")):
        yield _text(dataset, day) + _text(dataset, time)
        yield _text(dataset, day)


def _patient(dataset: Dataset) -> PatientFacts:
    stated = str(dataset.get("PatientName") or "")
    group = next((part for part in reversed(stated.split("=")[:2]) if part.strip("^ ")), "")
    family, _, given = group.partition("^")
    sex = _text(dataset, "PatientSex")
    return patient_facts(
        identifier=_text(dataset, "PatientID"),
        family=repaired(family),
        given=repaired(" ".join(given.split("^")[:2])),
        birth_date=partial_date(_text(dataset, "PatientBirthDate")),
        sex=sex,
    )


def _filters(item: Dataset) -> Filters:
    channel = item.ChannelDefinitionSequence[0]
    stated = [
        number(channel.get(name)) for name in ("FilterLowFrequency", "FilterHighFrequency", "NotchFilterFrequency")
    ]
    return Filters(*(value if value and value > 0 else None for value in stated))


def _standard_placement(dataset: Dataset) -> bool:
    codes = [
        code
        for item in dataset.get("AcquisitionContextSequence") or []
        for code in item.get("ConceptCodeSequence") or []
    ]
    return any(str(code.get("CodeValue", "")) in ("10:11265", "5.4.5-33-1-1") for code in codes)


def _text(dataset: Dataset, name: str) -> str:
    value: Any = dataset.get(name)
    if value is None:
        return ""
    return repaired(str(value[0] if isinstance(value, pydicom.multival.MultiValue) and value else value).strip())
