"""One try of one delivery, over HTTP or MLLP, and what its answer means."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

import httpx

from .destinations import mllp_address
from .outbox import Item

TIMEOUT_SECONDS = 15.0


class Result(Enum):
    DELIVERED = "delivered"
    UNREACHED = "unreached"
    """Nobody was there: no connection."""
    LATER = "later"
    """Somebody was there and could not take it now, or gave no answer."""
    REFUSED = "refused"
    """Taken note of and not accepted; sending it again unchanged is not likely to help."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """``error`` is a status or the class of an error: nothing of what was sent or answered."""

    result: Result
    error: str = ""


class Transport(Protocol):
    async def send(self, item: Item) -> Attempt:
        """Try once, within about ``TIMEOUT_SECONDS``. Raises nothing of its own."""
        ...

    async def close(self) -> None: ...


class RestHook:
    """FHIR R4 subscription.html#2.46.7.2 as far as the POST goes: any 2xx is a receipt. Redirects are not followed and
    proxies of the environment not used: a report goes to the registered place or nowhere."""

    def __init__(self, *, tls: ssl.SSLContext | None = None, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        self._tls = tls
        self._timeout_seconds = timeout_seconds
        self._client: httpx.AsyncClient | None = None

    async def send(self, item: Item) -> Attempt:
        if self._client is None:
            self._client = httpx.AsyncClient(
                timeout=self._timeout_seconds, trust_env=False, verify=self._tls or ssl.create_default_context()
            )
        headers = {
            "Content-Type": "application/fhir+json",
            "Accept": "application/fhir+json",
            "Idempotency-Key": item.key,
        }
        try:
            # The body of the answer is of no use and may be endless: it is not read.
            async with (
                asyncio.timeout(2 * self._timeout_seconds),
                self._client.stream("POST", item.destination, content=item.payload, headers=headers) as answer,
            ):
                return _meaning(answer.status_code)
        except (httpx.ConnectError, httpx.ConnectTimeout) as failure:
            return Attempt(Result.UNREACHED, type(failure).__name__)
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, OSError) as failure:
            return Attempt(Result.LATER, type(failure).__name__)

    async def close(self) -> None:
        if self._client is not None:
            await self._client.aclose()


def _meaning(status: int) -> Attempt:
    if 200 <= status < 300:
        return Attempt(Result.DELIVERED)
    if status in (408, 425, 429) or status >= 500:
        return Attempt(Result.LATER, f"HTTP {status}")
    return Attempt(Result.REFUSED, f"HTTP {status}")


MllpSend = Callable[[str, int, bytes, float], Awaitable[str]]
"""``(host, port, message, timeout_seconds) -> MSA-1``; raises OSError where there is no connection, TimeoutError or
ValueError where there is no proper answer."""


class Mllp:
    """ORU^R01 over MLLP, HL7 v2.5.1 chapter 2.9.2: AA (or CA) is a receipt, AE a refusal, AR says send it again."""

    def __init__(self, mllp_send: MllpSend, *, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        self._mllp_send = mllp_send
        self._timeout_seconds = timeout_seconds

    async def send(self, item: Item) -> Attempt:
        try:
            host, port = mllp_address(item.destination)
            async with asyncio.timeout(2 * self._timeout_seconds):
                code = await self._mllp_send(host, port, item.payload, self._timeout_seconds)
        except TimeoutError:
            return Attempt(Result.LATER, "TimeoutError")
        except (ConnectionResetError, BrokenPipeError, EOFError, ValueError) as failure:
            return Attempt(Result.LATER, type(failure).__name__)
        except OSError as failure:
            return Attempt(Result.UNREACHED, type(failure).__name__)
        if code in ("AA", "CA"):
            return Attempt(Result.DELIVERED)
        return Attempt(Result.REFUSED if code in ("AE", "CE") else Result.LATER, f"MSA-1 {code[:2]}")

    async def close(self) -> None:
        return None
