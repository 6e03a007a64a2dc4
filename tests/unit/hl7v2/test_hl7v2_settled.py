"""Answers of the store come back to the event loop together (``adapters.hl7v2.settled``)."""

import asyncio
import threading
from concurrent.futures import Future

import pytest

from adapters.hl7v2.settled import Settled
from hub.contracts.errors import Busy
from hub.contracts.submission import Receipt


def test_each_waiter_gets_the_receipt_of_its_own_submission() -> None:
    futures: list[Future[Receipt]] = [Future() for _ in range(200)]

    def commit() -> None:
        for number, future in enumerate(futures):
            future.set_result(Receipt(str(number), ""))

    async def wait() -> list[Receipt]:
        settled = Settled()
        waiting = [asyncio.ensure_future(settled.receipt(future)) for future in futures]
        await asyncio.sleep(0)
        thread = threading.Thread(target=commit)
        thread.start()
        found = await asyncio.wait_for(asyncio.gather(*waiting), 30)
        thread.join()
        return found

    assert [one.submission for one in asyncio.run(wait())] == [str(number) for number in range(200)]


def test_a_refusal_is_raised_where_it_is_waited_for() -> None:
    async def wait() -> None:
        future: Future[Receipt] = Future()
        settled = Settled()
        asyncio.get_running_loop().call_soon(future.set_exception, Busy("Full."))
        await settled.receipt(future)

    with pytest.raises(Busy):
        asyncio.run(wait())


def test_who_stops_waiting_takes_its_submission_back_if_it_was_not_begun() -> None:
    async def wait() -> Future[Receipt]:
        future: Future[Receipt] = Future()
        waiting = asyncio.ensure_future(Settled().receipt(future))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        return future

    assert asyncio.run(wait()).cancelled()
