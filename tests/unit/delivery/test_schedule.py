"""The pauses between tries."""

from hub.delivery.schedule import wait_seconds


def test_the_first_retries_come_soon_and_later_ones_every_five_minutes_for_ever() -> None:
    assert [wait_seconds(n) for n in range(1, 12)] == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]
    assert wait_seconds(10**9) == 300
