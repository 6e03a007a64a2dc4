"""The canonical form of an ECG: a DICOM waveform object with the integers, rate and resolution of the file.

General ECG (PS3.3 A.34.4) for 200-1000 Hz; General 32-bit ECG (Supplement 237) above 1000 Hz and for samples wider
than 16 bits; Ambulatory ECG (A.34.5) for long recordings and those below 200 Hz. Leads by CID 3001, measurements by
TID 3713. The same recording gives the same bytes: no clock and no chance is asked.
"""

import hashlib
import io
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import groupby

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filewriter import dcmwrite
from pydicom.uid import UID, ExplicitVRLittleEndian

from hub.contracts.errors import Unsupported

from .dicom_text import decimal_string, long_string, person_name
from .dicom_writing import code, measurement_annotations, statement_annotations
from .leads import NUMBER_OF_LEAD, UNSPECIFIED
from .library_warnings import silenced
from .recording import Filters, Lead, Recording

GENERAL_ECG = "1.2.840.10008.5.1.4.1.1.9.1.2"
AMBULATORY_ECG = "1.2.840.10008.5.1.4.1.1.9.1.3"
GENERAL_32_BIT_ECG = "1.2.840.10008.5.1.4.1.1.9.1.4"

LONG_SECONDS = 600
"""From here on a recording is ambulatory, as far as its channels and rate fit that object."""
_AMBULATORY_CHANNELS = 12
_GROUPS = 4
_CHANNELS = 24

_LEAD_MEANING = {
    "aVR": "aVR, augmented voltage, right",
    "aVL": "aVL, augmented voltage, left",
    "aVF": "aVF, augmented voltage, foot",
}


@dataclass(frozen=True, slots=True)
class ObjectIdentity:
    """The UIDs of the object and whose it is. ``identifier`` and ``name`` may be empty: a person not yet known."""

    study_instance_uid: str
    series_instance_uid: str
    sop_instance_uid: str
    identifier: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class CanonicalObject:
    """A Part 10 file and what the study index needs to know of it."""

    part10: bytes
    sop_class_uid: str
    sop_instance_uid: str
    series_instance_uid: str
    study_instance_uid: str
    accession_number: str = ""


def uid_from(organization: str, sha256: str, level: str) -> str:
    """A UID (PS3.5 B.2, root 2.25) that follows from the file: the same when the organization sends it again."""
    digest = hashlib.sha256(f"{organization}\0{sha256}\0{level}".encode()).digest()
    return f"2.25.{uuid.UUID(bytes=digest[:16], version=5).int}"


def sop_class_of(recording: Recording) -> str:
    """Which of the three objects holds this recording."""
    wide = any(lead.samples.dtype.itemsize > 2 for lead in recording.leads)
    rate = recording.sampling_rate_hz
    if wide or rate > 1000:
        return GENERAL_32_BIT_ECG
    if rate < 200:
        return AMBULATORY_ECG
    long = recording.duration_seconds > LONG_SECONDS
    return AMBULATORY_ECG if long and len(recording.leads) <= _AMBULATORY_CHANNELS else GENERAL_ECG


def canonical_object(recording: Recording, identity: ObjectIdentity) -> CanonicalObject:
    """Raises Unsupported where the leads fit no such object (more than four groups of simultaneous leads)."""
    sop_class = sop_class_of(recording)
    with silenced():
        part10 = _part10(_data_set(recording, identity, sop_class))
    return CanonicalObject(
        part10,
        sop_class,
        identity.sop_instance_uid,
        identity.series_instance_uid,
        identity.study_instance_uid,
    )


def _data_set(recording: Recording, identity: ObjectIdentity, sop_class: str) -> Dataset:
    dataset = Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.SOPClassUID = sop_class
    dataset.SOPInstanceUID = identity.sop_instance_uid
    dataset.StudyInstanceUID = identity.study_instance_uid
    dataset.SeriesInstanceUID = identity.series_instance_uid
    _add_times(dataset, recording)
    _add_patient(dataset, recording, identity)
    dataset.AccessionNumber = ""
    dataset.ReferringPhysicianName = ""
    dataset.StudyID = "1"
    dataset.Modality = "ECG"
    dataset.SeriesNumber = 1
    dataset.InstanceNumber = 1
    dataset.SeriesDescription = "ECG"
    _add_device(dataset, recording)
    dataset.AcquisitionContextSequence = _acquisition_context(recording)
    dataset.WaveformSequence = _groups(recording, sop_class)
    annotations = [*statement_annotations(recording.statements), *measurement_annotations(recording.measurements)]
    if annotations:
        dataset.WaveformAnnotationSequence = annotations
    return dataset


def _add_times(dataset: Dataset, recording: Recording) -> None:
    """A start that the file does not state stays empty; it is never made up."""
    start = recording.start
    day = start.strftime("%Y%m%d") if start else ""
    fraction = f".{start.microsecond:06d}" if isinstance(start, datetime) and start.microsecond else ""
    time = start.strftime("%H%M%S") + fraction if isinstance(start, datetime) else ""
    dataset.StudyDate = dataset.ContentDate = dataset.SeriesDate = day
    dataset.StudyTime = dataset.ContentTime = dataset.SeriesTime = time
    dataset.AcquisitionDateTime = day + time
    if isinstance(start, datetime):
        dataset.TimezoneOffsetFromUTC = start.strftime("%z")[:5]


