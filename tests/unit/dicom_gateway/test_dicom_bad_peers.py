"""Peers that flood, stall, trickle, leave or lie: each gets its due, others are served, and nothing is left behind."""

import contextlib
import errno
import os
import socket
import struct
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from dicom_clients import association
from dicom_objects import CT, DEFLATED, data_set_of, image, part10
from dicom_parts import RecordingHub
from dicom_raw import ABORT, RELEASE_RQ, Raw, associate_request, command, p_data
from pydicom.dataset import Dataset

from dicom_gateway import spool
from dicom_gateway.scp.listener import UNNEGOTIATED_SPARE
from dicom_gateway.server import DicomServer
from dicom_gateway.settings import DicomSettings
from hub.contracts.caller import EVERYTHING

BOTH = pytest.mark.parametrize("fast", [True, False], ids=["ours", "library"], indirect=True)


@pytest.fixture
def fast(request: pytest.FixtureRequest) -> bool:
    return bool(getattr(request, "param", True))


@pytest.fixture
def settings(fast: bool) -> DicomSettings:
    return DicomSettings(
        fast_receive=fast, free_space_floor_bytes=0, quiet_seconds=60, network_seconds=1, association_seconds=1,
        maximum_associations=4, maximum_associations_per_ae_title=3, maximum_inflated_bytes=1 << 20,
    )  # fmt: skip


@pytest.fixture(autouse=True)
def nothing_outside(tmp_path: Path, server: DicomServer) -> Iterator[None]:
    """Whatever comes, files are made in the gateway's own folders alone, none of them named from outside."""
    yield
    own = {tmp_path / "dicom", tmp_path / "blobs"}
    assert {path for path in tmp_path.iterdir() if path.is_dir()} <= own
    named, hexadecimal = server.archive.index.spool_names(), set("0123456789abcdef-")
    for path in server.archive.spool.folder.glob("*"):
        assert set(path.name) <= hexadecimal
        assert path.name in named or not path.stat().st_size


def store(server: Any, made: Dataset | None = None, ae_title: str = "QINGSHAN") -> int:
    made = made or image()
    with association(server, CT, ae_title=ae_title, syntax=made.file_meta.TransferSyntaxUID) as opened:
        return int(opened.send_c_store(made).Status)


def closed(line: socket.socket, seconds: float = 8) -> bool:
    """Does the other side close within this time, whatever it says before?"""
    line.settimeout(seconds)
    with contextlib.suppress(ConnectionError):
        while line.recv(4096):
            pass
    return True


@contextlib.contextmanager
def raw(server: Any) -> Iterator[Raw]:
    made = Raw(server)
    try:
        yield made
    finally:
        made.line.close()


@BOTH
def test_half_open_connections_are_closed_and_others_are_served(server: Any) -> None:
    with contextlib.ExitStack() as open_lines:
        lines = []
        for said in (b"", b"\x01", b"\x01\x00\x00\x00\x01\x00" + bytes(20)):
            lines.append(open_lines.enter_context(socket.create_connection(("127.0.0.1", server.port))))
            lines[-1].sendall(said)
        assert store(server) == 0
        assert all(closed(line) for line in lines)


@BOTH
def test_a_sender_of_a_byte_at_a_time_is_aborted_and_others_are_served(server: Any) -> None:
    with raw(server) as slow:
        slow.send((3, command("1.2.3")))
        slow.line.sendall(struct.pack(">BBL", 4, 0, 1000))
        begun = time.monotonic()
        with contextlib.suppress(OSError):
            while time.monotonic() - begun < 10:
                slow.line.sendall(b"\0")
                if store(server) != 0:
                    pytest.fail("another was not served")
                time.sleep(0.2)
        assert time.monotonic() - begun < 9


@BOTH
def test_a_silent_association_ends(server: Any) -> None:
    with raw(server) as silent:
        assert closed(silent.line)


