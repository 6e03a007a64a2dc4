"""The labelled cases once more, from resources written to the store to the card of an order-sign."""

from pathlib import Path

from .door import play_all


def test_the_door_gives_the_labelled_verdict_of_every_case(tmp_path: Path) -> None:
    wrong = [
        (case["n"], case["s"], told, (case["v"], case.get("i")))
        for case, told in play_all(tmp_path)
        if told != (case["v"], case.get("i"))
    ]
    assert wrong == []
