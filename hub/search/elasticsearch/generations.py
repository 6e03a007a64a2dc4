"""The indices of one generation, and the aliases that searches go to."""

from collections.abc import Collection, Mapping
from typing import Any

from elasticsearch import AsyncElasticsearch

from .connection import ServerSettings, Unusable
from .mappings import (
    ALL_GROUPS,
    APPLICATION,
    MAPPING,
    PROPERTIES,
    RESOURCE_GROUPS,
    group_of,
    groups_of,
    index_body,
)


class Generations:
    """Names, creation, swap and removal. ``store_id`` tells the indices of one data folder from another's."""

    def __init__(self, client: AsyncElasticsearch, settings: ServerSettings, store_id: str) -> None:
        self._client = client
        self._settings = settings
        self._store_id = store_id

    def alias(self, group: str) -> str:
        return f"{self._settings.prefix}-{group}"

    def alias_of(self, resource_type: str) -> str:
        return self.alias(group_of(resource_type))

    @property
    def aliases(self) -> list[str]:
        return [self.alias(group) for group in ALL_GROUPS]

    @property
    def resource_aliases(self) -> list[str]:
        return [self.alias(group) for group in RESOURCE_GROUPS]

    def index(self, n: int, group: str, mapping: int = MAPPING) -> str:
        return f"{self.alias(group)}-v{mapping}-{n:06d}"

    def index_of(self, n: int, resource_type: str, mapping: int = MAPPING) -> str:
        return self.index(n, group_of(resource_type), mapping)

    def indices(self, n: int, mapping: int = MAPPING) -> list[str]:
        return [self.index(n, group, mapping) for group in groups_of(mapping)]

    async def examine(self) -> None:
        """Raises Unusable where somebody else's index stands under one of our names."""
        found = await self._client.indices.get(index=self.aliases, ignore_unavailable=True, allow_no_indices=True)
        for name, told in found.items():
            meta = _meta(told)
            if meta.get("application") != APPLICATION:
                raise Unusable(
                    f"The index {name} is not of this hub and stands under its alias. Remove that alias, or set "
                    "HUB_SEARCH__PREFIX to a word of the hub's own."
                )
            if meta.get("store") != self._store_id:
                raise Unusable(
                    f"The index {name} belongs to another data folder. Set HUB_SEARCH__PREFIX to a word of this hub's "
                    "own, or delete that index."
                )

    async def is_whole(self, n: int, mapping: int) -> bool:
        """Whether all indices of a generation are there in the shape that was meant."""
        names = self.indices(n, mapping)
        found = await self._client.indices.get(index=names, ignore_unavailable=True, allow_no_indices=True)
        return set(found) == set(names) and all(
            _meta(told).get("store") == self._store_id and _as_meant(told) for told in found.values()
        )

    async def create(self, n: int) -> None:
        """Make those that are not there."""
        body = index_body(self._store_id, shards=self._settings.shards, replicas=self._settings.replicas)
        for name in self.indices(n):
            if not await self._client.indices.exists(index=name):
                await self._client.indices.create(index=name, wait_for_active_shards=1, **body)

    async def lead_to(self, n: int) -> None:
        """Point every alias to a generation, at once."""
        actions: list[dict[str, Any]] = []
        for group in ALL_GROUPS:
            actions.append(
                {"remove": {"index": f"{self.alias(group)}-v*", "alias": self.alias(group), "must_exist": False}}
            )
            actions.append({"add": {"index": self.index(n, group), "alias": self.alias(group)}})
        await self._client.indices.update_aliases(actions=actions)

    async def led_to(self, n: int) -> bool:
        """Whether every alias leads to it."""
        found = await self._client.indices.get(index=self.aliases, ignore_unavailable=True, allow_no_indices=True)
        return set(found) == set(self.indices(n))

    async def refresh(self, n: int, mapping: int) -> None:
        await self._client.indices.refresh(index=self.indices(n, mapping))

    async def remove(self, n: int, mapping: int) -> None:
        await self._client.indices.delete(index=self.indices(n, mapping), ignore_unavailable=True)

    async def remove_all_but(self, known: Collection[tuple[int, int]]) -> None:
        """Our own indices that no generation (number, mapping) knows of any more."""
        kept = {name for n, mapping in known for name in self.indices(n, mapping)}
        patterns = [f"{alias}-v*" for alias in self.aliases]
        found = await self._client.indices.get(index=patterns, ignore_unavailable=True, allow_no_indices=True)
        ours = [name for name, told in found.items() if _meta(told).get("store") == self._store_id]
        orphans = sorted(set(ours) - kept)
        if orphans:
            await self._client.indices.delete(index=orphans, ignore_unavailable=True)


def _meta(told: Mapping[str, Any]) -> Mapping[str, Any]:
    meta = told.get("mappings", {}).get("_meta", {})
    return meta if isinstance(meta, Mapping) else {}


def _as_meant(told: Mapping[str, Any]) -> bool:
    properties = told.get("mappings", {}).get("properties", {})
    return _meta(told).get("mapping") != MAPPING or all(
        properties.get(name, {}).get("type") == meant["type"] for name, meant in PROPERTIES.items()
    )
