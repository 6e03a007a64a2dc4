import dataclasses
import io
import shutil
import subprocess
import zlib
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.filewriter import dcmwrite
from pydicom.uid import ExplicitVRBigEndian

from adapters.ecg.dicom_object import (
    AMBULATORY_ECG,
    GENERAL_32_BIT_ECG,
    GENERAL_ECG,
    ObjectIdentity,
    canonical_object,
    sop_class_of,
    uid_from,
)
from adapters.ecg.leads import with_derived_limb_leads
from adapters.ecg.read import read
from adapters.ecg.recording import Lead, Measurement, MeasurementKind, PatientFacts, Recording, Statement
from hub.contracts.errors import Incorrect, Unsupported

IDENTITY = ObjectIdentity("2.25.1", "2.25.2", "2.25.3", "990101196204150026", "陈秀英")


def written(dataset: Dataset) -> bytes:
    file = io.BytesIO()
    dcmwrite(file, dataset, enforce_file_format=True)
    return file.getvalue()


@pytest.fixture
def changed(samples: dict[str, bytes]) -> Callable[[Callable[[Dataset], object]], bytes]:
    def change(edit: Callable[[Dataset], object]) -> bytes:
        dataset = pydicom.dcmread(io.BytesIO(samples["recording.dcm"]))
        edit(dataset)
        return written(dataset)

    return change


@pytest.fixture(params=["recording.xml", "recording.scp", "muse", "sierra"])
def recording(request: pytest.FixtureRequest, samples: dict[str, bytes]) -> Recording:
    name = request.param
    return read(samples[name] if name in samples else request.getfixturevalue(name))


def test_the_object_gives_back_the_integers_rate_and_meaning_of_the_file(recording: Recording) -> None:
    back = read(canonical_object(recording, IDENTITY).part10)
    there = {(lead.name, lead.derived): lead for lead in back.leads}
    for lead in recording.leads:
        other = there[lead.name, lead.derived]
        assert (other.samples == lead.samples).all() and other.microvolts_per_bit == lead.microvolts_per_bit
    assert back.sampling_rate_hz == recording.sampling_rate_hz
    assert back.start == recording.start
    assert set(back.measurements) == set(recording.measurements)
    assert [s.text for s in back.statements] == [s.text for s in recording.statements]
    assert (back.patient.identifier, back.patient.name) == ("990101196204150026", "陈秀英")


def test_the_same_recording_gives_the_same_bytes(recording: Recording) -> None:
    assert canonical_object(recording, IDENTITY).part10 == canonical_object(recording, IDENTITY).part10


def test_pydicom_reads_the_waveform_in_microvolts(samples: dict[str, bytes]) -> None:
    recording = read(samples["recording.xml"])
    dataset = pydicom.dcmread(io.BytesIO(canonical_object(recording, IDENTITY).part10))
    assert dataset.SOPClassUID == GENERAL_ECG and dataset.SpecificCharacterSet == "ISO_IR 192"
    table = dataset.waveform_array(0)
    for column, lead in enumerate(recording.leads):
        np.testing.assert_allclose(table[:, column], lead.microvolts(), atol=1e-9)
    codes = [c.ChannelSourceSequence[0].CodeValue for c in dataset.WaveformSequence[0].ChannelDefinitionSequence]
    assert codes == ["2:1", "2:2", "2:61", "2:62", "2:63", "2:64", *(f"2:{n}" for n in range(3, 9))]


def test_the_sop_class_follows_rate_length_and_width(samples: dict[str, bytes]) -> None:
    recording = read(samples["recording.xml"])

    def sop_class(**changes: object) -> str:
        return sop_class_of(dataclasses.replace(recording, **changes))

    wide = (dataclasses.replace(recording.leads[0], samples=np.array([70_000], np.int32)),)
    assert [sop_class(sampling_rate_hz=Decimal(rate)) for rate in (125, 199, 200, 1000, 1001, 8000)] == [
        AMBULATORY_ECG, AMBULATORY_ECG, GENERAL_ECG, GENERAL_ECG, GENERAL_32_BIT_ECG, GENERAL_32_BIT_ECG,
    ]  # fmt: skip
    assert sop_class(leads=wide) == GENERAL_32_BIT_ECG
    day = Lead("II", np.zeros(200 * 3600, np.int16), Decimal(5))
    assert sop_class(leads=(day,), sampling_rate_hz=Decimal(200)) == AMBULATORY_ECG


@pytest.mark.parametrize(("rate", "bits"), [(125, 16), (500, 16), (2000, 32)])
def test_every_object_class_keeps_the_files_own_rate(samples: dict[str, bytes], rate: int, bits: int) -> None:
    recording = dataclasses.replace(read(samples["recording.xml"]), sampling_rate_hz=Decimal(rate))
    made = canonical_object(recording, IDENTITY)
    item = pydicom.dcmread(io.BytesIO(made.part10)).WaveformSequence[0]
    assert float(item.SamplingFrequency) == rate and item.WaveformBitsAllocated == bits
    assert (read(made.part10).leads[0].samples == recording.leads[0].samples).all()


