"""The server that the tests of the search index speak to is the real one."""

from tests.servers.elasticsearch import VERSION, ElasticsearchServer


def test_the_server_of_the_tests_is_elastics_own(elasticsearch: ElasticsearchServer) -> None:
    told = elasticsearch.get("/")
    assert isinstance(told, dict)
    assert told["version"]["number"] == VERSION
    assert told["tagline"] == "You Know, for Search"
