"""C-STORE with DCMTK's storescu (TCP_NODELAY=1), in turn against the hub, Orthanc with its stock fsync where it is
installed, and DCMTK's storescp, which neither indexes nor syncs."""

import shutil
import socket
import statistics
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

from tests.benchmarks.dicom_images import parts, series
from tests.benchmarks.dicom_systems import PROMPT, System, orthanc_is_here, start_hub, start_orthanc, start_storescp

ROUNDS = 3
Row = tuple[str, str, str]


def run(folder: Path, small: bool) -> Iterator[Row]:
    if shutil.which("storescu") is None:
        yield "C-STORE", "not measured: DCMTK's storescu is missing", "apt-get install dcmtk"
        return
    tenth = 10 if small else 1
    with ExitStack() as running:
        systems = {"hub": start_hub(folder / "hub", running)}
        if orthanc_is_here():
            systems["Orthanc"] = start_orthanc(folder / "orthanc", running)
        systems["storescp"] = start_storescp(folder / "storescp", running)
        bench = _Bench(folder, systems)
        yield bench.row("CT of {n} slices, 1 association", 200 // tenth, 512, 1)
        yield bench.row("CT of {n} slices, 4 associations", 200 // tenth, 512, 4)
        yield bench.row("DR, {n} images of 18 MB, 1 association", 12 // min(tenth, 4), 3000, 1, modality="DX")
        yield bench.row("{n} small images (8 KB), 1 association", 400 // tenth, 64, 1)
        yield bench.one_by_one(100 // tenth)
        yield from bench.memory(10_000 // tenth)


class _Bench:
    def __init__(self, folder: Path, systems: dict[str, System]) -> None:
        self.folder = folder
        self.systems = systems
        self.made = 0

    def files(self, count: int, side: int, modality: str = "CT", *, a_study_each: bool = False) -> list[Path]:
        self.made += 1
        return series(
            self.folder / f"images{self.made}", count, side=side, modality=modality, a_study_each=a_study_each
        )

    def row(self, what: str, count: int, side: int, associations: int, modality: str = "CT") -> Row:
        """The first image of each goes ahead, to warm up; megabytes are counted in files."""

        def measure(system: System) -> float:
            files = self.files(count + 1, side, modality)
            _send(system, files[:1])
            return _seconds(lambda: _send_in_parallel(system, files[1:], associations), files)

        megabytes = count * side * side * 2 / 1e6
        return self.compared("C-STORE, " + what.format(n=count), measure, count, megabytes)

    def one_by_one(self, count: int) -> Row:
        """An association for each image, by a client that sends storescu's own request (128 contexts) and nothing
        but what it must: starting a process each time would hide what is measured."""
        asking = _request_of_storescu(self.files(1, 64))

        def measure(system: System) -> float:
            files = self.files(count + 1, 64)
            one_association(system, asking, files[0])
            return _seconds(lambda: [one_association(system, asking, file) for file in files[1:]], files)

        return self.compared(f"C-STORE, one association an image, {count} times", measure, count, count * 0.0082)

    def compared(self, what: str, measure: Callable[[System], float], count: int, megabytes: float) -> Row:
        seconds: dict[str, list[float]] = {name: [] for name in self.systems}
        processor: dict[str, list[float]] = {name: [] for name in self.systems}
        after = 0.0
        for _round in range(ROUNDS):
            for name, system in self.systems.items():
                begun = system.processor_seconds()
                seconds[name].append(measure(system))
                answered = system.processor_seconds()
                processor[name].append(answered - begun)
                system.settle()
                after += system.processor_seconds() - answered
        rates = {name: count / statistics.median(values) for name, values in seconds.items()}
        cost = {name: statistics.median(values) * 1000 / count for name, values in processor.items()}
        told = [
            f"{name} {rate:,.0f}/s, {rate * megabytes / count:,.0f} MB/s, processor {cost[name]:.2f} ms each"
            + (
                f", ratio {rates['hub'] / rate:.2f}"
                if name != "hub"
                else f", afterwards {after * 1000 / count / ROUNDS:.2f} ms"
            )
            for name, rate in rates.items()
        ]
        return what, told[0].removeprefix("hub "), "; ".join(told[1:])

    def memory(self, count: int) -> Iterator[Row]:
        """The hub's own memory at the tenths of a long reception over four associations."""
        system = self.systems["hub"]
        files = self.files(count, 32, a_study_each=True)
        held = []
        for begin in range(0, count, count // 10):
            _send_in_parallel(system, files[begin : begin + count // 10], 4)
            held.append(system.resident_bytes() >> 20)
        yield f"memory of the hub's processes while {count:,} images of as many studies come", f"{held} MiB", "flat"


def _seconds(act: Callable[[], object], files: list[Path]) -> float:
    for file in files:
        file.read_bytes()  # into the page cache
    begun = time.perf_counter()
    act()
    return time.perf_counter() - begun


def _send(system: System, files: list[Path]) -> None:
    command = ["storescu", "-aet", "BENCH", "-aec", system.ae_title, *map(str, system.place), *map(str, files)]
    subprocess.run(command, check=True, env=PROMPT, capture_output=True)


def _send_in_parallel(system: System, files: list[Path], associations: int) -> None:
    failures: list[BaseException] = []

    def send(some: list[Path]) -> None:
        try:
            _send(system, some)
        except subprocess.CalledProcessError as failure:
            failures.append(failure)

    threads = [threading.Thread(target=send, args=(some,)) for some in parts(files, associations)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def _request_of_storescu(files: list[Path]) -> bytes:
    """The A-ASSOCIATE-RQ that storescu sends."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        place = map(str, listening.getsockname())
        peer = subprocess.Popen(
            ["storescu", "-aet", "BENCH", "-aec", "X", *place, str(files[0])], stderr=subprocess.DEVNULL
        )
        line, _address = listening.accept()
        with line:
            asked = _pdu(line)
        peer.wait()
    return asked


def one_association(system: System, asking: bytes, file: Path) -> None:
    """Associate, store, release, as storescu does; the context is that of explicit VR little endian."""
    content = file.read_bytes()
    data_set = content[144 + int.from_bytes(content[140:144], "little") :]
    with socket.create_connection(system.place) as line:
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        line.sendall(asking[:10] + system.ae_title.ljust(16).encode() + asking[26:])
        accepted = _pdu(line)
        assert accepted[0] == 2, f"the association was not accepted: {accepted[:10]!r}"
        context = _context_of(asking, accepted, b"1.2.840.10008.5.1.4.1.1.2", b"1.2.840.10008.1.2.1")
        uid = content[content.index(b"\x02\x00\x03\x00UI") + 8 :][:64].split(b"\x02\x00\x10")[0].rstrip(b"\0")
        line.sendall(_value(context, 3, _store_command(uid)) + _pieces(context, data_set))
        answer = _pdu(line)
        assert b"\x00\x00\x00\x09\x02\x00\x00\x00\x00\x00" in answer, "the image was not stored"
        line.sendall(bytes((5, 0, 0, 0, 0, 4, 0, 0, 0, 0)))
        assert _pdu(line)[0] == 6


def _pieces(context: int, data_set: bytes, size: int = 16372) -> bytes:
    pieces = [data_set[at : at + size] for at in range(0, len(data_set), size)]
    return b"".join(_value(context, 2 if piece is pieces[-1] else 0, piece) for piece in pieces)


def _value(context: int, control: int, content: bytes) -> bytes:
    head = b"\x04\0" + (len(content) + 6).to_bytes(4, "big") + (len(content) + 2).to_bytes(4, "big")
    return head + bytes((context, control)) + content


def _store_command(instance: bytes) -> bytes:
    def element(number: int, value: bytes) -> bytes:
        value += b"\0" * (len(value) & 1)
        return b"\0\0" + number.to_bytes(2, "little") + len(value).to_bytes(4, "little") + value

    body = (
        element(2, b"1.2.840.10008.5.1.4.1.1.2") + element(0x100, b"\1\0") + element(0x110, b"\1\0")
        + element(0x700, b"\0\0") + element(0x800, b"\1\0") + element(0x1000, instance)
    )  # fmt: skip
    return element(0, len(body).to_bytes(4, "little")) + body


def _context_of(asking: bytes, accepted: bytes, sop_class: bytes, syntax: bytes) -> int:
    """The id of an accepted context of this class whose answer is this syntax."""
    proposed = {content[0]: content for kind, content in _items(asking) if kind == 0x20}
    for kind, content in _items(accepted):
        if kind == 0x21 and content[2] == 0 and content[8:] == syntax and sop_class + b"\x40" in proposed[content[0]]:
            return content[0]
    raise AssertionError("no context was accepted")


def _items(pdu: bytes) -> Iterator[tuple[int, bytes]]:
    at = 74
    while at < len(pdu):
        size = int.from_bytes(pdu[at + 2 : at + 4], "big")
        yield pdu[at], pdu[at + 4 : at + 4 + size]
        at += 4 + size


def _pdu(line: socket.socket) -> bytes:
    content = b""
    while len(content) < 6 or len(content) < 6 + int.from_bytes(content[2:6], "big"):
        piece = line.recv(1 << 16)
        assert piece, "the peer closed the connection"
        content += piece
    return content
