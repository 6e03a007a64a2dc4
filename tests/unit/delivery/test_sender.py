"""What happens to a delivery on the way: over real sockets, with receivers that refuse, are slow, or are away."""

import asyncio
import json
from typing import Any

import pytest

from hub.delivery.bundle import DELIVERY_KEY

County = Any
Receiver = Any


def states(county: County) -> list[str]:
    return [state for _, _, state in county.items()]


def attempts(county: County) -> list[int]:
    return [n for (n,) in county.store.side_rows("SELECT attempts FROM delivery_item ORDER BY number")]


async def hook(county: County, new_receiver: Any, *answers: int, mllp: bool = False) -> Receiver:
    receiver = await new_receiver().listen(mllp=mllp)
    receiver.answers = list(answers)
    county.registry.urls["qingshan"] = [f"mllp://127.0.0.1:{receiver.port}" if mllp else receiver.url]
    return receiver


def test_a_report_arrives_once_and_is_audited(county: County, new_receiver: Any) -> None:
    async def play() -> None:
        receiver = await hook(county, new_receiver)
        county.study()
        county.report()
        county.follow()
        await county.run(lambda: states(county) == ["delivered"])
        ((key, body),) = receiver.received
        bundle = json.loads(body)
        assert bundle["type"] == "transaction"
        assert bundle["identifier"] == {"system": DELIVERY_KEY, "value": key}
        assert county.trail.noted == [("qingshan", "delivery", "DiagnosticReport", ["p1"])]
        await receiver.away()

    asyncio.run(play())
    assert county.store.side_rows("SELECT payload FROM delivery_item") == [(None,)]


@pytest.mark.parametrize("status", [201, 202, 204])
def test_any_2xx_is_a_receipt(county: County, new_receiver: Any, status: int) -> None:
    async def play() -> None:
        receiver = await hook(county, new_receiver, status)
        county.study()
        county.report()
        county.follow()
        await county.run(lambda: states(county) == ["delivered"])
        await receiver.away()

    asyncio.run(play())
    assert states(county) == ["delivered"]


def test_every_try_is_the_same_to_the_last_byte_over_restarts_and_changes_of_the_record(
    county: County, new_receiver: Any
) -> None:
    async def play() -> None:
        receiver = await hook(county, new_receiver, 503, 429, 408, 500)
        county.study()
        county.report()
        county.follow()
        for n in range(1, 5):
            await county.run(lambda n=n: attempts(county) == [n])  # type: ignore[misc]
            county.send("clinic", {"resourceType": "Patient", "id": "p1", "name": [{"text": f"陈秀英{n}"}]})
            county.restart()
            county.hurry()
        await county.run(lambda: states(county) == ["delivered"])
        assert len(receiver.received) == 5
        assert len(set(receiver.received)) == 1
        await receiver.away()

    asyncio.run(play())


def test_after_each_failure_comes_a_longer_pause(county: County, new_receiver: Any) -> None:
    pauses = []

    async def play() -> None:
        receiver = await hook(county, new_receiver, *[500] * 4)
        county.study()
        county.report()
        county.follow()
        for n in range(1, 5):
            await county.run(lambda n=n: attempts(county) == [n])  # type: ignore[misc]
            next_us = county.store.side_rows("SELECT next_us FROM delivery_item")[0][0]
            county.hurry()
            pauses.append(next_us)
        await receiver.away()

    asyncio.run(play())
    assert pauses == sorted(pauses)
    assert pauses[3] - pauses[0] >= 7_000_000


def test_a_receiver_that_was_away_gets_everything_in_order_when_it_is_back(county: County, new_receiver: Any) -> None:
    async def play() -> None:
        receiver = await hook(county, new_receiver)
        await receiver.away()
        county.study()
        county.report()
        county.report(status="amended")
        county.report("r2")
        county.follow()
        await county.run(lambda: attempts(county)[0] >= 1)
        assert set(states(county)) == {"waiting"}
        await receiver.listen()
        county.hurry()
        await county.run(lambda: states(county) == ["delivered"] * 3)
        reports = [json.loads(body)["entry"][-1]["resource"] for _, body in receiver.received]
        assert [(one["id"], one["status"]) for one in reports] == [("r1", "final"), ("r1", "amended"), ("r2", "final")]
        await receiver.away()

    asyncio.run(play())


