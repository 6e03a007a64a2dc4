"""Workers share out the connections of one door."""

import asyncio
import errno
import socket
from functools import partial
from typing import cast

import pytest

from hub.app.fair_accept import FairAcceptor, Shares

CONNECTIONS = 8


class Held(asyncio.Protocol):
    def __init__(self, by: "list[Held]") -> None:
        self._by = by

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self._by.append(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._by.remove(self)


def _door() -> socket.socket:
    door = socket.create_server(("127.0.0.1", 0))
    door.setblocking(False)
    return door


async def _until(held: list[list[Held]], number: int) -> None:
    while sum(map(len, held)) != number:
        await asyncio.sleep(0.001)


def test_each_worker_takes_its_share_of_connections_that_come_together() -> None:
    async def play() -> None:
        door, shares = _door(), Shares(2)
        doors = (door, door.dup())
        held: list[list[Held]] = [[], []]
        acceptors = [FairAcceptor(partial(Held, held[at]), doors[at], None, shares, at) for at in (0, 1)]
        callers = [socket.create_connection(door.getsockname()) for _ in range(CONNECTIONS)]
        await _until(held, CONNECTIONS)
        assert [len(one) for one in held] == [CONNECTIONS // 2] * 2
        assert [shares.held(at) for at in (0, 1)] == [CONNECTIONS // 2] * 2
        for caller in callers:
            caller.close()
        await _until(held, 0)
        assert [shares.held(at) for at in (0, 1)] == [0, 0]
        for acceptor, listening in zip(acceptors, doors, strict=True):
            acceptor.close()
            listening.close()

    asyncio.run(asyncio.wait_for(play(), 30))


def test_a_worker_whose_sibling_does_not_come_takes_what_waits() -> None:
    async def play() -> None:
        door, shares = _door(), Shares(2)
        held: list[Held] = []
        acceptor = FairAcceptor(lambda: Held(held), door, None, shares, 0)
        callers = [socket.create_connection(door.getsockname()) for _ in range(3)]
        await _until([held], 3)
        assert shares.lead(0) == 3
        for caller in callers:
            caller.close()
        await _until([held], 0)
        acceptor.close()
        door.close()

    asyncio.run(asyncio.wait_for(play(), 30))


class FullOnce(socket.socket):
    """A listening socket for whose first connection there is no file descriptor left."""

    tries = 0

    def accept(self) -> tuple[socket.socket, object]:
        self.tries += 1
        if self.tries == 1:
            raise OSError(errno.EMFILE, "Too many open files")
        return super().accept()


def test_a_worker_without_room_rests_and_then_takes_what_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hub.app.fair_accept.NO_ROOM_SECONDS", 0.05)

    async def play() -> None:
        plain = _door()
        door, shares = FullOnce(fileno=plain.detach()), Shares(1)
        held: list[Held] = []
        acceptor = FairAcceptor(lambda: Held(held), door, None, shares, 0)
        with socket.create_connection(door.getsockname()):
            await _until([held], 1)
            assert door.tries == 2
        await _until([held], 0)
        acceptor.close()
        door.close()

    asyncio.run(asyncio.wait_for(play(), 30))


def test_a_worker_that_starts_again_holds_nothing() -> None:
    async def play() -> None:
        door, shares = _door(), Shares(2)
        shares.hold(0, 7)
        FairAcceptor(asyncio.Protocol, door, None, shares, 0).close()
        assert (shares.held(0), shares.lead(1)) == (0, 0)
        door.close()

    asyncio.run(play())
