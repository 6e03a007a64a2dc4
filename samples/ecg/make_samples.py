"""Makes the ECG samples of this folder: one invented recording in every form a cart may send it.

    recording.xml           HL7 aECG, UTF-8
    recording-gb18030.xml   the same, GB18030
    recording.scp           SCP-ECG 2.x, second differences, default Huffman table, Chinese text as GB2312
    recording.dcm           DICOM 12-lead ECG, annotations in the SCPECG scheme

No clock and no chance: running it again gives the same bytes, and a test compares them. The person does not exist.
"""

import binascii
import io
import math
import struct
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filewriter import dcmwrite
from pydicom.uid import ExplicitVRLittleEndian

RATE_HZ = 500
SECONDS = 5
MICROVOLTS_PER_BIT = 2.5
PATIENT_ID, FAMILY, GIVEN, BIRTH_DATE = "QS20260117", "陈", "秀英", "19620415"
START = "20261120093000"
RR, PR, QRS, QT, QTC_BAZETT, HEART_RATE = 833, 158, 92, 384, 421, 72
P_AXIS, QRS_AXIS, T_AXIS = 52, 46, 38
STATEMENTS = ("窦性心律", "正常心电图")
NUMBERS = {
    "I": 1, "II": 2, "III": 61, "aVR": 62, "aVL": 63, "aVF": 64, "V1": 3, "V2": 4, "V3": 5, "V4": 6, "V5": 7, "V6": 8,
}  # fmt: skip

_WAVES = {  # lead: (P, Q, R, S, T) in microvolts
    "I": (80, -40, 620, -90, 190), "II": (130, -60, 980, -160, 280), "V1": (50, 0, 210, -860, -60),
    "V2": (60, 0, 420, -1180, 390), "V3": (70, -20, 760, -740, 430), "V4": (80, -60, 1320, -420, 400),
    "V5": (80, -80, 1240, -210, 330), "V6": (70, -80, 960, -90, 250),
}  # fmt: skip
_CENTRES_MS = (60, 172, 200, 226, 430)
_WIDTHS_MS = (24.0, 9.0, 11.0, 9.0, 46.0)


