"""The conformance statement says what the code does, and nothing else."""

import re
from pathlib import Path

from pydicom.datadict import keyword_for_tag

import dicom_gateway
from dicom_gateway import sop_classes
from dicom_gateway.file_meta import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from dicom_gateway.pixels.codec import ENCODED
from dicom_gateway.pixels.image_pixel import LARGEST_FRAME_BYTES
from dicom_gateway.pixels.picture import PICTURES
from dicom_gateway.pixels.transcode import LARGEST_BYTES
from dicom_gateway.scp.contexts import supported_contexts
from dicom_gateway.settings import DicomSettings
from dicom_gateway.sop_classes import AS_SCU
from dicom_gateway.study_index.keys import KEYS
from dicom_gateway.web.capabilities import CAPABILITIES
from dicom_gateway.web.frames import MOST_BYTES
from dicom_gateway.web.rendered import MOST_PICTURES
from dicom_gateway.web.search import MOST_EXAMINED
from dicom_gateway.web.thumbnail import SIDE

TEXT = (Path(dicom_gateway.__file__).parent / "README.md").read_text(encoding="utf-8")


def rows(heading: str) -> list[list[str]]:
    """Cells of the first table below a heading."""
    part = TEXT.split(f"\n{heading}", 1)[1]
    table = re.search(r"\n\|---.*\n((?:\|.*\n)+)", part)
    assert table
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table[1].splitlines()]


def test_every_negotiated_context_is_stated_and_no_other() -> None:
    storage = [uid for _name, uid in rows("### Storage SOP classes")]
    services = [uid for _service, _name, uid, _role in rows("### Service SOP classes")]
    syntaxes = [uid for _name, uid, _media in rows("### Transfer syntaxes")]
    negotiated = {str(one.abstract_syntax): [str(uid) for uid in one.transfer_syntax] for one in supported_contexts()}
    assert negotiated == dict.fromkeys(storage, syntaxes) | dict.fromkeys(services, syntaxes[:2])


def test_the_roles_stated_are_those_agreed_to() -> None:
    both = {str(one.abstract_syntax) for one in supported_contexts() if one.scu_role and one.scp_role}
    services = rows("### Service SOP classes")
    assert both == {uid for _name, uid in rows("### Storage SOP classes")} | {
        uid for _service, _name, uid, role in services if role == "SCP, SCU"
    }
    assert "SCP for C-STORE, SCU for C-GET" in TEXT
    assert {role for _service, _name, _uid, role in services} == {"SCP", "SCP, SCU"}


def test_what_we_propose_as_scu_is_stated() -> None:
    assert {uid for _service, _name, uid in rows("On associations that we open we propose")} == set(AS_SCU)
    package = Path(dicom_gateway.__file__).parent
    proposed = {
        name
        for file in package.rglob("*.py")
        for name in re.findall(r"Proposed\(\s*([A-Z_]+)\b", file.read_text(encoding="utf-8"))
    }
    assert {getattr(sop_classes, name) for name in proposed} == set(AS_SCU)


def test_every_searchable_attribute_is_stated() -> None:
    stated = {(name, level, matching) for name, _tag, level, matching in _keys()}
    assert stated == {(keyword_for_tag(tag), key.level, key.matching.value) for tag, key in KEYS.items()}


def _keys() -> list[list[str]]:
    part = TEXT.split("| attribute | tag | level | matching |\n", 1)[1]
    lines = part.split("\n\n", 1)[0].splitlines()[1:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_the_defaults_stated_are_those_of_the_settings() -> None:
    settings = DicomSettings()
    assert IMPLEMENTATION_CLASS_UID in TEXT
    assert IMPLEMENTATION_VERSION_NAME in TEXT
    assert f"AE title `{settings.ae_title}`" in TEXT
    assert (
        f"At most {settings.maximum_associations} associations, {settings.maximum_associations_per_ae_title} of" in TEXT
    )
    assert f"{settings.maximum_pdu_bytes} bytes" in TEXT
    assert f"for {settings.quiet_seconds:.0f} s" in TEXT


def test_the_web_resources_stated_are_those_that_there_are() -> None:
    section = TEXT.split("## 6. DICOMweb", 1)[1].split("\n## 7", 1)[0]
    for word in {step for one in CAPABILITIES for step in one.path.split("/") if not step.startswith("{")}:
        assert f"/{word}" in section, word
    stated = {kind for kind in ("image/jpeg", "image/png", "image/gif", "image/jls", "image/jp2") if kind in section}
    assert stated == {*PICTURES, "image/jls", "image/jp2"}
    for number in (MOST_PICTURES, MOST_EXAMINED, SIDE):
        assert f" {number}" in section, number
    assert (LARGEST_BYTES, MOST_BYTES, LARGEST_FRAME_BYTES) == (1 << 30, 256 << 20, 256 << 20)
    assert "1 GiB an object, 256 MiB of frames an answer" in section
    assert "a frame over 256 MiB" in TEXT.replace("\n", " ")


def test_what_is_encoded_is_stated() -> None:
    statement = TEXT.split("### Transfer syntaxes", 1)[1].split("### Service", 1)[0].replace("\n", " ")
    for name in ("RLE Lossless, JPEG-LS", "JPEG 2000 Lossless Only", "JPEG 2000 with loss"):
        assert name in statement
    assert len(ENCODED) == 4
