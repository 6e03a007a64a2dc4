"""The receive path beside the library's own: what is negotiated, what is kept, and that it gives way where it must."""

import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from dicom_clients import association
from dicom_objects import CT, EXPLICIT, IMPLICIT, image
from dicom_parts import RecordingAudit, RecordingHub
from pynetdicom import AE, AllStoragePresentationContexts, build_role
from pynetdicom.pdu import A_ASSOCIATE_RQ
from pynetdicom.pdu_primitives import SOPClassExtendedNegotiation

from dicom_gateway.scp import negotiation, self_test
from dicom_gateway.scp.negotiation import MOST_KEPT, Negotiation
from dicom_gateway.scp.places import Places
from dicom_gateway.server import DicomServer
from dicom_gateway.settings import DicomSettings
from dicom_gateway.sop_classes import STUDY_ROOT_FIND
from hub.blobs.folder import FolderBlobStore
from hub.contracts.caller import EVERYTHING
from hub.security.policy import Policy

VERIFICATION = "1.2.840.10008.1.1"


@pytest.fixture
def library_changed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A release of the library whose negotiation is another one than we know."""
    self_test.why_not.cache_clear()
    monkeypatch.setattr(negotiation, "negotiate_as_acceptor", lambda contexts, supported, roles, more: None)
    yield
    self_test.why_not.cache_clear()


def test_with_another_library_the_receive_path_is_off_and_says_so(
    library_changed: None, request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]
) -> None:
    server = request.getfixturevalue("server")
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [line["why"] for line in lines if line["event"] == "dicom.fast_receive_off"]
    assert [line["fast_receive"] for line in lines if line["event"] == "dicom.serving"] == [False]
    made = image()
    with association(server, CT, VERIFICATION) as opened:
        assert [opened.send_c_store(made).Status, opened.send_c_echo().Status] == [0, 0]
    assert len(server.archive.index.instances(EVERYTHING, made.StudyInstanceUID)) == 1


def test_a_missing_internal_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    self_test.why_not.cache_clear()
    monkeypatch.delattr(A_ASSOCIATE_RQ, "to_primitive")
    try:
        assert self_test.why_not() == "pynetdicom has no A_ASSOCIATE_RQ.to_primitive"
    finally:
        self_test.why_not.cache_clear()


def _servers(tmp_path: Path, hub: RecordingHub) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for way in ("fast", "stock"):
        settings = DicomSettings(fast_receive=way == "fast", free_space_floor_bytes=0, association_seconds=5)
        made[way] = DicomServer(
            settings, hub, Policy(), tmp_path / way, FolderBlobStore(tmp_path / f"{way}-blobs"), RecordingAudit()
        )
        made[way].port = made[way].start()
    return made


def _requests() -> dict[str, bytes]:
    """A-ASSOCIATE-RQ as pynetdicom sends them, caught on their way."""

    def caught(contexts: Any, extended: Any = ()) -> bytes:
        ae = AE(ae_title="QINGSHAN")
        ae.acse_timeout = ae.network_timeout = 1
        ae.requested_contexts = contexts
        with socket.create_server(("127.0.0.1", 0)) as listening:
            listening.settimeout(5)
            asking = threading.Thread(
                target=lambda: ae.associate("127.0.0.1", listening.getsockname()[1], ae_title="HUB", ext_neg=extended)
            )
            asking.start()
            line, _address = listening.accept()
            with line:
                content = _pdu(line)
            asking.join()
        return content

    query = AE()
    query.add_requested_context(STUDY_ROOT_FIND)
    relational = SOPClassExtendedNegotiation()
    relational.sop_class_uid, relational.service_class_application_information = STUDY_ROOT_FIND, b"\x01\x01\x01"
    some = AE()
    some.add_requested_context(CT, [IMPLICIT, EXPLICIT])
    some.add_requested_context("1.2.840.10008.5.1.1.9")  # a print service that nobody here performs
    some.add_requested_context(CT, "1.2.3.4")
    return {
        "all classes": caught(AllStoragePresentationContexts[:128]),
        "roles": caught(some.requested_contexts, [build_role(CT, scu_role=True, scp_role=True)]),
        "relational": caught(query.requested_contexts, [relational]),
    }


def _pdu(line: socket.socket) -> bytes:
    content = b""
    while len(content) < 6 or len(content) < 6 + int.from_bytes(content[2:6], "big"):
        piece = line.recv(1 << 16)
        assert piece
        content += piece
    return content


def test_an_association_is_answered_as_the_library_would_at_first_and_again(
    tmp_path: Path, recording_hub: RecordingHub
) -> None:
    servers, requests = _servers(tmp_path, recording_hub), _requests()
    try:
        for name, request in requests.items():
            answers = {}
            for way, server in servers.items():
                for time_of in ("first", "again"):
                    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as line:
                        line.sendall(request)
                        answers[way, time_of] = _pdu(line)
            assert answers["fast", "first"][0] == 2, name
            assert len(set(answers.values())) == 1, name
    finally:
        for server in servers.values():
            server.stop(1)


def test_the_answers_kept_are_bounded_and_those_asked_for_again_stay() -> None:
    request = _requests()["relational"]
    kept = Negotiation(16384)
    usual = kept.agree(request)
    for number in range(MOST_KEPT + 10):
        varied = request.replace(b"\x51\0\0\x04\0\0", b"\x51\0\0\x04" + number.to_bytes(2, "big"), 1)
        kept.agree(varied)
        assert kept.agree(request) is usual
    assert len(kept._kept) == MOST_KEPT


def test_places_are_counted_over_processes_and_those_of_one_that_ended_are_free() -> None:
    both = Places(2)
    first, second = both, _beside(both, 1)
    first.begin(0)
    assert first.enter("CT01", most=3, most_of_title=2)
    assert second.enter("CT01", most=3, most_of_title=2)
    assert not first.enter("CT01", most=3, most_of_title=2)
    assert first.enter("DX01", most=3, most_of_title=2)
    assert not second.enter("DX02", most=3, most_of_title=2)
    assert (first.lead(), second.lead()) == (1, 0)
    _beside(both, 0)  # the first is started anew
    assert second.enter("DX02", most=3, most_of_title=2)
    second.leave("DX02")
    second.leave("CT01")
    assert (first._sum(1023), second.lead()) == (0, 0)


def _beside(places: Places, process: int) -> Places:
    """What a forked process has: the same table, a row of its own."""
    other = object.__new__(Places)
    other.__dict__.update(places.__dict__)
    other.begin(process)
    return other