def tracing() -> dict[str, list[int]]:
    """Integers of the twelve leads; III and the augmented leads follow from I and II as a cart computes them."""
    leads = {name: [_sample(name, index) for index in range(RATE_HZ * SECONDS)] for name in _WAVES}
    one, two = leads["I"], leads["II"]
    leads["III"] = [ii - i for i, ii in zip(one, two, strict=True)]
    leads["aVR"] = [-(i + ii) // 2 for i, ii in zip(one, two, strict=True)]
    leads["aVL"] = [i - ii // 2 for i, ii in zip(one, two, strict=True)]
    leads["aVF"] = [ii - i // 2 for i, ii in zip(one, two, strict=True)]
    return {name: leads[name] for name in NUMBERS}


def _sample(lead: str, index: int) -> int:
    milliseconds = index * 1000 / RATE_HZ
    in_beat = (milliseconds - 120) % RR
    waves = zip(_WAVES[lead], _CENTRES_MS, _WIDTHS_MS, strict=True)
    value = sum(height * math.exp(-(((in_beat - centre) / width) ** 2)) for height, centre, width in waves)
    value += 18 * math.sin(2 * math.pi * 0.28 * milliseconds / 1000)
    return round(value / MICROVOLTS_PER_BIT)


def aecg(encoding: str) -> bytes:
    """ANSI/HL7 V3 ECG R1."""
    mdc = 'codeSystem="2.16.840.1.113883.6.24" codeSystemName="MDC"'
    sequences = "".join(
        f'<component><sequence><code code="MDC_ECG_LEAD_{name.upper()}" {mdc}/><value xsi:type="SLIST_PQ">'
        f'<origin value="0" unit="uV"/><scale value="{MICROVOLTS_PER_BIT}" unit="uV"/>'
        f"<digits>{' '.join(map(str, samples))}</digits></value></sequence></component>\n"
        for name, samples in tracing().items()
    )
    quantities = (
        ("HEART_RATE", HEART_RATE, "bpm"), ("TIME_PD_RR", RR, "ms"), ("TIME_PD_PR", PR, "ms"),
        ("TIME_PD_QRS", QRS, "ms"), ("TIME_PD_QT", QT, "ms"), ("TIME_PD_QTcB", QTC_BAZETT, "ms"),
        ("ANGLE_P_FRONT", P_AXIS, "deg"), ("ANGLE_QRS_FRONT", QRS_AXIS, "deg"), ("ANGLE_T_FRONT", T_AXIS, "deg"),
    )  # fmt: skip
    annotations = "".join(
        f'<component><annotation><code code="MDC_ECG_{code}" {mdc}/>'
        f'<value xsi:type="PQ" value="{value}" unit="{unit}"/></annotation></component>\n'
        for code, value, unit in quantities
    ) + "".join(
        f'<component><annotation><code code="MDC_ECG_INTERPRETATION_STATEMENT" {mdc}/>'
        f'<value xsi:type="ST">{line}</value></annotation></component>\n'
        for line in STATEMENTS
    )
    filters = "".join(
        f'<controlVariable><controlVariable><code code="MDC_ECG_CTL_VBL_ATTR_FILTER_{kind}" {mdc}/><component>'
        f'<controlVariable><code code="MDC_ECG_CTL_VBL_ATTR_FILTER_{what}_FREQ" {mdc}/>'
        f'<value xsi:type="PQ" value="{frequency}" unit="Hz"/></controlVariable></component></controlVariable>'
        "</controlVariable>\n"
        for kind, what, frequency in (
            ("HIGH_PASS", "CUTOFF", "0.05"), ("LOW_PASS", "CUTOFF", "150"), ("NOTCH", "NOTCH", "50"),
        )
    )  # fmt: skip
    return f"""<?xml version="1.0" encoding="{encoding}"?>
<AnnotatedECG xmlns="urn:hl7-org:v3" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" type="Observation">
<id root="5f1d7c1e-6f0c-4f39-9c3e-0d1a4c7b2e10"/><code code="93000" codeSystem="2.16.840.1.113883.6.12"/>
<effectiveTime><low value="{START}+0800"/></effectiveTime>
<componentOf><timepointEvent><componentOf><subjectAssignment><subject><trialSubject>
<id root="2.16.156.10011.990101" extension="{PATIENT_ID}"/>
<subjectDemographicPerson><name><family>{FAMILY}</family><given>{GIVEN}</given></name>
<administrativeGenderCode code="F" codeSystem="2.16.840.1.113883.5.1"/><birthTime value="{BIRTH_DATE}"/>
</subjectDemographicPerson></trialSubject></subject></subjectAssignment></componentOf></timepointEvent></componentOf>
<component><series><code code="RHYTHM" codeSystem="2.16.840.1.113883.5.4"/>
<effectiveTime><low value="{START}+0800"/></effectiveTime>
<author><seriesAuthor><manufacturedSeriesDevice><id extension="0042"/>
<manufacturerModelName>示例心电图机 M1</manufacturerModelName>
<softwareName>1.0</softwareName></manufacturedSeriesDevice><manufacturerOrganization><name>示例厂商</name>
</manufacturerOrganization></seriesAuthor></author>
{filters}<component><sequenceSet><component><sequence><code code="TIME_ABSOLUTE" codeSystem="2.16.840.1.113883.5.4"/>
<value xsi:type="GLIST_TS"><head value="{START}.000+0800"/><increment value="{1 / RATE_HZ}" unit="s"/></value>
</sequence></component>
{sequences}</sequenceSet></component>
<subjectOf><annotationSet>
{annotations}</annotationSet></subjectOf>
</series></component>
</AnnotatedECG>
""".encode(encoding)


def scp() -> bytes:
    """EN 1064: sections 0-8, CRC of the record and of every section."""
    leads = tracing()
    count = RATE_HZ * SECONDS
    p_on, qrs_on = 200, 200 + PR
    sections = {
        1: _patient_section(),
        2: struct.pack("<H", 19999),
        3: struct.pack("<BB", len(leads), 0x04 | len(leads) << 3)
        + b"".join(struct.pack("<IIB", 1, count, NUMBERS[name]) for name in leads),
        6: _rhythm_section(leads),
        7: struct.pack("<BBHH", 1, 0, RR, 29999)
        + struct.pack("<5H3h", p_on, p_on + 104, qrs_on, qrs_on + QRS, qrs_on + QT, P_AXIS, QRS_AXIS, T_AXIS)
        + struct.pack("<H", 0)
        + struct.pack("<3HB", HEART_RATE, 29999, QTC_BAZETT, 1),
        8: _statement_section(),
    }
    bodies = {number: _section(number, body) for number, body in sections.items()}
    pointers, index = b"", 6 + 16 + 12 * 10 + 1
    for number in range(1, 12):
        length = len(bodies.get(number, b""))
        pointers += struct.pack("<HII", number, length, index if length else 0)
        index += length
    head = _section(0, struct.pack("<HII", 0, 16 + 12 * 10, 7) + pointers, b"SCPECG")
    record = head + b"".join(bodies.values())
    sized = struct.pack("<I", 6 + len(record)) + record
    return struct.pack("<H", binascii.crc_hqx(sized, 0xFFFF)) + sized


def _section(number: int, body: bytes, reserved: bytes = bytes(6)) -> bytes:
    body += b"\0" * (len(body) % 2)
    content = struct.pack("<HIBB", number, 16 + len(body), 20, 20) + reserved + body
    return struct.pack("<H", binascii.crc_hqx(content, 0xFFFF)) + content


def _patient_section() -> bytes:
    def day(text: str) -> bytes:
        return struct.pack("<HBB", int(text[:4]), int(text[4:6]), int(text[6:8]))

    chinese = "gb2312"
    machine = struct.pack("<HHHBB", 0, 0, 42, 0, 255) + b"M1".ljust(6, b"\0")
    machine += struct.pack("<BBBBB", 20, 0xC0, 0x27, 0xC0, 1)  # SCP 2.0, category, GB2312, capabilities, 50 Hz mains
    texts = (b"", b"0042", b"1.0", b"", "示例厂商".encode(chinese))
    machine = machine.ljust(36, b"\0") + b"\0".join(texts) + b"\0"
    tags = (
        (14, machine),
        (0, FAMILY.encode(chinese) + b"\0"),
        (1, GIVEN.encode(chinese) + b"\0"),
        (2, PATIENT_ID.encode() + b"\0"),
        (5, day(BIRTH_DATE)),
        (8, b"\x02"),
        (25, day(START)),
        (26, bytes((int(START[8:10]), int(START[10:12]), int(START[12:14])))),
        (27, struct.pack("<H", 5)),
        (28, struct.pack("<H", 150)),
        (29, b"\x02"),
        (33, b"\x01\x00"),
        (34, struct.pack("<hH", 480, 0)),
    )
    return b"".join(struct.pack("<BH", tag, len(value)) + value for tag, value in tags) + b"\xff\0\0"


def _rhythm_section(leads: dict[str, list[int]]) -> bytes:
    coded = [_huffman(_second_differences(samples)) for samples in leads.values()]
    nanovolts, microseconds = int(MICROVOLTS_PER_BIT * 1000), 1_000_000 // RATE_HZ
    sizes = struct.pack(f"<{len(coded)}H", *map(len, coded))
    return struct.pack("<HHBB", nanovolts, microseconds, 2, 0) + sizes + b"".join(coded)


def _second_differences(samples: list[int]) -> list[int]:
    later = [samples[n] - 2 * samples[n - 1] + samples[n - 2] for n in range(2, len(samples))]
    return samples[:2] + later


def _huffman(values: list[int]) -> bytes:
    """The default table of EN 1064: 0; up to 8 as ones, 0, sign; then escapes of 8 and 16 bits."""
    bits = []
    for value in values:
        if value == 0:
            bits.append("0")
        elif abs(value) <= 8:
            bits.append("1" * abs(value) + "0" + ("1" if value < 0 else "0"))
        elif -128 <= value <= 127:
            bits.append("1111111110" + format(value & 0xFF, "08b"))
        else:
            bits.append("1111111111" + format(value & 0xFFFF, "016b"))
    joined = "".join(bits)
    joined += "0" * (-len(joined) % 16)
    return int(joined, 2).to_bytes(len(joined) // 8, "big")


def _statement_section() -> bytes:
    stamp = struct.pack("<HBBBBB", int(START[:4]), int(START[4:6]), int(START[6:8]), 9, 30, 20)
    lines = [line.encode("gb2312") + b"\0" for line in STATEMENTS]
    parts = (struct.pack("<BH", number, len(line)) + line for number, line in enumerate(lines, start=1))
    return b"\0" + stamp + bytes((len(lines),)) + b"".join(parts)


def dicom() -> bytes:
    """12-lead ECG (1.2.840.10008.5.1.4.1.1.9.1.1) as an older cart writes it."""
    root = "2.25.990101202611200930"
    dataset = Dataset()
    dataset.SpecificCharacterSet = "GB18030"
    dataset.SOPClassUID, dataset.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.9.1.1", f"{root}.3"
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = f"{root}.1", f"{root}.2"
    dataset.StudyDate = dataset.ContentDate = START[:8]
    dataset.StudyTime = dataset.ContentTime = START[8:]
    dataset.AcquisitionDateTime, dataset.TimezoneOffsetFromUTC = START, "+0800"
    dataset.AccessionNumber = dataset.ReferringPhysicianName = dataset.StudyID = ""
    dataset.Modality, dataset.Manufacturer, dataset.ManufacturerModelName = "ECG", "示例厂商", "M1"
    dataset.PatientName, dataset.PatientID = f"{FAMILY}^{GIVEN}", PATIENT_ID
    dataset.PatientBirthDate, dataset.PatientSex = BIRTH_DATE, "F"
    dataset.SeriesNumber, dataset.InstanceNumber = 1, 1
    dataset.AcquisitionContextSequence = []
    dataset.WaveformSequence = [_multiplex_group(tracing())]
    dataset.WaveformAnnotationSequence = [_text_annotation(line) for line in STATEMENTS] + [
        _measurement(*one)
        for one in (
            ("5.10.2.5-1", "Ventricular Rate", HEART_RATE, "{H.B.}/min"), ("5.10.2.1-3", "RR Interval", RR, "ms"),
            ("5.13.5-7", "PR Interval", PR, "ms"), ("5.13.5-9", "QRS Duration", QRS, "ms"),
            ("5.13.5-11", "QT Interval", QT, "ms"), ("5.10.2.5-5", "QTc Interval Bazett", QTC_BAZETT, "ms"),
            ("5.10.3-11", "P Axis", P_AXIS, "deg"), ("5.10.3-13", "QRS Axis", QRS_AXIS, "deg"),
            ("5.10.3-15", "T Axis", T_AXIS, "deg"),
        )
    ]  # fmt: skip
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.ImplementationClassUID = f"{root}.0"
    file = io.BytesIO()
    dcmwrite(file, dataset, enforce_file_format=True)
    return file.getvalue()


def _multiplex_group(leads: dict[str, list[int]]) -> Dataset:
    group = Dataset()
    group.WaveformOriginality = "ORIGINAL"
    group.NumberOfWaveformChannels, group.NumberOfWaveformSamples = len(leads), RATE_HZ * SECONDS
    group.SamplingFrequency, group.MultiplexGroupLabel = RATE_HZ, "RHYTHM"
    group.ChannelDefinitionSequence = [_channel(name) for name in leads]
    group.WaveformBitsAllocated, group.WaveformSampleInterpretation = 16, "SS"
    group.add_new("WaveformData", "OW", np.array(list(leads.values()), dtype="<i2").T.tobytes())
    return group


def _channel(name: str) -> Dataset:
    channel = Dataset()
    channel.ChannelSourceSequence = [_code(f"5.6.3-9-{NUMBERS[name]}", "SCPECG", f"Lead {name}")]
    channel.ChannelSensitivity, channel.ChannelSensitivityCorrectionFactor = str(MICROVOLTS_PER_BIT), "1"
    channel.ChannelSensitivityUnitsSequence = [_code("uV", "UCUM", "microvolt")]
    channel.ChannelBaseline, channel.ChannelSampleSkew, channel.WaveformBitsStored = "0", "0", 16
    channel.FilterLowFrequency, channel.FilterHighFrequency = "0.05", "150"
    return channel


def _measurement(value: str, meaning: str, amount: int, unit: str) -> Dataset:
    item = Dataset()
    item.MeasurementUnitsCodeSequence = [_code(unit, "UCUM", unit)]
    item.ConceptNameCodeSequence = [_code(value, "SCPECG", meaning)]
    item.ReferencedWaveformChannels, item.AnnotationGroupNumber = [1, 0], 1
    item.NumericValue = str(amount)
    return item


def _text_annotation(text: str) -> Dataset:
    item = Dataset()
    item.ReferencedWaveformChannels, item.AnnotationGroupNumber = [1, 0], 0
    item.UnformattedTextValue = text
    return item


def _code(value: str, scheme: str, meaning: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    if scheme == "SCPECG":
        item.CodingSchemeVersion = "1.3"
    return item


def samples() -> dict[str, bytes]:
    """Every file of this folder by name."""
    return {
        "recording.xml": aecg("UTF-8"),
        "recording-gb18030.xml": aecg("GB18030"),
        "recording.scp": scp(),
        "recording.dcm": dicom(),
    }


if __name__ == "__main__":
    for name, content in samples().items():
        (Path(__file__).parent / name).write_bytes(content)
        print(f"{name}: {len(content)} bytes")
