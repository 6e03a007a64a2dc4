"""Damaged ECG files are refused in our own words, never by an exception of a library."""

import base64
import binascii
import importlib.util
import struct
from pathlib import Path
from types import ModuleType

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.ecg.dicom_object import ObjectIdentity, canonical_object
from adapters.ecg.read import read
from hub.contracts.errors import ExchangeError, Unsupported

ROOT = Path(__file__).resolve().parents[2]
LIMITS = settings(
    max_examples=250,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def _maker() -> ModuleType:
    spec = importlib.util.spec_from_file_location("ecg_make_samples_fuzz", ROOT / "samples" / "ecg" / "make_samples.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.SECONDS = 1
    return module


MAKER = _maker()
SAMPLES: dict[str, bytes] = MAKER.samples()


def _rows() -> bytes:
    return np.array(list(MAKER.tracing().values()), "<i2").tobytes()


def _muse() -> bytes:
    data = base64.b64encode(_rows()[:1000]).decode()
    return (
        '<?xml version="1.0"?><!DOCTYPE RestingECG SYSTEM "restecg.dtd"><RestingECG><Waveform><WaveformType>Rhythm'
        "</WaveformType><SampleBase>500</SampleBase><SampleExponent>0</SampleExponent><LeadData><LeadAmplitudeUnitsPerBit>"
        "2.5</LeadAmplitudeUnitsPerBit><LeadAmplitudeUnits>MICROVOLTS</LeadAmplitudeUnits><LeadID>II</LeadID>"
        f"<WaveFormData>{data}</WaveFormData></LeadData></Waveform></RestingECG>"
    ).encode()


def _sierra() -> bytes:
    return (
        '<restingecgdata xmlns="http://www3.medical.philips.com"><documentinfo><documenttype>SierraECG</documenttype>'
        "<documentversion>1.03</documentversion></documentinfo><dataacquisition><signalcharacteristics><samplingrate>500"
        "</samplingrate><signalresolution>2.5</signalresolution><acquisitiontype>STD-12</acquisitiontype>"
        "<numberchannelsallocated>12</numberchannelsallocated></signalcharacteristics></dataacquisition><waveforms>"
        '<parsedwaveforms compressflag="False" dataencoding="Base64" durationperchannel="1000">'
        f"{base64.b64encode(_rows()).decode()}</parsedwaveforms></waveforms></restingecgdata>"
    ).encode()


FILES = {**SAMPLES, "muse.xml": _muse(), "sierra.xml": _sierra()}


@st.composite
def damaged(draw: st.DrawFn, content: bytes) -> bytes:
    changed = bytearray(content)
    # Structure stands at the beginning and at the end; samples fill the middle.
    places = st.one_of(st.integers(0, min(4000, len(content) - 1)), st.integers(0, len(content) - 1))
    for _ in range(draw(st.integers(1, 8))):
        place = draw(places)
        match draw(st.sampled_from(("flip", "set", "cut", "drop", "insert", "double"))):
            case "flip":
                changed[place % len(changed)] ^= 1 << draw(st.integers(0, 7))
            case "set":
                width = draw(st.sampled_from((1, 2, 4)))
                changed[place : place + width] = draw(st.sampled_from((b"\0", b"\xff", b"\x7f"))) * width
            case "cut" if draw(st.booleans()):
                del changed[max(place, 1) :]
            case "drop":
                del changed[place : place + draw(st.integers(1, 40))]
            case "insert":
                changed[place:place] = draw(st.binary(min_size=1, max_size=12))
            case "double":
                changed[place:place] = changed[place : place + 200]
        if not changed:
            changed = bytearray(b"\0")
    return bytes(changed)


def became(content: bytes) -> str:
    """``taken``: a DICOM file was made of it. ``refused``: with a reason that names nobody. Else a sentence."""
    try:
        recording = read(content)
        made = canonical_object(recording, ObjectIdentity("2.25.1", "2.25.2", "2.25.3", "A", "B"))
    except ExchangeError as refusal:
        named = not isinstance(refusal, Unsupported) and "陈" in refusal.sentence()
        return "refused" if refusal.what and not named else "refused without a reason, or naming somebody"
    return "taken" if made.part10[128:132] == b"DICM" else "taken, but what was written is no DICOM file"


@LIMITS
@given(st.sampled_from(sorted(FILES)).flatmap(lambda name: damaged(FILES[name])))
def test_a_damaged_file_is_taken_or_refused(content: bytes) -> None:
    assert became(content) in ("taken", "refused")


@LIMITS
@given(damaged(SAMPLES["recording.scp"]))
def test_an_scp_record_whose_checksums_fit_its_damage_is_taken_or_refused(content: bytes) -> None:
    assert became(_signed(content)) in ("taken", "refused")


@LIMITS
@given(damaged(SAMPLES["recording.dcm"][:6000] + SAMPLES["recording.dcm"][-4000:]))
def test_a_damaged_dicom_object_is_taken_or_refused(content: bytes) -> None:
    assert became(content) in ("taken", "refused")


@LIMITS
@given(
    st.binary(max_size=300),
    st.sampled_from((b"", b"\0" * 128 + b"DICM", b"<?xml version='1.0'?><AnnotatedECG>", b"<RestingECG>")),
)
def test_noise_is_refused(noise: bytes, head: bytes) -> None:
    assert became(head + noise) == "refused"


def _signed(content: bytes) -> bytes:
    """Every checksum made right again, as far as the pointers still lead somewhere."""
    record = bytearray(content)
    if len(record) < 200:
        return bytes(record)
    struct.pack_into("<I", record, 2, len(record))
    places = [(6, struct.unpack_from("<I", record, 10)[0])]
    for position in range(22, min(22 + 120, len(record) - 10), 10):
        _, length, index = struct.unpack_from("<HII", record, position)
        places.append((index - 1, length))
    for offset, length in reversed(places):
        if offset >= 6 and length >= 16 and offset + length <= len(record):
            crc = binascii.crc_hqx(bytes(record[offset + 2 : offset + length]), 0xFFFF)
            struct.pack_into("<H", record, offset, crc)
    struct.pack_into("<H", record, 0, binascii.crc_hqx(bytes(record[2:]), 0xFFFF))
    return bytes(record)