def test_derived_leads_and_averaged_beats_stand_apart_from_the_recorded(muse: bytes) -> None:
    recording = read(muse)
    beats = tuple(dataclasses.replace(lead, samples=lead.samples[:300]) for lead in recording.leads[:8])
    made = canonical_object(dataclasses.replace(recording, median_beats=beats), IDENTITY)
    groups = pydicom.dcmread(io.BytesIO(made.part10)).WaveformSequence
    assert [(g.MultiplexGroupLabel, g.WaveformOriginality, g.NumberOfWaveformChannels) for g in groups] == [
        ("RHYTHM", "ORIGINAL", 8),
        ("DERIVED LEADS", "DERIVED", 4),
        ("MEDIAN BEAT", "DERIVED", 8),
    ]
    assert len(read(made.part10).median_beats) == 8


def test_leads_recorded_one_after_another_stay_so(samples: dict[str, bytes]) -> None:
    recording = read(samples["recording.xml"])
    leads = tuple(
        dataclasses.replace(lead, samples=lead.samples[:500], start_seconds=Decimal(index // 3))
        for index, lead in enumerate(recording.leads)
    )
    made = canonical_object(dataclasses.replace(recording, leads=leads), IDENTITY)
    assert {lead.name: lead.start_seconds for lead in read(made.part10).leads} == {
        lead.name: lead.start_seconds for lead in leads
    }
    five = tuple(dataclasses.replace(lead, start_seconds=Decimal(index)) for index, lead in enumerate(leads[:5]))
    with pytest.raises(Unsupported):
        canonical_object(dataclasses.replace(recording, leads=five), IDENTITY)


def test_a_start_that_is_not_known_is_not_made_up(samples: dict[str, bytes]) -> None:
    recording = dataclasses.replace(read(samples["recording.xml"]), start=None)
    dataset = pydicom.dcmread(io.BytesIO(canonical_object(recording, IDENTITY).part10))
    assert not dataset.AcquisitionDateTime and not dataset.StudyDate


def test_text_that_dicom_cannot_hold_is_made_fit(samples: dict[str, bytes]) -> None:
    facts = PatientFacts(name="A\\B^C=D" + "长" * 80)
    recording = dataclasses.replace(
        read(samples["recording.xml"]),
        patient=facts,
        statements=(Statement("a\\b\x00" + "线" * 3000),),
        measurements=(Measurement(MeasurementKind.QTC, Decimal("421.123456789012345678"), formula="Hodges"),),
    )
    identity = dataclasses.replace(IDENTITY, identifier="x\\" + "y" * 100, name=facts.name)
    dataset = pydicom.dcmread(io.BytesIO(canonical_object(recording, identity).part10))
    assert len(dataset.PatientID) <= 64 and "\\" not in str(dataset.PatientName)
    assert sum("线" in str(one.get("UnformattedTextValue", "")) for one in dataset.WaveformAnnotationSequence) == 3
    assert [m.formula for m in read(canonical_object(recording, identity).part10).measurements] == ["Hodges"]


def test_uids_follow_from_the_file_and_the_organization() -> None:
    assert uid_from("a", "00", "study") == uid_from("a", "00", "study")
    others = {
        uid_from(*one)
        for one in (("a", "00", "study"), ("b", "00", "study"), ("a", "01", "study"), ("a", "00", "series"))
    }
    assert len(others) == 4 and all(uid.startswith("2.25.") and len(uid) <= 64 for uid in others)


@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="dicom3tools is not installed")
@pytest.mark.parametrize("rate", [125, 500])
def test_dciodvfy_finds_no_error(recording: Recording, rate: int, tmp_path: Path) -> None:
    path = tmp_path / "object.dcm"
    path.write_bytes(canonical_object(dataclasses.replace(recording, sampling_rate_hz=Decimal(rate)), IDENTITY).part10)
    said = subprocess.run(["dciodvfy", str(path)], capture_output=True, text=True, check=False).stderr
    assert "Error" not in said and ("GeneralECG" in said or "AmbulatoryECG" in said)


def test_a_hemodynamic_waveform_with_ecg_leads_is_an_ecg(changed) -> None:
    def edit(dataset: Dataset) -> None:
        dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.9.2.1"
        for channel in dataset.WaveformSequence[0].ChannelDefinitionSequence:
            channel.ChannelSensitivityUnitsSequence[0].CodeValue = "mV"
            channel.ChannelSensitivity = "0.0025"
        pressure = dataset.WaveformSequence[0].ChannelDefinitionSequence[11]
        pressure.ChannelSourceSequence[0].CodeValue = "109012"
        pressure.ChannelSourceSequence[0].CodeMeaning = "Left ventricular pressure"

    leads = read(changed(edit)).leads
    assert [lead.name for lead in leads] == ["I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5"]
    assert leads[0].microvolts_per_bit == Decimal("2.5")


def test_annotations_are_read_in_the_mdc_scheme_too(changed) -> None:
    def edit(dataset: Dataset) -> None:
        for item in dataset.WaveformAnnotationSequence:
            for concept in item.get("ConceptNameCodeSequence", []):
                concept.CodingSchemeDesignator = "MDC"
                concept.CodeValue = {"5.13.5-7": "2:15872", "5.10.2.5-5": "2:15892"}.get(concept.CodeValue, "2:1")
                concept.CodeMeaning = "measured"

    assert {(m.kind.value, int(m.value), m.formula) for m in read(changed(edit)).measurements} == {
        ("pr", 158, ""),
        ("qtc", 421, "Fridericia"),
    }


def test_big_endian_samples_are_read_right(changed, samples: dict[str, bytes]) -> None:
    dataset = pydicom.dcmread(io.BytesIO(samples["recording.dcm"]))
    item = dataset.WaveformSequence[0]
    item.WaveformData = np.frombuffer(item.WaveformData, "<i2").astype(">i2").tobytes()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRBigEndian
    file = io.BytesIO()
    dcmwrite(file, dataset, enforce_file_format=True, little_endian=False, implicit_vr=False)
    assert (read(file.getvalue()).leads[0].samples == read(samples["recording.dcm"]).leads[0].samples).all()


def test_a_name_in_gbk_without_a_character_set_is_read_right(changed) -> None:
    def edit(dataset: Dataset) -> None:
        del dataset.SpecificCharacterSet
        dataset.add_new("PatientName", "PN", "陈秀英".encode("gb18030"))
        dataset.add_new("Manufacturer", "LO", "M")
        dataset.WaveformAnnotationSequence = []

    assert read(changed(edit)).patient.name == "陈秀英"


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda d: delattr(d, "WaveformSequence"), "no waveform"),
        (lambda d: setattr(d.WaveformSequence[0], "NumberOfWaveformSamples", 2501), "length"),
        (lambda d: setattr(d.WaveformSequence[0], "SamplingFrequency", "0"), "sampling frequency"),
        (lambda d: setattr(d.WaveformSequence[0], "WaveformSampleInterpretation", "MB"), "form"),
        (lambda d: delattr(d.WaveformSequence[0].ChannelDefinitionSequence[0], "ChannelSensitivity"), "sensitivity"),
        (lambda d: setattr(d, "StudyInstanceUID", ""), "UID"),
        (lambda d: delattr(d.WaveformSequence[0], "WaveformData"), "decoded"),
    ],
)
def test_a_damaged_object_is_refused_with_what_is_wrong(changed, edit, message: str) -> None:
    with pytest.raises(Incorrect, match=message):
        read(changed(edit))