@BOTH
def test_a_flood_of_silent_connections_is_capped_and_keeps_nobody_out(server: Any) -> None:
    most = server._settings.maximum_associations + UNNEGOTIATED_SPARE
    with association(server, CT, ae_title="BAIHE") as held, contextlib.ExitStack() as open_lines:
        lines = [
            open_lines.enter_context(socket.create_connection(("127.0.0.1", server.port))) for _ in range(most + 20)
        ]
        assert store(server) == 0
        assert server._listener.connections <= most
        assert held.send_c_store(image()).Status == 0
        assert closed(lines[0])  # the oldest gave way
    deadline = time.monotonic() + 8
    while server._listener.connections and time.monotonic() < deadline:
        time.sleep(0.01)
    assert server._listener.connections == 0


@BOTH
def test_a_flood_of_associations_is_answered_with_the_local_limit(server: Any) -> None:
    with contextlib.ExitStack() as held:
        for _ in range(3):
            held.enter_context(raw(server))
        held.enter_context(association(server, CT, ae_title="BAIHE"))
        with socket.create_connection(("127.0.0.1", server.port), timeout=5) as line:
            line.sendall(associate_request())
            assert line.recv(10) == bytes((3, 0, 0, 0, 0, 4, 0, 2, 3, 2))
    deadline = time.monotonic() + 5
    while server._listener.connections and time.monotonic() < deadline:
        time.sleep(0.02)
    assert store(server) == 0


def _leave_before_the_request(server: Any) -> None:
    with socket.create_connection(("127.0.0.1", server.port)) as line:
        line.sendall(ABORT)


def _leaving(*said: bytes, last: bytes = ABORT) -> Callable[[Any], None]:
    def leave(server: Any) -> None:
        with raw(server) as made:
            for one in said:
                made.line.sendall(one)
            made.line.sendall(last)

    return leave


_DATA = data_set_of(part10(image()))
_STORE = p_data(1, 3, command("1.2.3"))
_FIND = p_data(1, 3, command("1.2.3", field=0x20))


LEAVINGS: dict[str, Callable[[Any], None]] = {
    "before the request": _leave_before_the_request,
    "at once": _leaving(),
    "within a command": _leaving(p_data(1, 1, command("1.2.3")[:30])),
    "after a command": _leaving(_STORE),
    "within a data set": _leaving(_STORE, p_data(1, 0, _DATA[:100])),
    "before the answer": _leaving(_STORE, p_data(1, 2, _DATA)),
    "within a query": _leaving(_FIND, p_data(1, 0, b"\x08\0")),
    "within a PDU": _leaving(_STORE, last=b"\x04\0\0\0\x01"),
    "by release within a data set": _leaving(_STORE, p_data(1, 0, _DATA[:100]), last=RELEASE_RQ),
    "by release and abort": _leaving(last=RELEASE_RQ + ABORT),
    "by asking again": _leaving(last=associate_request()),
}


@BOTH
def test_who_leaves_at_any_state_harms_nobody(server: Any) -> None:
    for state, leave in LEAVINGS.items():
        leave(server)
        assert store(server, ae_title="BAIHE") == 0, state
    deadline = time.monotonic() + 8
    while server._listener.connections and time.monotonic() < deadline:
        time.sleep(0.02)
    assert server._listener.connections == 0


def _send(server: Any, sent: bytes, data_set: bytes) -> int:
    with raw(server) as made:
        made.send((3, sent), (2, data_set))
        return made.status()


def test_a_class_that_is_unknown_is_told_so_on_a_context_of_another(server: Any) -> None:
    for sop_class in ("1.2.3.4", "1.2.840.10008.1.1"):
        assert _send(server, command("1.2.3", sop_class=sop_class), data_set_of(part10(image()))) == 0x0122


def test_an_operation_nobody_performs_is_told_so(server: Any) -> None:
    n_get = 0x0110
    with raw(server) as made:
        made.send((3, command("1.2.3", field=n_get, data_set=0x0101)))
        assert made.status() == 0x0211
        one = image()
        made.send((3, command(one.SOPInstanceUID)), (2, data_set_of(part10(one))))
        assert made.status() == 0


