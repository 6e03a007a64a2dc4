"""uvicorn inside a worker: the socket comes from the supervisor, signals belong to the worker, TLS by certificate."""

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from typing import Any

import uvicorn

from hub.settings import Door

from .fair_accept import FairAcceptor, Shares
from .http_connection import HttpConnection
from .tls import tls_context


class HttpServer(uvicorn.Server):
    """uvicorn without signal handlers of its own; ``stop`` drains."""

    def __init__(self, app: Any, door: Door, drain_seconds: int, shares: Shares, worker: int) -> None:
        config = uvicorn.Config(
            app,
            loop="none",
            http=HttpConnection,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=drain_seconds,
            backlog=2048,
        )
        super().__init__(config)
        config.load()
        config.ssl = tls_context(door)
        self._shares, self._worker = shares, worker

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Instead of uvicorn's own: connections are shared out among the workers."""
        (listening,) = sockets or []
        accepting = FairAcceptor(self._connection, listening, self.config.ssl, self._shares, self._worker)
        self.servers = [accepting]  # type: ignore[list-item] # close and wait_closed is all that is asked of it
        self.started = True

    def _connection(self) -> HttpConnection:
        return HttpConnection(config=self.config, server_state=self.server_state, app_state={})

    async def serve_on(self, listener: socket.socket) -> None:
        """Serve until ``stop``; in-flight requests finish, idle connections are closed."""
        await self.serve(sockets=[listener])

    async def listening(self, serving: "asyncio.Task[None]") -> None:
        """Returns when connections are taken, or when ``serving`` has ended instead."""
        while not self.started and not serving.done():  # noqa: ASYNC110 - uvicorn tells by a flag
            await asyncio.sleep(0.005)

    def stop(self) -> None:
        self.should_exit = True
