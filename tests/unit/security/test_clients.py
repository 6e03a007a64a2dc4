"""The registry of clients, as one process and as its neighbour sees it."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

import hub.security.clients
from hub.contracts.caller import EVERYTHING, Caller, Role
from hub.contracts.errors import Conflict, NotFound
from hub.contracts.far_end import FarEnd
from hub.security.clients import Clients
from hub.security.registration import AeTitle, Registration
from hub.security.tables import SECURITY_TABLES
from hub.store.sqlite import SqliteResourceStore

QINGSHAN = Registration(
    "qingshan", Role.CLINIC, "qingshan", "青山镇卫生院", facilities=("QS001",),
    ae_titles=(AeTitle("QS_CT", "10.0.0.9", 104),), deliver_to="http://127.0.0.1:9/hook",
)  # fmt: skip


@pytest.fixture
def neighbour(store: SqliteResourceStore, tmp_path: Path) -> Iterator[Clients]:
    """The registry as another process holds it: its own store on the same folder."""
    other = SqliteResourceStore(tmp_path, reactions=[], side_tables=[SECURITY_TABLES])
    yield Clients(other)
    other.close()


def age(clients: Clients) -> None:
    """Let what is held in memory be older than it is trusted."""
    clients._checked -= hub.security.clients.TRUSTED_SECONDS


def test_a_token_is_random_shown_once_and_kept_as_a_hash(clients: Clients, tmp_path: Path) -> None:
    token = clients.add(QINGSHAN)
    assert token.startswith("hub_") and len(token) >= 47
    assert clients.caller_of_token(token) == Caller("qingshan", Role.CLINIC, "qingshan")
    stored = b"".join(file.read_bytes() for file in tmp_path.glob("hub.sqlite*"))
    assert token.encode() not in stored
    assert token.removeprefix("hub_").encode() not in stored


@pytest.mark.parametrize("token", ["", "hub_", "x" * 10_000, "hub_\ud800", "Bearer"])
def test_any_other_token_is_nobody(clients: Clients, token: str) -> None:
    clients.add(QINGSHAN)
    assert clients.caller_of_token(token) is None


def test_its_organization_is_created_in_the_same_commit_and_not_renamed_later(
    clients: Clients, store: SqliteResourceStore
) -> None:
    clients.add(QINGSHAN)
    organization = store.read("Organization", "qingshan", EVERYTHING)
    assert json.loads(organization.body)["name"] == "青山镇卫生院"
    assert organization.owner == "qingshan"
    clients.add(Registration("qingshan-his", Role.CLINIC, "qingshan", "另一个名字"))
    assert store.read("Organization", "qingshan", EVERYTHING).version == organization.version


def test_a_client_is_found_by_facility_and_ae_title(clients: Clients) -> None:
    clients.add(QINGSHAN)
    assert clients.caller_by_facility("QS001") == clients.caller_by_name("qingshan")
    assert clients.caller_by_facility("QS002") is None
    assert clients.caller_by_ae_title("QS_CT ", FarEnd("127.0.0.1")) == clients.caller_by_name("qingshan")
    assert clients.caller_by_ae_title("QS_CT", FarEnd("10.0.0.9")) is None
    assert clients.caller_by_ae_title("OTHER", FarEnd("127.0.0.1")) is None
    assert clients.destination_of_ae_title("QS_CT") == ("10.0.0.9", 104)
    assert clients.destination_of_ae_title("OTHER") is None


def test_an_organization_has_every_place_its_clients_gave_once(clients: Clients) -> None:
    clients.add(QINGSHAN)
    clients.add(Registration("qs-2", Role.CLINIC, "qingshan", deliver_to="http://127.0.0.1:9/hook"))
    clients.add(Registration("qs-3", Role.CLINIC, "qingshan", deliver_to="mllp://127.0.0.1:9"))
    assert clients.destinations_of_organization("qingshan") == ("http://127.0.0.1:9/hook", "mllp://127.0.0.1:9")
    assert clients.destinations_of_organization("baihe") == ()


def test_reading_centres_are_the_organizations_of_readers(clients: Clients) -> None:
    clients.add(QINGSHAN)
    clients.add(Registration("reader-1", Role.READER, "centre"))
    clients.add(Registration("reader-2", Role.READER, "centre"))
    assert clients.reader_organizations() == ("centre",)


@pytest.mark.parametrize(
    "second",
    [
        Registration("qingshan", Role.CLINIC, "other"),
        Registration("other", Role.CLINIC, "other", facilities=("QS001",)),
        Registration("other", Role.CLINIC, "other", ae_titles=(AeTitle("QS_CT"),)),
    ],
)
def test_a_name_a_facility_and_an_ae_title_belong_to_one_client(clients: Clients, second: Registration) -> None:
    clients.add(QINGSHAN)
    with pytest.raises(Conflict):
        clients.add(second)
    assert [client.name for client in clients.list()] == ["qingshan"]


def test_an_added_client_counts_at_once_in_every_process(clients: Clients, neighbour: Clients) -> None:
    assert neighbour.list() == ()
    token = clients.add(QINGSHAN)
    assert neighbour.caller_of_token(token) is not None
    assert neighbour.caller_by_facility("QS001") is not None


def test_a_rotated_token_ends_and_the_new_one_counts(clients: Clients, neighbour: Clients) -> None:
    old = clients.add(QINGSHAN)
    assert neighbour.caller_of_token(old) is not None
    new = clients.rotate("qingshan")
    assert clients.caller_of_token(old) is None
    assert neighbour.caller_of_token(new) is not None
    age(neighbour)
    assert neighbour.caller_of_token(old) is None


def test_a_removed_client_is_shut_out_everywhere_and_its_names_are_free(clients: Clients, neighbour: Clients) -> None:
    token = clients.add(QINGSHAN)
    assert neighbour.caller_of_token(token) is not None
    clients.remove("qingshan")
    age(neighbour)
    for registry in (clients, neighbour):
        assert registry.caller_of_token(token) is None
        assert registry.caller_by_facility("QS001") is None
        assert registry.caller_by_ae_title("QS_CT", FarEnd("127.0.0.1")) is None
        assert registry.destinations_of_organization("qingshan") == ()
    clients.add(QINGSHAN)


def test_what_is_held_in_memory_is_trusted_for_a_second_at_most() -> None:
    assert hub.security.clients.TRUSTED_SECONDS <= 2


def test_who_is_not_there_cannot_be_rotated_or_removed(clients: Clients) -> None:
    for act in (clients.rotate, clients.remove):
        with pytest.raises(NotFound):
            act("nobody")


def test_a_patient_client_stands_for_one_person(clients: Clients) -> None:
    token = clients.add(Registration("app", Role.PATIENT, "county", person="p1"))
    caller = clients.caller_of_token(token)
    assert caller is not None and caller.person == "p1"
