"""The JSON shapes of CDS Hooks 2.0 (Discovery, CDS Service Response), written down as types: what is required, what is
allowed, and nothing else. ``extension`` is the one place for our own."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

Text = Annotated[str, Meta(min_length=1)]
Absolute = Annotated[str, Meta(pattern=r"^https?://[^\s]+$")]
Uuid = Annotated[str, Meta(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]


class Shape(msgspec.Struct, forbid_unknown_fields=True):
    pass


class Coding(Shape):
    code: Text
    system: Text
    display: Text


class Source(Shape):
    label: Text
    url: Absolute | UnsetType = UNSET
    icon: Absolute | UnsetType = UNSET
    topic: Coding | UnsetType = UNSET


class Action(Shape):
    type: Literal["create", "update", "delete"]
    description: Text
    resource: dict[str, Any] | UnsetType = UNSET
    resourceId: Annotated[str, Meta(pattern=r"^[A-Z][A-Za-z]+/[^/]+$")] | UnsetType = UNSET

    def __post_init__(self) -> None:
        if self.type == "delete" and (self.resourceId is UNSET or self.resource is not UNSET):
            raise ValueError("a delete names its resource by resourceId")
        if self.type != "delete" and self.resource is UNSET:
            raise ValueError("a create or update carries the whole resource")


class Suggestion(Shape):
    label: Text
    uuid: Uuid
    actions: Annotated[list[Action], Meta(min_length=1)]
    isRecommended: bool | UnsetType = UNSET


class Link(Shape):
    label: Text
    url: Absolute
    type: Literal["absolute"]


class Card(Shape):
    uuid: Uuid
    summary: Annotated[str, Meta(min_length=1, max_length=139)]
    indicator: Literal["info", "warning"]
    source: Source
    detail: Text | UnsetType = UNSET
    suggestions: Annotated[list[Suggestion], Meta(min_length=1)] | UnsetType = UNSET
    selectionBehavior: Literal["at-most-one", "any"] | UnsetType = UNSET
    overrideReasons: Annotated[list[Coding], Meta(min_length=6)] | UnsetType = UNSET
    links: list[Link] | UnsetType = UNSET
    extension: dict[str, Any] | UnsetType = UNSET

    def __post_init__(self) -> None:
        if self.suggestions is not UNSET and self.selectionBehavior is UNSET:
            raise ValueError("suggestions need a selectionBehavior")


class Answer(Shape):
    cards: list[Card]
    extension: dict[str, Any] | UnsetType = UNSET


class Service(Shape):
    hook: Text
    description: Text
    id: Annotated[str, Meta(pattern=r"^[A-Za-z0-9._-]+$")]
    title: Text | UnsetType = UNSET
    prefetch: dict[str, str] | UnsetType = UNSET
    usageRequirements: Text | UnsetType = UNSET


class Services(Shape):
    services: Annotated[list[Service], Meta(min_length=1)]


answer = msgspec.json.Decoder(Answer).decode
services = msgspec.json.Decoder(Services).decode
