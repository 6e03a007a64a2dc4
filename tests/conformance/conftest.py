"""Fixtures of the conformance tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conformance.fhir_hub import FhirHub


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[FhirHub]:
    made = FhirHub(tmp_path)
    yield made
    made.close()
