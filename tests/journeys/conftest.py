"""Fixtures of the journeys."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.journeys.county import County
from tests.journeys.running_hub import RunningHub


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[RunningHub]:
    """A running hub with two clinics, a reading centre, a county physician and an administrator."""
    running = RunningHub(tmp_path / "data").start()
    try:
        running.register("qingshan", "clinic", "qingshan", "--facility", "QS001", "--ae-title", "QINGSHAN")
        running.register("baihe", "clinic", "baihe", "--facility", "BH001", "--ae-title", "BAIHE")
        running.register("centre", "reader", "imaging-centre")
        running.register("hospital", "physician", "county-hospital")
        running.register("operator", "admin", "county-it")
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="session")
def county(tmp_path_factory: pytest.TempPathFactory) -> Iterator[County]:
    """One running county for all journeys that can share it: each uses persons of its own."""
    made = County(tmp_path_factory.mktemp("county"))
    try:
        yield made
    finally:
        made.close()