@pytest.mark.parametrize("tag", [0x00080018, 0x0020000D, 0x0020000E], ids=["instance", "study", "series"])
def test_a_hostile_uid_within_the_data_set_is_refused(server: Any, tag: int) -> None:
    made = image(SOPInstanceUID="1.2.3.4")
    content = data_set_of(part10(made))
    at = content.index(struct.pack("<HH2s", tag >> 16, tag & 0xFFFF, b"UI"))
    size = int.from_bytes(content[at + 6 : at + 8], "little")
    for uid in (b"../../../tmp/x", b"1.2.3\\1.2.4", b"1.2.\xb4\xd5.3", b"1" * 200, b"", b"\0\0"):
        hostile = uid + b"\0" * (len(uid) % 2)
        changed = content[: at + 6] + struct.pack("<H", len(hostile)) + hostile + content[at + 8 + size :]
        assert _send(server, command("1.2.3.4"), changed) == 0xA900, uid
    assert server.archive.index.instances(EVERYTHING, made.StudyInstanceUID) == []


def test_contradictory_group_lengths_mislead_nobody(server: Any) -> None:
    """PS3.5 7.2: group lengths of data sets are retired; a receiver believes the elements."""
    for length in (0, 1, 7, 0x7FFFFFFF):
        _contradict(server, length)


def _contradict(server: Any, length: int) -> None:
    made = image()
    group_length = struct.pack("<HH2sHL", 8, 0, b"UL", 4, length)
    content = group_length + data_set_of(part10(made))
    sent = command(made.SOPInstanceUID)
    sent = sent[:8] + struct.pack("<L", length) + sent[12:]  # that of the command as well
    assert _send(server, sent, content) == 0
    (row,) = server.archive.index.instances(EVERYTHING, made.StudyInstanceUID)
    with server.archive.files.file(row) as view:
        assert bytes(view).endswith(content)


def test_pixels_longer_than_the_data_set_are_refused(server: Any) -> None:
    made = image()
    content, sent = data_set_of(part10(made)), command(made.SOPInstanceUID)
    at = content.rindex(b"\xe0\x7f\x10\x00OW\0\0") + 8
    for length in (0xFFFFFFFF, 0xFFFFFFFE, 0x00FFFFFF, 129):
        assert _send(server, sent, content[:at] + struct.pack("<L", length) + content[at + 4 :]) == 0xC000
    assert server.archive.index.instances(EVERYTHING, made.StudyInstanceUID) == []


@BOTH
def test_a_known_uid_with_other_bytes_is_refused_and_the_first_stays(server: Any, recording_hub: RecordingHub) -> None:
    made = image()
    assert store(server, made) == 0
    made.PixelData = bytes(128)
    assert store(server, made) == 0x0111
    assert [refusal.state for refusal, _caller in recording_hub.refusals] == ["refused"]
    (row,) = server.archive.index.instances(EVERYTHING, made.StudyInstanceUID)
    with server.archive.files.file(row) as view:
        assert bytes(view).endswith(bytes(range(128)))


@BOTH
def test_a_deflate_bomb_is_out_of_resources(server: Any) -> None:
    bomb = image(DEFLATED, NumberOfFrames=100_000, PixelData=bytes(128 * 100_000))
    assert store(server, bomb) == 0xA700
    assert store(server, image(DEFLATED)) == 0


@BOTH
def test_a_disk_that_becomes_full_is_out_of_resources_until_there_is_room(
    server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> Any:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    for owner, name in ((spool.SpoolFile, "write"), (spool.SpoolFile, "sync"), (spool.Spool, "_make_ready")):
        made = image()
        with monkeypatch.context() as full:
            full.setattr(owner, name, refuse)
            if name == "_make_ready":
                server.archive.spool.close()
            assert store(server, made) == 0xA700, name
            assert server.archive.index.instances(EVERYTHING, made.StudyInstanceUID) == []
        assert store(server, made) == 0


def test_what_is_damaged_is_put_aside_and_named(server: Any, recording_hub: RecordingHub) -> None:
    made = image()
    assert _send(server, command(made.SOPInstanceUID), data_set_of(part10(made))[:-5]) == 0xC000
    ((refusal, caller),) = recording_hub.refusals
    assert (refusal.key, caller.organization) == (made.SOPInstanceUID, "qingshan")
    assert refusal.original is not None
