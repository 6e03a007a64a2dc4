"""The gate gives the same answer every time: property tests draw the same examples in each run.

``HYPOTHESIS_PROFILE=explore make unit`` draws new ones; what it finds becomes an example or a test of its own.
"""

import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.servers import elasticsearch as server

settings.register_profile("gate", derandomize=True, deadline=None, print_blob=True)
settings.register_profile("explore", deadline=None, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "gate"))


@pytest.fixture(scope="session")
def elasticsearch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[server.ElasticsearchServer]:
    """One server for the whole run, started when a test first asks for it. Tests keep to index names of their own."""
    reason = server.missing()
    if reason:
        if os.environ.get("HUB_TESTS_REQUIRE_PEERS"):
            pytest.fail(f"{reason} HUB_TESTS_REQUIRE_PEERS asks for it.")
        pytest.skip(reason)
    running = server.ElasticsearchServer(tmp_path_factory.mktemp("elasticsearch"))
    try:
        yield running.start()
    finally:
        running.remove()
