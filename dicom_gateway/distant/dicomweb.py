"""An archive asked by QIDO-RS and WADO-RS (PS3.18 10.6, 10.4)."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec

from hub.contracts.archives import DistantArchive
from hub.contracts.errors import Gone, TooLarge

from ..settings import DicomSettings
from ..study_index.instance_row import InstanceRow
from .attributes import INSTANCE_KEYS, SERIES, SERIES_KEYS, STUDY, STUDY_KEYS, Attributes, text
from .first_part import first_part
from .line import OBJECT_SECONDS, unreachable

PAGE = 200
_MOST_ANSWER_BYTES = 64 << 20
_NO_METADATA = frozenset({204, 400, 404, 405, 406, 415, 501})
_DICOM = 'multipart/related; type="application/dicom"; transfer-syntax=*'


class DicomWeb:
    """``Queries`` and ``Retrieval``. Any thread; redirects are not followed: the token is for this archive alone."""

    def __init__(self, archive: DistantArchive, settings: DicomSettings) -> None:
        self._url = archive.url
        self._most_bytes = settings.maximum_data_set_bytes
        headers = {"Authorization": f"Bearer {archive.token}"} if archive.token else {}
        self._client = httpx.Client(
            headers=headers,
            timeout=httpx.Timeout(settings.distant_silence_seconds, connect=settings.distant_connect_seconds),
            limits=httpx.Limits(max_connections=archive.connections + 1),
            follow_redirects=False,
            trust_env=False,
        )

    def close(self) -> None:
        self._client.close()

    def ping(self) -> None:
        self._search("/studies", [("limit", "1")])

    def studies(self, first_day: str, last_day: str) -> Iterator[Attributes]:
        seen: set[str] = set()
        while True:
            asked = [("StudyDate", f"{first_day}-{last_day}"), ("limit", str(PAGE)), ("offset", str(len(seen)))]
            page = self._search("/studies", [*asked, ("includefield", "00201208")])
            new = [one for one in page if text(one, STUDY) not in seen]
            yield from new
            seen.update(text(one, STUDY) for one in new)
            if len(page) < PAGE or not new:  # an archive that knows no offset gives the same again
                return

    def objects(self, study_uid: str) -> Iterator[tuple[Attributes, Attributes, Attributes]]:
        found = self._search("/studies", [(STUDY, study_uid), *_fields(STUDY_KEYS)])
        study = next((one for one in found if text(one, STUDY) == study_uid), None)
        if study is None:
            return
        series = {text(one, SERIES): one for one in self._search(f"/studies/{study_uid}/series", _fields(SERIES_KEYS))}
        for uid, attributes in series.items():
            offset = 0
            while True:
                asked = [*_fields(INSTANCE_KEYS), ("limit", str(PAGE)), ("offset", str(offset))]
                page = self._search(f"/studies/{study_uid}/series/{uid}/instances", asked)
                yield from ((study, attributes, one) for one in page)
                offset += len(page)
                if len(page) != PAGE:
                    break

    def metadata(self, study_uid: str, series_uid: str) -> list[dict[str, Any]]:
        """Of every object of a series; nothing where the archive gives none."""
        return self._search(f"/studies/{study_uid}/series/{series_uid}/metadata", [], none_at=_NO_METADATA)

    def fetch(self, row: InstanceRow, study_uid: str, path: Path) -> None:
        url = f"{self._url}/studies/{study_uid}/series/{row.series_uid}/instances/{row.uid}"
        until = time.monotonic() + OBJECT_SECONDS
        try:
            with self._client.stream("GET", url, headers={"Accept": _DICOM, "Accept-Encoding": "identity"}) as answer:
                if answer.status_code in (404, 410):
                    raise Gone("The archive does not hold this object any more.", where=row.uid)
                _check(answer.status_code)
                with path.open("xb") as file:
                    for piece in first_part(answer.headers.get("content-type", ""), answer.iter_bytes()):
                        file.write(piece)
                        if time.monotonic() > until:
                            raise unreachable("The archive sends too slowly.", http_status=504)
                        if file.tell() > self._most_bytes:
                            raise TooLarge("The object is larger than this gateway takes.", http_status=502)
        except httpx.TimeoutException:
            raise unreachable("The archive did not answer in time.", http_status=504) from None
        except (httpx.HTTPError, httpx.InvalidURL):
            raise unreachable("The archive cannot be reached.") from None
        except ValueError:
            raise unreachable("The archive's answer cannot be read.", http_status=502) from None

    def _search(
        self, path: str, asked: list[tuple[str, str]], none_at: frozenset[int] = frozenset({204, 404})
    ) -> list[dict[str, Any]]:
        content, until = bytearray(), time.monotonic() + OBJECT_SECONDS
        headers = {"Accept": "application/dicom+json"}
        try:
            with self._client.stream(
                "GET", self._url + path, params=httpx.QueryParams(tuple(asked)), headers=headers
            ) as answer:
                if answer.status_code in none_at:
                    return []
                _check(answer.status_code)
                for piece in answer.iter_bytes():
                    content += piece
                    if len(content) > _MOST_ANSWER_BYTES or time.monotonic() > until:
                        raise unreachable("The archive's answer is too long.", http_status=502)
            return msgspec.json.decode(content, type=list[dict[str, Any]]) if content else []
        except httpx.TimeoutException:
            raise unreachable("The archive did not answer in time.", http_status=504) from None
        except (httpx.HTTPError, httpx.InvalidURL):
            raise unreachable("The archive cannot be reached.") from None
        except (msgspec.MsgspecError, UnicodeDecodeError):
            raise unreachable("The archive's answer cannot be read.", http_status=502) from None


def _fields(tags: tuple[str, ...]) -> list[tuple[str, str]]:
    return [("includefield", tag) for tag in tags]


def _check(status: int) -> None:
    if status in (401, 403):
        raise unreachable("The archive does not let us in; its token may have ended.", http_status=502)
    if status != 200:
        raise unreachable(f"The archive answered with status {status}.", http_status=502)