def test_one_success_wakes_what_waited_for_the_same_place(county: County, new_receiver: Any) -> None:
    async def play() -> None:
        receiver = await hook(county, new_receiver)
        await receiver.away()
        county.study()
        for number in range(5):
            county.send("clinic", {"resourceType": "Patient", "id": f"p{number}"})
            county.report(f"r{number}", subject={"reference": f"Patient/p{number}"})
        county.follow()
        await county.run(lambda: attempts(county)[0] >= 1)
        county.store.act(
            lambda view: view.execute("UPDATE delivery_item SET next_us = next_us + 3600000000 WHERE number > 1"),
            _anybody(),
        ).result()
        await receiver.listen()
        await county.run(lambda: states(county) == ["delivered"] * 5)
        await receiver.away()

    asyncio.run(play())


def test_a_dead_place_slows_no_other(county: County, new_receiver: Any) -> None:
    done = asyncio.Event()

    async def silence(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await done.wait()
        writer.close()
        await writer.wait_closed()

    async def play() -> None:
        receiver = await hook(county, new_receiver)
        deaf = await asyncio.start_server(silence, "127.0.0.1", 0)
        port = deaf.sockets[0].getsockname()[1]
        county.registry.urls["qingshan"].insert(0, f"http://127.0.0.1:{port}/never")
        county.study()
        county.report()
        county.report("r2")
        county.follow()
        await county.run(lambda: states(county).count("delivered") == 2)
        assert len(receiver.received) == 2
        await receiver.away()
        done.set()
        deaf.close()
        await asyncio.sleep(0.05)

    asyncio.run(play())


@pytest.mark.parametrize("status", [400, 401, 404, 409, 422, 307])
def test_what_is_refused_is_visible_holds_nobody_up_and_is_void_once_a_newer_version_arrived(
    county: County, new_receiver: Any, status: int
) -> None:
    async def play() -> None:
        receiver = await hook(county, new_receiver, status)
        county.study()
        county.report()
        county.follow()
        await county.run(lambda: states(county) == ["dead"])
        assert county.store.side_rows("SELECT error FROM delivery_item") == [(f"HTTP {status}",)]
        county.report(status="amended")
        county.follow()
        await county.run(lambda: states(county) == ["superseded", "delivered"])
        county.hurry()
        await county.run(lambda: True)
        assert len(receiver.received) == 2
        await receiver.away()

    asyncio.run(play())


def test_what_was_refused_is_tried_again_and_may_still_arrive(county: County, new_receiver: Any) -> None:
    async def play() -> None:
        receiver = await hook(county, new_receiver, 422, 500)
        county.study()
        county.report()
        county.follow()
        await county.run(lambda: states(county) == ["dead"])
        county.hurry()
        await county.run(lambda: attempts(county) == [2])
        assert states(county) == ["dead"]
        county.hurry()
        await county.run(lambda: states(county) == ["delivered"])
        await receiver.away()

    asyncio.run(play())


def test_over_mllp_aa_is_a_receipt_ar_comes_again_and_ae_is_a_refusal(county: County, new_receiver: Any) -> None:
    async def play() -> None:
        receiver = await hook(county, new_receiver, "AR", "AE", mllp=True)  # type: ignore[arg-type]
        county.study()
        county.report()
        county.follow()
        await county.run(lambda: attempts(county) == [1])
        assert states(county) == ["waiting"]
        county.hurry()
        await county.run(lambda: states(county) == ["dead"])
        county.hurry()
        await county.run(lambda: states(county) == ["delivered"])
        assert len({key for key, _ in receiver.received}) == 1
        assert len(receiver.received[0][0]) == 20
        await receiver.away()

    asyncio.run(play())


def test_after_its_client_was_removed_nothing_goes_to_a_place(county: County, new_receiver: Any) -> None:
    async def play() -> None:
        receiver = await hook(county, new_receiver)
        county.study()
        county.report()
        county.follow()
        county.registry.urls.clear()
        await county.run(lambda: attempts(county) == [1])
        assert receiver.received == []
        county.registry.urls["qingshan"] = [receiver.url]
        county.hurry()
        await county.run(lambda: states(county) == ["delivered"])
        await receiver.away()

    asyncio.run(play())


def _anybody() -> Any:
    from hub.delivery.outbox import HUB

    return HUB
