import pytest

from adapters.ecg.detect import format_of
from adapters.ecg.read import LIMIT_BYTES, read
from adapters.ecg.recording import Format
from hub.contracts.errors import Incorrect, TooLarge, Unsupported


def test_formats_are_told_apart_by_content(samples: dict[str, bytes], muse: bytes, sierra: bytes) -> None:
    found = [format_of(one) for one in (*samples.values(), muse, sierra)]
    assert found == [Format.AECG, Format.AECG, Format.SCP_ECG, Format.DICOM, Format.MUSE, Format.SIERRA]


@pytest.mark.parametrize("codec", ["utf-16", "utf-16-le", "utf-16-be", "utf-8-sig"])
def test_wide_xml_is_recognised(samples: dict[str, bytes], codec: str) -> None:
    text = samples["recording.xml"].decode().replace('"UTF-8"', '"UTF-16"' if "16" in codec else '"UTF-8"')
    assert format_of(text.encode(codec)) is Format.AECG


def test_comments_and_prefixes_before_the_root_do_not_hide_it() -> None:
    assert (
        format_of(b"<?xml version='1.0'?><!-- <RestingECG> --><v3:AnnotatedECG xmlns:v3='urn:hl7-org:v3'/>")
        is Format.AECG
    )


@pytest.mark.parametrize("content", [b"%PDF-1.7 x", b"\x89PNG\r\n", b"\xff\xd8\xff\xe0", b"<html></html>"])
def test_pictures_and_other_documents_are_refused_with_the_remedy(content: bytes) -> None:
    with pytest.raises(Unsupported) as refusal:
        read(content)
    assert "DICOM" in refusal.value.remedy


@pytest.mark.parametrize("content", [b"", b"\0" * 4096, b"hello", b"I,II,III\n1,2,3\n", b"<"])
def test_what_is_no_ecg_is_refused(content: bytes) -> None:
    with pytest.raises(Incorrect):
        read(content)


def test_a_file_over_the_limit_is_refused_unread() -> None:
    with pytest.raises(TooLarge):
        read(bytes(LIMIT_BYTES + 1))


def test_a_tracing_flat_at_zero_is_refused(samples: dict[str, bytes]) -> None:
    import re

    flat = re.sub(rb"<digits>[^<]*", b"<digits>" + b"0 " * 2500, samples["recording.xml"])
    with pytest.raises(Incorrect, match="flat"):
        read(flat)
