"""Retrieve Capabilities (PS3.18 8.9): what can be asked of which resource, as WADL or JSON."""

from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import quoteattr

import msgspec

from .accept import DICOM_JSON, JSON, media_ranges, not_acceptable
from .asgi import Answer, no_such_route

WADL = "application/vnd.sun.wadl+xml"
_INSTANCES = 'multipart/related; type="application/dicom"'
_PICTURES = ("image/jpeg", "image/png", "image/gif", 'multipart/related; type="image/jpeg"')
_SEARCH = ("{attribute}", "includefield", "limit", "offset", "fuzzymatching")
_RENDERING = ("accept", "window", "viewport", "quality", "annotation")
_URI = ("requestType", "studyUID", "seriesUID", "objectUID", "contentType", "transferSyntax", "frameNumber", "rows",
        "columns", "region", "windowCenter", "windowWidth", "imageQuality")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Capability:
    """One method of one resource. ``takes`` are media types of the request, ``gives`` those of the answer."""

    path: str
    method: str
    id: str
    query: tuple[str, ...] = ()
    gives: tuple[str, ...] = ()
    takes: tuple[str, ...] = ()


def _search(path: str, what: str) -> Capability:
    return Capability(path, "GET", f"SearchFor{what}", _SEARCH, (DICOM_JSON, JSON))


def _level(path: str, what: str) -> list[Capability]:
    return [
        Capability(path, "GET", f"Retrieve{what}", ("accept",), (_INSTANCES, "application/dicom")),
        Capability(f"{path}/metadata", "GET", f"Retrieve{what}Metadata", ("accept",), (DICOM_JSON, JSON)),
        Capability(f"{path}/rendered", "GET", f"RetrieveRendered{what}", _RENDERING, _PICTURES),
        Capability(f"{path}/thumbnail", "GET", f"Retrieve{what}Thumbnail", ("accept", "viewport"), _PICTURES[:2]),
    ]


_STUDY, _SERIES = "studies/{study}", "studies/{study}/series/{series}"
_INSTANCE = _SERIES + "/instances/{instance}"
_STORED = (_INSTANCES, 'multipart/related; type="application/dicom+json"', "application/dicom")

CAPABILITIES: tuple[Capability, ...] = (
    _search("studies", "Studies"),
    _search("series", "Series"),
    _search("instances", "Instances"),
    _search(f"{_STUDY}/series", "StudySeries"),
    _search(f"{_STUDY}/instances", "StudyInstances"),
    _search(f"{_SERIES}/instances", "SeriesInstances"),
    Capability("studies", "POST", "StoreInstances", (), (DICOM_JSON, JSON), _STORED),
    Capability(_STUDY, "POST", "StoreStudyInstances", (), (DICOM_JSON, JSON), _STORED),
    *_level(_STUDY, "Study"),
    *_level(_SERIES, "Series"),
    *_level(_INSTANCE, "Instance"),
    Capability(f"{_INSTANCE}/frames/{{frames}}", "GET", "RetrieveFrames", ("accept",),
               ("application/octet-stream", "image/jpeg", "image/jls", "image/jp2", "image/jphc", "image/dicom-rle")),
    Capability(f"{_INSTANCE}/frames/{{frames}}/rendered", "GET", "RetrieveRenderedFrames", _RENDERING, _PICTURES),
    Capability(f"{_INSTANCE}/frames/{{frames}}/thumbnail", "GET", "RetrieveFrameThumbnail", ("accept", "viewport"),
               _PICTURES[:2]),
    Capability(f"{_INSTANCE}/bulkdata/{{path}}", "GET", "RetrieveBulkData", ("accept",), ("application/octet-stream",)),
    Capability("wado", "GET", "RetrieveByURI", _URI, ("application/dicom", *_PICTURES[:3])),
)  # fmt: skip


def capabilities(path: Sequence[str], root: str, accept: str) -> Answer:
    """The answer to OPTIONS of a resource: what there is at it and below. Raises NotFound, Incorrect (406)."""
    below = [one for one in CAPABILITIES if _is_at_or_below(one.path.split("/"), path)]
    if not below:
        raise no_such_route()
    allowed = sorted({one.method for one in CAPABILITIES if _is_at(one.path.split("/"), path)} | {"OPTIONS"})
    headers = [(b"allow", ", ".join(allowed).encode("ascii"))]
    for one in media_ranges(accept):
        if one.takes(WADL):
            return Answer(200, _wadl(below, root), WADL, headers)
        if one.takes(JSON):
            return Answer(200, _json(below, root), JSON, headers)
    raise not_acceptable(f"Accept {WADL} or {JSON}.")


def _is_at(template: Sequence[str], path: Sequence[str]) -> bool:
    return len(template) == len(path) and _is_at_or_below(template, path)


def _is_at_or_below(template: Sequence[str], path: Sequence[str]) -> bool:
    return len(path) <= len(template) and all(
        wanted == found or wanted.startswith("{") for wanted, found in zip(template, path, strict=False)
    )


def _json(below: Sequence[Capability], root: str) -> bytes:
    resources: dict[str, list[dict[str, object]]] = {}
    for one in below:
        resources.setdefault(one.path, []).append(
            {"name": one.method, "id": one.id, "query": one.query, "request": one.takes, "response": one.gives}
        )
    body = {"base": root, "resources": [{"path": path, "methods": methods} for path, methods in resources.items()]}
    return msgspec.json.encode(body)


def _wadl(below: Sequence[Capability], root: str) -> bytes:
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        '<application xmlns="http://wadl.dev.java.net/2009/02" xmlns:xsd="http://www.w3.org/2001/XMLSchema">',
        f"<resources base={quoteattr(root + '/')}>",
    ]
    for path in dict.fromkeys(one.path for one in below):
        lines.append(f"<resource path={quoteattr(path)}>")
        steps = [step.strip("{}") for step in path.split("/") if step.startswith("{")]
        lines += [f'<param name={quoteattr(step)} style="template" type="xsd:string"/>' for step in steps]
        for one in (one for one in below if one.path == path):
            lines.append(f'<method name="{one.method}" id="{one.id}"><request>')
            lines += [f'<param name={quoteattr(name)} style="query" type="xsd:string"/>' for name in one.query]
            lines += [f"<representation mediaType={quoteattr(kind)}/>" for kind in one.takes]
            lines.append("</request><response>")
            lines += [f"<representation mediaType={quoteattr(kind)}/>" for kind in one.gives]
            lines.append("</response></method>")
        lines.append("</resource>")
    return "\n".join([*lines, "</resources>", "</application>"]).encode()
