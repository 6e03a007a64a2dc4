"""Each sample message becomes exactly the FHIR resources, or the refusal, that lies beside it."""

from pathlib import Path

import msgspec
import pytest
from hl7v2_samples import SAMPLES, expected, messages_in

from hub.fhir.model import decode

ACCEPTED = [path for path in messages_in(SAMPLES) if path.parent == SAMPLES]


@pytest.mark.parametrize("path", messages_in(SAMPLES), ids=lambda path: path.stem)
def test_a_sample_becomes_what_lies_beside_it(path: Path) -> None:
    assert expected(path.read_bytes()).decode() == path.with_suffix(".json").read_text(encoding="utf-8")


@pytest.mark.parametrize("path", ACCEPTED, ids=lambda path: path.stem)
def test_everything_made_of_a_sample_is_valid_r4(path: Path) -> None:
    messages = msgspec.json.decode(path.with_suffix(".json").read_bytes(), type=list[dict[str, msgspec.Raw]])
    entries = [
        entry for one in messages for entry in msgspec.json.decode(one["entries"], type=list[dict[str, msgspec.Raw]])
    ]
    assert entries
    for entry in entries:
        decode(bytes(entry["resource"]), msgspec.json.decode(entry["type"]))


def test_no_sample_names_a_real_region() -> None:
    for path in messages_in(SAMPLES):
        text = path.with_suffix(".json").read_text(encoding="utf-8")
        at = text.find("urn:oid:2.16.156.10011.1.3")
        while at >= 0:
            assert '"value": "990101' in text[at : at + 120]
            at = text.find("urn:oid:2.16.156.10011.1.3", at + 1)
