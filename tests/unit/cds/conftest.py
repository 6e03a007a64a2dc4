from collections.abc import Iterator
from pathlib import Path

import pytest

from .county import County, organization, patient


@pytest.fixture
def county(tmp_path: Path) -> Iterator[County]:
    county = County(tmp_path)
    county.send(organization("clinic", "城关镇卫生院"), organization("hospital", "县人民医院"), patient())
    yield county
    county.close()
