"""The connection to the servers, and whether they are what this hub can use."""

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from elastic_transport import HttpxAsyncHttpNode
from elasticsearch import AsyncElasticsearch

OLDEST, NEWEST = 8, 9
"""Major versions of the server that are supported."""
EXAMINE_SECONDS = 3.0
REQUEST_SECONDS = 30.0
"""Of one request of the indexer; a search has a time of its own."""
_PRODUCT = "x-elastic-product"


class Unusable(Exception):
    """Why the index cannot be used, as one sentence with the remedy."""


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """``prefix`` begins the names of indices and aliases: two hubs may share a cluster under two prefixes."""

    urls: tuple[str, ...]
    user: str = ""
    password: str = ""
    api_key: str = ""
    ca_file: Path | None = None
    prefix: str = "hub"
    shards: int = 1
    replicas: int = 0


def connect(settings: ServerSettings) -> AsyncElasticsearch:
    """Opens no connection yet. To be closed."""
    options: dict[str, Any] = {}
    if settings.api_key:
        options["api_key"] = settings.api_key
    elif settings.user:
        options["basic_auth"] = (settings.user, settings.password)
    if settings.ca_file is not None:
        options["ca_certs"] = str(settings.ca_file)
    return AsyncElasticsearch(
        list(settings.urls), node_class=HttpxAsyncHttpNode, request_timeout=REQUEST_SECONDS, max_retries=2, **options
    )


async def examine(settings: ServerSettings) -> str:
    """The version of the first server that answers. Raises Unusable."""
    trouble = Unusable("No address of an Elasticsearch server is set. Set HUB_SEARCH__ELASTICSEARCH_URL.")
    for url in settings.urls:
        try:
            return await _examine(settings, url.rstrip("/"))
        except Unusable as failure:
            trouble = failure
    raise trouble


async def _examine(settings: ServerSettings, url: str) -> str:
    headers = {"authorization": f"ApiKey {settings.api_key}"} if settings.api_key else {}
    auth = (settings.user, settings.password) if settings.user and not settings.api_key else None
    try:
        async with httpx.AsyncClient(verify=_trust(settings), timeout=EXAMINE_SECONDS, trust_env=False) as client:
            answer = await client.get(f"{url}/", headers=headers, auth=auth)
    except httpx.TimeoutException:
        raise Unusable(
            f"{url} did not answer within {EXAMINE_SECONDS:g} s. Start the server or correct the URL."
        ) from None
    except (httpx.HTTPError, httpx.InvalidURL) as failure:
        raise Unusable(_unreachable(url, failure)) from None
    return _version(url, answer)


def _trust(settings: ServerSettings) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=None if settings.ca_file is None else str(settings.ca_file))
    except (OSError, ssl.SSLError):
        raise Unusable(f"{settings.ca_file} holds no certificate. Correct HUB_SEARCH__CA_FILE.") from None


def _unreachable(url: str, failure: Exception) -> str:
    cause: BaseException | None = failure
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return (
                f"The certificate of {url} is not accepted ({cause.verify_message}). Renew it, or name its authority "
                "in HUB_SEARCH__CA_FILE."
            )
        cause = cause.__cause__ or cause.__context__
    return (
        f"Nothing answers at {url} ({type(failure).__name__}). Start the server or correct "
        "HUB_SEARCH__ELASTICSEARCH_URL."
    )


def _version(url: str, answer: httpx.Response) -> str:
    if answer.status_code == 401:
        raise Unusable(
            f"{url} does not accept the user or key. Correct HUB_SEARCH__USER and HUB_SEARCH__PASSWORD, or "
            "HUB_SEARCH__API_KEY."
        )
    if answer.status_code == 403:
        raise Unusable(f"{url} grants this user too little. Give it 'monitor' and all on the hub's own indices.")
    try:
        told = answer.json()["version"]
        number, distribution = str(told["number"]), str(told.get("distribution", "elasticsearch"))
        major = int(number.partition(".")[0])
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Unusable(f"{url} is no Elasticsearch server. Correct HUB_SEARCH__ELASTICSEARCH_URL.") from None
    if distribution == "opensearch":
        raise Unusable(f"{url} is OpenSearch {number}, which is not supported. Point the hub to Elasticsearch 8 or 9.")
    if not OLDEST <= major <= NEWEST:
        raise Unusable(
            f"{url} is Elasticsearch {number}; {OLDEST}.x and {NEWEST}.x are supported. Install one of these."
        )
    if answer.headers.get(_PRODUCT) != "Elasticsearch":
        raise Unusable(f"{url} does not prove to be Elasticsearch. Correct HUB_SEARCH__ELASTICSEARCH_URL.")
    return number
