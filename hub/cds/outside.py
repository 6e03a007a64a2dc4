"""Asking outside sources, all at once and never longer than the deadline. A source that is silent is named as silent on
the card: its silence is no answer, and nobody waits for it.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import httpx
import msgspec

from hub.contracts.outside import OutsideQuestion, OutsideResult, OutsideSource
from hub.exams.judging.outside import outside_priors
from hub.exams.judging.prior import Prior
from hub.exams.judging.recognition import Institution
from hub.telemetry import events, metrics

DEADLINE_SECONDS = 0.3
MOST_SILENCES, REST_SECONDS = 5, 30.0
"""After so many silences in a row a source is not asked for a while; cards go on saying that it is silent."""
MOST_RESULTS, LARGEST_ANSWER_BYTES = 100, 1 << 20
ASKED = metrics.describe("hub_cds_outside_total", "Questions to outside recognition sources, by source and answer.")
SILENT = events.declare("cds.outside-silent", "warning", ("source", "error"), "An outside source gave no answer.")


@dataclass(frozen=True, slots=True)
class Heard:
    """What one source said: ``silent``, or how many results it knew of."""

    source: str
    silent: bool
    results: int = 0


@dataclass(frozen=True, slots=True)
class Answers:
    heard: tuple[Heard, ...] = ()
    priors: tuple[tuple[Prior, Institution], ...] = ()


class Outside:
    """The sources of this hub; none by default. One per process, on one event loop."""

    def __init__(
        self,
        sources: Sequence[OutsideSource] = (),
        *,
        deadline_seconds: float = DEADLINE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.sources = tuple(sources)
        self._deadline_seconds = deadline_seconds
        self._clock = clock
        self._silences: dict[str, int] = {}
        self._resting: dict[str, float] = {}

    async def ask(self, question: OutsideQuestion) -> Answers:
        """Never raises, and returns by the deadline."""
        answers = await asyncio.gather(*(self._ask(source, question) for source in self.sources))
        heard = tuple(one for one, _ in answers)
        return Answers(heard, tuple(prior for _, priors in answers for prior in priors))

    async def _ask(
        self, source: OutsideSource, question: OutsideQuestion
    ) -> tuple[Heard, list[tuple[Prior, Institution]]]:
        name = source.name
        if self._resting.get(name, 0.0) > self._clock():
            metrics.count(ASKED, source=name, answer="resting")
            return Heard(name, silent=True), []
        try:
            async with asyncio.timeout(self._deadline_seconds):
                results = list(await source.look_up(question))[:MOST_RESULTS]
        except Exception as error:
            SILENT.log(source=name, error=type(error).__name__)
            metrics.count(ASKED, source=name, answer="silent")
            self._silences[name] = self._silences.get(name, 0) + 1
            if self._silences[name] >= MOST_SILENCES:
                self._resting[name], self._silences[name] = self._clock() + REST_SECONDS, 0
            return Heard(name, silent=True), []
        self._silences[name] = 0
        metrics.count(ASKED, source=name, answer="results" if results else "nothing")
        return Heard(name, silent=False, results=len(results)), outside_priors(results, name)


class _Answer(msgspec.Struct):
    results: list[OutsideResult]


_decode = msgspec.json.Decoder(_Answer).decode


class HttpOutsideSource:
    """A source behind one address (``hub.contracts.outside.OutsideSource``): POST of ``{"residentId", "examinations":
    ["胸部CT平扫"]}``, answered by ``{"results": [{"id", "name", "performed", "organization", …}]}`` with the fields of
    ``OutsideResult``. The real platforms speak forms of their own: each gets an adapter with this one seam."""

    def __init__(self, name: str, url: str, token: str = "") -> None:
        self._name = name
        self._url = url
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._client: httpx.AsyncClient | None = None

    @property
    def name(self) -> str:
        return self._name

    async def look_up(self, question: OutsideQuestion) -> Sequence[OutsideResult]:
        if self._client is None:
            self._client = httpx.AsyncClient(headers=self._headers, timeout=DEADLINE_SECONDS, follow_redirects=False)
        asked = {"residentId": question.resident_id, "examinations": question.examinations}
        answer = await self._client.post(
            self._url, content=msgspec.json.encode(asked), headers={"Content-Type": "application/json"}
        )
        answer.raise_for_status()
        if len(answer.content) > LARGEST_ANSWER_BYTES:
            raise ValueError("too long")
        return _decode(answer.content).results