def _add_patient(dataset: Dataset, recording: Recording, identity: ObjectIdentity) -> None:
    facts = recording.patient
    split = identity.name == facts.name and facts.family and facts.given
    dataset.PatientName = person_name(facts.family, facts.given) if split else person_name(identity.name, "")
    dataset.PatientID = long_string(identity.identifier)
    dataset.PatientBirthDate = facts.birth_date.replace("-", "") if len(facts.birth_date) == len("YYYY-MM-DD") else ""
    dataset.PatientSex = facts.sex


def _add_device(dataset: Dataset, recording: Recording) -> None:
    device = recording.device
    dataset.Manufacturer = long_string(device.manufacturer)
    for keyword, value in (
        ("ManufacturerModelName", device.model),
        ("DeviceSerialNumber", device.serial_number),
        ("SoftwareVersions", device.software),
    ):
        if value:
            setattr(dataset, keyword, long_string(value))


def _acquisition_context(recording: Recording) -> list[Dataset]:
    """TID 3401: the lead system, where the file states it."""
    if not recording.standard_placement:
        return []
    item = Dataset()
    item.ValueType = "CODE"
    item.ConceptNameCodeSequence = [code("10:11345", "MDC", "Lead System")]
    item.ConceptCodeSequence = [code("10:11265", "MDC", "Standard 12-lead positions, electrodes placed individually")]
    return [item]


def _groups(recording: Recording, sop_class: str) -> list[Dataset]:
    """One multiplex group for leads of the same beginning and length; derived leads and averaged beats in their own."""
    rhythm = list(recording.leads)
    bits = 32 if sop_class == GENERAL_32_BIT_ECG else 16
    if sop_class == AMBULATORY_ECG:
        rhythm = [lead for lead in rhythm if not lead.derived]
    groups = [_group(leads, recording, "RHYTHM", bits) for leads in _simultaneous(rhythm) if not leads[0].derived]
    groups += [_group(leads, recording, "DERIVED LEADS", bits) for leads in _simultaneous(rhythm) if leads[0].derived]
    limit = 1 if sop_class == AMBULATORY_ECG else _GROUPS
    if len(groups) > limit or any(group.NumberOfWaveformChannels > _CHANNELS for group in groups):
        raise Unsupported(
            "The leads begin at more different times, or are more, than one DICOM ECG can hold.",
            remedy="Export the recording in parts.",
        )
    beats = [lead for lead in recording.median_beats if lead.samples.dtype.itemsize * 8 <= bits]
    for leads in _simultaneous(beats)[: limit - len(groups)]:
        groups.append(_group(leads, recording, "MEDIAN BEAT", bits))
    return groups


def _simultaneous(leads: Iterable[Lead]) -> list[list[Lead]]:
    def key(lead: Lead) -> tuple[bool, Decimal, int]:
        return lead.derived, lead.start_seconds, len(lead.samples)

    return [list(group) for _, group in groupby(sorted(leads, key=key), key)]


def _group(leads: Sequence[Lead], recording: Recording, label: str, bits: int) -> Dataset:
    item = Dataset()
    if leads[0].start_seconds:
        item.MultiplexGroupTimeOffset = decimal_string(leads[0].start_seconds * 1000)
    item.WaveformOriginality = "ORIGINAL" if label == "RHYTHM" else "DERIVED"
    item.NumberOfWaveformChannels = len(leads)
    item.NumberOfWaveformSamples = len(leads[0].samples)
    item.SamplingFrequency = decimal_string(recording.sampling_rate_hz)
    item.MultiplexGroupLabel = label
    item.ChannelDefinitionSequence = [
        _channel(position, lead, recording.filters, bits) for position, lead in enumerate(leads, start=1)
    ]
    item.WaveformBitsAllocated = bits
    item.WaveformSampleInterpretation = "SL" if bits == 32 else "SS"
    table = np.stack([lead.samples for lead in leads], axis=1).astype("<i4" if bits == 32 else "<i2")
    item.add_new("WaveformData", "OW", table.tobytes())
    return item


def _channel(position: int, lead: Lead, filters: Filters, bits: int) -> Dataset:
    channel = Dataset()
    number = NUMBER_OF_LEAD.get(lead.name, UNSPECIFIED)
    channel.WaveformChannelNumber = position
    channel.ChannelLabel = long_string(lead.name)[:16]
    channel.ChannelSourceSequence = [
        code(f"2:{number}", "MDC", _LEAD_MEANING.get(lead.name, f"Lead {lead.name}") if number else "Unspecified lead")
    ]
    channel.ChannelSensitivity = decimal_string(lead.microvolts_per_bit)
    channel.ChannelSensitivityUnitsSequence = [code("uV", "UCUM", "microvolt")]
    channel.ChannelSensitivityCorrectionFactor = "1"
    channel.ChannelBaseline = decimal_string(lead.offset_microvolts)
    channel.ChannelSampleSkew = "0"
    channel.WaveformBitsStored = bits
    for keyword, frequency in (
        ("FilterLowFrequency", filters.high_pass_hz),
        ("FilterHighFrequency", filters.low_pass_hz),
        ("NotchFilterFrequency", filters.notch_hz),
    ):
        if frequency is not None:
            setattr(channel, keyword, decimal_string(frequency))
    return channel


def _part10(dataset: Dataset) -> bytes:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = UID(dataset.SOPClassUID)
    meta.MediaStorageSOPInstanceUID = UID(dataset.SOPInstanceUID)
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = UID("2.25.205713884310226183911045071911602348941")
    meta.ImplementationVersionName = "HUB_ECG_1"
    dataset.file_meta = meta
    file = io.BytesIO()
    dcmwrite(file, dataset, enforce_file_format=True)
    return file.getvalue()
