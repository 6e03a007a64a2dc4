"""What may be said of a client when it is registered."""

import pytest

from hub.contracts.caller import Role
from hub.contracts.errors import Incorrect
from hub.contracts.far_end import FarEnd, certificate_names
from hub.security.directory import Client, may_come_from
from hub.security.registration import AeTitle, Registration, network


def test_an_ae_title_may_say_where_reports_go() -> None:
    assert AeTitle.parse("QINGSHAN_CT") == AeTitle("QINGSHAN_CT")
    assert AeTitle.parse("CT 1@10.1.2.3:104") == AeTitle("CT 1", "10.1.2.3", 104)
    assert AeTitle.parse("CT@[fd00::1]:11112") == AeTitle("CT", "fd00::1", 11112)


@pytest.mark.parametrize(
    "text",
    ["", " ", "SEVENTEEN_LETTERS", "A\\B", "影像", "CT@", "CT@host", "CT@host:0", "CT@host:99999", "CT@:104", "A\nB"],
)
def test_an_ae_title_that_no_device_can_send_is_refused(text: str) -> None:
    with pytest.raises(Incorrect) as refusal:
        AeTitle.parse(text)
    assert refusal.value.where == "ae-title"
    assert refusal.value.remedy


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""), ("name", "-x"), ("name", "a b"), ("name", "x" * 65), ("name", "青山"),
        ("organization", "a/b"), ("organization", ""), ("organization_name", "  "),
        ("facilities", ("A|B",)), ("facilities", ("",)), ("facilities", (" QS",)),
        ("deliver_to", "ftp://x/y"), ("deliver_to", "http://"), ("deliver_to", "mllp://host"),
        ("deliver_to", "mllp://host:2575/path"), ("deliver_to", "http://user:secret@host/"),
        ("deliver_to", "http://host:99999/"), ("deliver_to", "http://host/a b"), ("deliver_to", "http://host/#x"),
        ("from_cidrs", ("10.0.0.1/8",)), ("from_cidrs", ("everywhere",)), ("person", "p/1"), ("person", "p1"),
    ],
)  # fmt: skip
def test_a_wrong_value_is_refused_with_its_field_and_a_remedy(field: str, value: object) -> None:
    good: dict[str, object] = {"name": "qingshan", "role": Role.CLINIC, "organization": "qingshan"}
    with pytest.raises(Incorrect) as refusal:
        Registration(**{**good, field: value}).checked()  # type: ignore[arg-type]
    assert refusal.value.where
    assert refusal.value.remedy


@pytest.mark.parametrize(
    "url", ["http://10.1.2.3:8000/hook", "https://clinic.example/fhir?tenant=1", "mllp://10.1.2.3:2575"]
)
def test_a_place_that_can_be_reached_is_taken(url: str) -> None:
    assert Registration("a", Role.CLINIC, "a", deliver_to=url).checked().deliver_to == url


def test_the_role_of_the_hub_itself_is_never_given_out() -> None:
    with pytest.raises(Incorrect):
        Registration("a", Role.SERVICE, "a").checked()


def _may(client: Client, address: str, *trusted: str, names: set[str] | None = None) -> bool:
    far_end = FarEnd(address, None if names is None else frozenset(names))
    return may_come_from(client, "CT_1", far_end, tuple(network(one) for one in trusted))


def test_on_loopback_the_name_is_enough() -> None:
    client = Client("ct", Role.CLINIC, "a")
    assert all(_may(client, address) for address in ("127.0.0.1", "::1", "::ffff:127.0.0.1"))
    assert not any(_may(client, address) for address in ("10.1.2.3", "not an address", ""))


def test_beyond_loopback_the_site_must_trust_the_network_and_the_client_be_registered_in_it() -> None:
    client = Client("ct", Role.CLINIC, "a", from_cidrs=("10.1.2.0/24",))
    assert _may(client, "10.1.2.3", "10.0.0.0/8")
    assert not _may(client, "10.1.3.3", "10.0.0.0/8")
    assert not _may(client, "10.1.2.3")
    assert not _may(client, "10.1.2.3", "192.168.0.0/16")


def test_a_certificate_made_out_to_the_client_or_to_the_title_binds_it() -> None:
    client = Client("ct", Role.CLINIC, "a")
    assert _may(client, "10.9.9.9", names={"ct"})
    assert _may(client, "10.9.9.9", names={"ct.a.example", "CT_1"})


def test_a_certificate_of_one_clinic_does_not_open_the_name_of_another() -> None:
    client = Client("ct", Role.CLINIC, "a", from_cidrs=("10.1.2.0/24",))
    assert not _may(client, "10.1.2.3", "10.0.0.0/8", names={"other-clinic"})
    assert not _may(client, "10.1.2.3", "10.0.0.0/8", names=set())


def test_the_names_of_a_certificate_are_its_common_and_dns_names() -> None:
    shown = {
        "subject": ((("countryName", "CN"),), (("commonName", "ct"),)),
        "subjectAltName": (("DNS", "ct.clinic.example"), ("IP Address", "10.1.2.3")),
    }
    assert certificate_names(shown) == {"ct", "ct.clinic.example"}
    assert certificate_names({}) is certificate_names(None) is None
