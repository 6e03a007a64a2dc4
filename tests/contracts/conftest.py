"""A fresh store of each backend."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contracts.resource_stores import STORES, County, opened


@pytest.fixture(params=STORES)
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def county(backend: str, tmp_path: Path) -> Iterator[County]:
    """A store without consequences. Whatever a test did to it, it must verify afterwards."""
    county = County(opened(backend, tmp_path))
    yield county
    assert county.verified() == []
    county.store.close()