def test_an_object_cut_short_is_refused(samples: dict[str, bytes]) -> None:
    for end in (140, 400, 5000, 40_000):
        with pytest.raises(Incorrect):
            read(samples["recording.dcm"][:end])


def test_a_deflated_bomb_is_refused_without_being_inflated(samples: dict[str, bytes]) -> None:
    head = bytearray(samples["recording.dcm"][:144])
    syntax = b"1.2.840.10008.1.2.1.99"
    meta = b"\x02\x00\x10\x00UI" + len(syntax).to_bytes(2, "little") + syntax
    head[140:144] = len(meta).to_bytes(4, "little")
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    bomb = b"".join(packer.compress(bytes(1 << 20)) for _ in range(256)) + packer.flush()
    with pytest.raises(Exception, match="too large") as refusal:
        read(bytes(head) + meta + bomb)
    assert type(refusal.value).__name__ == "TooLarge"


def test_derived_leads_need_two_simultaneous_limb_leads() -> None:
    one = Lead("I", np.array([1, 2], np.int16), Decimal(5))
    two = Lead("II", np.array([3, 4], np.int16), Decimal(5), start_seconds=Decimal(1))
    assert with_derived_limb_leads((one, two)) == (one, two)
    assert with_derived_limb_leads((two,)) == (two,)


def test_a_lead_too_wide_to_derive_is_left_out_and_the_recording_kept() -> None:
    one = Lead("I", np.array([-(2**31), 0], np.int32), Decimal(1))
    two = Lead("II", np.array([2**31 - 1, 0], np.int32), Decimal(1))
    assert [lead.name for lead in with_derived_limb_leads((one, two))] == ["I", "II", "aVR"]
