"""HL7 v2 over MLLP: ADT at 64 connections, ORU with 25 OBX. The listener's limit is the commit, not the parser."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

from tests.journeys.running_hub import END, START, RunningHub

CONNECTIONS = 64


def run(folder: Path, small: bool) -> Iterator[tuple[str, str, str]]:
    hub = RunningHub(folder / "data").start(workers=2)
    try:
        hub.register("clinic", "clinic", "clinic", "--facility", "BENCH")
        count = 600 if small else 6000
        adt = _rate(hub, [_adt(number) for number in range(count)])
        yield f"MLLP ADT^A04, {CONNECTIONS} connections", f"{adt:,.0f} acknowledged messages/s", "target ≥ 1,000/s"
        oru = _rate(hub, [_oru(number) for number in range(count // 4)])
        yield (
            f"MLLP ORU^R01, 25 OBX, {CONNECTIONS} connections",
            f"{oru:,.0f} messages/s = {oru * 27:,.0f} resources/s",
            "target ≥ 0.8 × bundle ingest",
        )
    finally:
        hub.stop()


def _rate(hub: RunningHub, messages: list[bytes]) -> float:
    seconds = asyncio.run(_send_all(hub, messages))
    return len(messages) / seconds


async def _send_all(hub: RunningHub, messages: list[bytes]) -> float:
    host, port = str(hub.doors["mllp"]).rsplit(":", 1)
    queue = iter(messages)

    async def line() -> None:
        reader, writer = await asyncio.open_connection(host, int(port))
        for message in queue:
            writer.write(START + message + END)
            answer = await reader.readuntil(END)
            assert b"\rMSA|AA|" in answer, answer
        writer.close()

    started = time.perf_counter()
    await asyncio.gather(*(line() for _ in range(CONNECTIONS)))
    return time.perf_counter() - started


def _adt(number: int) -> bytes:
    return (
        f"MSH|^~\\&|HIS|BENCH|HUB|C|20261122083000+0800||ADT^A04^ADT_A01|A{number}|P|2.5.1|||AL|NE|CHN|UNICODE UTF-8\r"
        f"EVN|A04|20261122083000\rPID|1||P{number}^^^BENCH^PI||测试{number}^^^^^^L||19700101|F|||示例省示例县示例镇|||"
        f"\rPV1|1|O|内科门诊^^^BENCH||||D01^李四|||||||||||V{number}\r"
    ).encode()


def _oru(number: int) -> bytes:
    lines = [
        f"MSH|^~\\&|LIS|BENCH|HUB|C|20261122093000+0800||ORU^R01^ORU_R01|O{number}|P|2.5.1|||AL|NE|CHN|UNICODE UTF-8",
        f"PID|1||P{number}^^^BENCH^PI||测试{number}^^^^^^L||19700101|F",
        f"OBR|1|R{number}|F{number}|CHEM^生化全套^L|||20261122080000+0800||||||||||||||20261122093000+0800||LAB|F",
        *(
            f"OBX|{line}|NM|T{line:02d}^检验项目{line}^L||{line}.50|mmol/L|{line}.0-{line + 2}.0|N|||F|||20261122092500"
            for line in range(1, 26)
        ),
    ]
    return "\r".join(lines).encode() + b"\r"
