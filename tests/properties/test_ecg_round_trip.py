"""What a recording holds comes back from its canonical DICOM object."""

from datetime import datetime, timedelta, timezone
from decimal import Decimal

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from adapters.ecg.character_set import repaired, xml_text
from adapters.ecg.dicom_object import AMBULATORY_ECG, ObjectIdentity, canonical_object
from adapters.ecg.leads import NUMBER_OF_LEAD, with_derived_limb_leads
from adapters.ecg.patient_facts import patient_facts
from adapters.ecg.read import read
from adapters.ecg.recording import Format, Lead, Measurement, MeasurementKind, Recording
from adapters.ecg.samples import fitted

HAN = st.text(st.characters(min_codepoint=0x4E00, max_codepoint=0x9FA5), min_size=2, max_size=6).filter(
    lambda text: patient_facts(name=text).name == text
)
"""Names, without the words that stand for nobody."""
SCALES = st.decimals("0.001", "5000", places=3, allow_nan=False, allow_infinity=False)


@st.composite
def recordings(draw: st.DrawFn) -> Recording:
    names = draw(st.lists(st.sampled_from(sorted(NUMBER_OF_LEAD)), min_size=1, max_size=15, unique=True))
    bits = draw(st.sampled_from((15, 31)))
    count = draw(st.integers(1, 40))
    values = st.lists(st.integers(-(2**bits), 2**bits - 1), min_size=count, max_size=count)
    scale = draw(SCALES)
    leads = [
        Lead(
            name,
            fitted(np.array([1, *draw(values)], dtype=np.int64)),
            scale,
            draw(st.sampled_from((Decimal(0), Decimal("12.5")))),
        )
        for name in names
    ]
    zone = timezone(timedelta(minutes=draw(st.integers(-720, 840))))
    formula = draw(st.sampled_from(("Bazett", "Hodges", "unknown")))
    qtc = Measurement(MeasurementKind.QTC, Decimal(draw(st.integers(1, 999))), formula=formula)
    return Recording(
        format=Format.AECG,
        leads=with_derived_limb_leads(leads) if bits == 15 else tuple(leads),
        sampling_rate_hz=Decimal(draw(st.sampled_from((100, 200, 250, 500, 1000, 2000)))),
        start=draw(st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1))).replace(tzinfo=zone),
        measurements=(qtc,),
    )


@settings(max_examples=80, deadline=None)
@given(recordings(), HAN)
def test_integers_scales_times_and_names_come_back(recording: Recording, name: str) -> None:
    made = canonical_object(recording, ObjectIdentity("2.25.1", "2.25.2", "2.25.3", "A1", name))
    back = read(made.part10)
    there = {lead.name: lead for lead in back.leads}
    for lead in recording.leads:
        if lead.derived and made.sop_class_uid == AMBULATORY_ECG:
            continue
        other = there[lead.name]
        assert other.samples.tolist() == lead.samples.tolist()
        assert abs(other.microvolts_per_bit - lead.microvolts_per_bit) <= lead.microvolts_per_bit / 10**9
        assert other.offset_microvolts == lead.offset_microvolts and other.derived == lead.derived
    assert back.sampling_rate_hz == recording.sampling_rate_hz
    assert back.start == recording.start
    assert back.measurements == recording.measurements
    assert back.patient.name == name


@given(HAN, st.sampled_from(("utf-8", "gb18030", "utf-16")))
def test_chinese_in_xml_survives_a_wrong_label(text: str, codec: str) -> None:
    document = f'<?xml version="1.0" encoding="UTF-8"?><AnnotatedECG><name>{text}{text}</name></AnnotatedECG>'
    encoded = document.encode(codec)
    assume(codec == "utf-8" or not _is_utf8(encoded))  # 一 in GB18030 is һ in UTF-8: then the label has the say
    assert text in xml_text(encoded)


def _is_utf8(content: bytes) -> bool:
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


@given(st.text(st.characters(max_codepoint=0xFF), max_size=8))
def test_repairing_never_fails_and_leaves_plain_text_alone(text: str) -> None:
    assert repaired(text) is not None
    if text.isascii():
        assert repaired(text) == text
