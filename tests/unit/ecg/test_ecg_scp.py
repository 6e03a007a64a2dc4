import binascii
import struct

import pytest

from adapters.ecg.read import read
from adapters.ecg.scp_structure import checked_sections, looks_like_scp
from hub.contracts.errors import Incorrect


def signed(record: bytes) -> bytes:
    """The record with its own CRC made right."""
    return struct.pack("<H", binascii.crc_hqx(record[2:], 0xFFFF)) + record[2:]


def with_section(record: bytes, number: int, change) -> bytes:
    """The record with one section's body changed in place and both CRCs made right."""
    section = checked_sections(record)[number]
    body = change(section.body(record))
    content = record[section.offset + 2 : section.offset + 16] + body
    whole = record[: section.offset] + struct.pack("<H", binascii.crc_hqx(content, 0xFFFF)) + content
    return signed(whole + record[section.offset + section.length :])


def test_intervals_are_the_carts_own_wave_boundaries_subtracted(samples: dict[str, bytes]) -> None:
    values = {m.kind.value: (int(m.value), m.formula) for m in read(samples["recording.scp"]).measurements}
    assert values["pr"] == (158, "") and values["qrs"] == (92, "") and values["qt"] == (384, "")
    assert values["qtc"] == (421, "Bazett")


@pytest.mark.parametrize(("number", "formula"), [(0, "unknown"), (2, "Hodges"), (3, "Fridericia"), (200, "unknown")])
def test_the_formula_of_the_qtc_is_that_of_section_7(samples: dict[str, bytes], number: int, formula: str) -> None:
    changed = with_section(samples["recording.scp"], 7, lambda body: body[:30] + bytes((number,)) + body[31:])
    assert [m.formula for m in read(changed).measurements if m.formula] == [formula]


def test_a_wrong_crc_of_the_record_is_refused(samples: dict[str, bytes]) -> None:
    record = bytearray(samples["recording.scp"])
    record[-1] ^= 1
    with pytest.raises(Incorrect, match="CRC of the record"):
        read(bytes(record))


def test_a_wrong_crc_of_a_section_is_refused(samples: dict[str, bytes]) -> None:
    record = bytearray(samples["recording.scp"])
    record[checked_sections(bytes(record))[6].offset + 40] ^= 1
    with pytest.raises(Incorrect, match="CRC of a section") as refusal:
        read(signed(bytes(record)))
    assert refusal.value.where == "section 6"


def test_a_truncated_record_is_refused(samples: dict[str, bytes]) -> None:
    with pytest.raises(Incorrect, match="record length"):
        read(samples["recording.scp"][:-100])


def test_a_pointer_out_of_the_record_is_refused(samples: dict[str, bytes]) -> None:
    record = samples["recording.scp"]
    broken = with_section(record, 0, lambda body: body[:62] + struct.pack("<I", 5_000_000) + body[66:])
    with pytest.raises(Incorrect, match="outside the record"):
        read(broken)


def test_a_missing_lead_definition_is_refused(samples: dict[str, bytes]) -> None:
    record = with_section(samples["recording.scp"], 0, lambda body: body[:32] + bytes(4) + body[36:])
    with pytest.raises(Incorrect, match=r"Section 3 \(lead definition\) is missing"):
        read(record)


def test_leads_with_more_samples_than_there_can_be_are_refused_before_decoding(samples: dict[str, bytes]) -> None:
    endless = with_section(
        samples["recording.scp"], 3, lambda body: body[:2] + struct.pack("<II", 1, 4_000_000_000) + body[10:]
    )
    with pytest.raises(Incorrect, match="more samples"):
        read(endless)


def test_samples_that_end_too_early_are_refused(samples: dict[str, bytes]) -> None:
    longer = with_section(
        samples["recording.scp"], 3, lambda body: body[:2] + struct.pack("<II", 1, 90_000) + body[10:]
    )
    with pytest.raises(Incorrect, match="could not be decoded"):
        read(longer)


def test_a_leads_later_first_sample_keeps_its_place_in_time(samples: dict[str, bytes]) -> None:
    moved = with_section(samples["recording.scp"], 3, lambda body: body[:2] + struct.pack("<II", 501, 3000) + body[10:])
    leads = {lead.name: lead for lead in read(moved).leads}
    assert leads["I"].start_seconds == 1 and leads["II"].start_seconds == 0


def test_a_non_conformant_handheld_is_recognised_and_refused_with_the_reason(outside) -> None:
    content = outside("scp_nonstandard_healforce_62.scp")
    assert looks_like_scp(content)
    with pytest.raises(Incorrect, match="SCP-ECG: The record length") as refusal:
        read(content)
    assert "aECG or DICOM" in refusal.value.remedy


def test_a_handheld_that_counts_from_six_and_swaps_the_length_is_told_what_is_wrong(samples: dict[str, bytes]) -> None:
    record = samples["recording.scp"]
    length = struct.unpack_from("<I", record, 2)[0]
    swapped = record[:2] + struct.pack("<HH", 0, length & 0xFFFF) + record[6:16] + bytes(6) + record[22:]
    assert looks_like_scp(swapped)
    with pytest.raises(Incorrect, match="SCP-ECG: The record length"):
        read(swapped)
