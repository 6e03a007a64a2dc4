"""uvicorn inside a worker: the socket comes from the supervisor, signals belong to the worker, TLS by certificate."""

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from typing import Any

import uvicorn

from hub.settings import Door

from .http_connection import HttpConnection
from .tls import tls_context


class HttpServer(uvicorn.Server):
    """uvicorn without signal handlers of its own; ``stop`` drains."""

    def __init__(self, app: Any, door: Door, drain_seconds: int) -> None:
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

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def serve_on(self, listener: socket.socket) -> None:
        """Serve until ``stop``; in-flight requests finish, idle connections are closed."""
        await self.serve(sockets=[listener])

    async def listening(self, serving: "asyncio.Task[None]") -> None:
        """Returns when connections are taken, or when ``serving`` has ended instead."""
        while not self.started and not serving.done():  # noqa: ASYNC110 - uvicorn tells by a flag
            await asyncio.sleep(0.005)

    def stop(self) -> None:
        self.should_exit = True
