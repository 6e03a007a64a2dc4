"""Which archive an ImagingStudy that somebody posts says its images live at."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from dicom_parts import RecordingHub

from dicom_gateway.archive import Archive
from dicom_gateway.distant.pushed import PushedStudies, archive_of, uid_of
from hub.contracts.archives import ARCHIVE_NAME, DistantArchive, endpoint
from hub.contracts.errors import NotFound
from hub.contracts.store import Change, Stored

PACS = DistantArchive("county-pacs", "county", url="https://pacs.example.org/dicom-web")
OTHER = DistantArchive("other", "elsewhere", "OTHER", "127.0.0.1", 104, retrieve="c-get")
STUDY = {"resourceType": "ImagingStudy", "identifier": [{"system": "urn:dicom:uid", "value": "urn:oid:1.2.3"}]}
ENDPOINTS = {"archive-county-pacs": endpoint(PACS, "active"), "archive-other": endpoint(OTHER, "active")}


@pytest.mark.parametrize(
    ("more", "archive"),
    [
        ({"endpoint": [{"reference": "Endpoint/archive-county-pacs"}]}, PACS),
        ({"endpoint": [{"reference": "https://hub.example.org/fhir/Endpoint/archive-other/_history/1"}]}, OTHER),
        ({"series": [{"endpoint": [{"identifier": {"system": ARCHIVE_NAME, "value": "other"}}]}]}, OTHER),
        (
            {
                "contained": [{"resourceType": "Endpoint", "id": "e", "address": f"{PACS.url}/studies/1.2.3"}],
                "endpoint": [{"reference": "#e"}],
            },
            PACS,
        ),
        (
            {
                "contained": [{"resourceType": "Endpoint", "id": "e", "address": f"{PACS.url}-of-somebody-else"}],
                "endpoint": [{"reference": "#e"}],
            },
            None,
        ),
        ({"endpoint": [{"reference": "Endpoint/unknown"}, {"reference": ""}]}, None),
        ({}, None),
    ],
)
def test_an_archive_is_named_by_reference_identifier_or_address(more: Any, archive: DistantArchive | None) -> None:
    assert archive_of(STUDY | more, [PACS, OTHER], ENDPOINTS.get) == archive


def test_a_uid_that_is_none_is_none() -> None:
    assert uid_of(STUDY) == "1.2.3"
    assert uid_of({"identifier": [{"system": "urn:dicom:uid", "value": "urn:oid:1.2.x"}]}) == ""


class Store:
    """Reads of one ImagingStudy."""

    def __init__(self, body: Any) -> None:
        self._body = body

    def read(self, kind: str, number: str, _scope: Any) -> Stored:
        if kind == "Endpoint" and number in ENDPOINTS:
            return Stored(kind, number, 1, "", msgspec.json.encode(ENDPOINTS[number]), "county")
        if kind == "ImagingStudy" and number == "1":
            return Stored(kind, number, 1, "", msgspec.json.encode(self._body), "county")
        raise NotFound("not there")


@pytest.mark.parametrize(
    ("sender", "owner", "heard"), [("his", "county", True), ("county-pacs", "county", False), ("his", "baihe", False)]
)
def test_what_its_own_organization_posts_is_looked_up_and_not_what_we_told_the_hub_ourselves(
    archive: Archive, recording_hub: RecordingHub, sender: str, owner: str, heard: bool
) -> None:
    recording_hub.distant.append(PACS)
    posted = STUDY | {"endpoint": [{"reference": "Endpoint/archive-county-pacs"}]}
    follower = PushedStudies(archive, Store(posted))  # type: ignore[arg-type]
    at = datetime(2026, 11, 1, tzinfo=UTC)
    follower.follow([
        Change(1, "ImagingStudy", "1", 1, False, owner, sender, "p1", at),
        Change(2, "ImagingStudy", "2", 1, False, owner, sender, "p1", at),
    ])  # fmt: skip
    told = archive.index.distant_studies.of("county-pacs", "1.2.3")
    assert (told is not None) is heard
    if told is not None:
        assert (told.announced, told.patient) == (True, "p1")
