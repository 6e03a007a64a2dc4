"""The registry of distant archives, and what the DICOM door makes of their AE titles."""

import json
from dataclasses import replace

import pytest

from hub.contracts.archives import DistantArchive
from hub.contracts.caller import EVERYTHING, Caller, Role
from hub.contracts.errors import Conflict, Incorrect, NotFound
from hub.contracts.far_end import LOOPBACK, FarEnd
from hub.security.archives import SqlArchives
from hub.security.clients import Clients
from hub.security.registration import AeTitle, Registration
from hub.store.sqlite import SqliteResourceStore

COUNTY = DistantArchive("county-pacs", "county", "PACS", "127.0.0.1", 104, retrieve="c-get", sweep_hours=(20, 6))
WEB = DistantArchive("web-pacs", "county", url="https://pacs.example.org/dicom-web/", token="secret")


@pytest.fixture
def archives(store: SqliteResourceStore) -> SqlArchives:
    return SqlArchives(store)


def test_an_archive_is_registered_with_its_endpoint_and_organization(
    archives: SqlArchives, store: SqliteResourceStore
) -> None:
    archives.add(COUNTY, "县人民医院")
    archives.add(WEB)
    assert archives.archives()[0] == COUNTY
    assert archives.archives()[1].url == "https://pacs.example.org/dicom-web"
    endpoint = json.loads(store.read("Endpoint", "archive-web-pacs", EVERYTHING).body)
    assert endpoint["status"] == "active"
    assert endpoint["address"] == "https://pacs.example.org/dicom-web"
    assert "secret" not in json.dumps(endpoint)
    assert json.loads(store.read("Organization", "county", EVERYTHING).body)["name"] == "县人民医院"
    archives.remove("web-pacs")
    assert json.loads(store.read("Endpoint", "archive-web-pacs", EVERYTHING).body)["status"] == "off"
    assert [one.name for one in archives.archives()] == ["county-pacs"]
    with pytest.raises(NotFound):
        archives.remove("web-pacs")


def test_its_ae_title_comes_in_as_a_client_of_its_hospital(archives: SqlArchives, clients: Clients) -> None:
    archives.add(COUNTY)
    assert clients.caller_by_ae_title("PACS", LOOPBACK) == Caller("county-pacs", Role.CLINIC, "county")
    assert clients.caller_by_ae_title("PACS", FarEnd("10.0.0.1")) is None
    assert clients.destination_of_ae_title("PACS") == ("127.0.0.1", 104)
    archives.remove("county-pacs")
    clients._checked = 0
    assert clients.caller_by_ae_title("PACS", LOOPBACK) is None


def test_titles_and_names_belong_to_one_organization(archives: SqlArchives, clients: Clients) -> None:
    clients.add(Registration("pacs", Role.CLINIC, "county", ae_titles=(AeTitle("PACS"),)))
    archives.add(COUNTY)  # the same hospital's
    assert clients.caller_by_ae_title("PACS", LOOPBACK) == Caller("pacs", Role.CLINIC, "county")
    with pytest.raises(Conflict):
        archives.add(DistantArchive("other", "elsewhere", "PACS", "127.0.0.1", 104, retrieve="c-get"))
    with pytest.raises(Conflict):
        archives.add(DistantArchive("pacs", "county", url="http://127.0.0.1/dicom-web"))
    with pytest.raises(Conflict):
        clients.add(Registration("county-pacs", Role.CLINIC, "county"))


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("name", {"name": "a/b"}),
        ("dicomweb", {"url": "ftp://pacs/"}),
        ("dicomweb", {"url": "http://user:pass@pacs/"}),
        ("ae-title", {"ae_title": "", "host": ""}),
        ("retrieve", {"retrieve": "wado-rs"}),
        ("token", {"token": "x"}),
        ("pace", {"requests_per_second": 0}),
        ("sweep-hours", {"sweep_hours": (20, 24)}),
    ],
)
def test_what_cannot_work_is_refused_by_the_name_of_its_field(
    archives: SqlArchives, field: str, wrong: dict[str, object]
) -> None:
    with pytest.raises(Incorrect) as refused:
        archives.add(replace(COUNTY, **wrong))  # type: ignore[arg-type]
    assert refused.value.where == field
    assert archives.archives() == ()
