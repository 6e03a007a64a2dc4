"""One HL7 v2 message from bytes to acknowledgement: who sent it, what it means, stored or quarantined."""

import asyncio
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from hub.contracts.caller import Caller
from hub.contracts.errors import Conflict, ExchangeError, Fault, Forbidden
from hub.contracts.far_end import FarEnd
from hub.contracts.hub_client import HubClient
from hub.contracts.ingest import Acknowledgement
from hub.contracts.quarantine import Refusal
from hub.contracts.submission import Channel, Original, Receipt
from hub.telemetry import metrics
from hub.telemetry.events import declare

from . import ack
from .ack import Answer
from .message import Message, is_batch, parse, split_batch, unframed
from .refusal import MessageIncorrect
from .settled import Settled
from .translate import CONTENT_TYPE, content_type, located, submission_of

UNKNOWN_FACILITY = "unknown-facility"
"""Kind of the security event for an MSH-4 that nobody registered."""

FAILED = declare("hl7v2.failed", "error", ("stage", "error"), "A message could not be handled: a fault of the hub.")
CHARSET = metrics.describe(
    "hub_hl7v2_wrong_charset_total", "Messages whose MSH-18 names another character set than their bytes have."
)


_CODE = re.compile(r"(?!\d{11,})[A-Za-z0-9_.\-]{1,20}", re.ASCII)


class UnknownFacility(Forbidden):
    """Nothing is kept of what a facility sends that nobody registered."""

    code = 204


class Hl7v2Ingest:
    """Takes messages for a hub. Called on an event loop; many at a time. Each call hands its message to the store
    before it first waits, so messages taken one after the other are stored in that order."""

    def __init__(self, client: HubClient, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._client = client
        self._clock = clock
        self._here: Settled | None = None

    async def receive(self, content: bytes, far_end: FarEnd) -> bytes:
        """What MLLP brings, without framing: the caller is the client registered for MSH-4, if it may come from there.
        Always answers."""
        return (await self.answer(content, far_end)).content

    async def __call__(
        self, content: bytes, content_type: str, caller: Caller, query: Mapping[str, str]
    ) -> Acknowledgement:
        """What HTTP brings (``hub.contracts.ingest.Ingester``): MSH-4 must be the caller's own. Raises Forbidden where
        it is another client's or nobody's."""
        answer = await self.answer(content, caller)
        if answer.foreign:
            raise Forbidden(
                "MSH-4 is not a facility of this client.",
                where="MSH-4",
                remedy="Register the facility with this client (hub client add --facility).",
            )
        return Acknowledgement(answer.content, answer.content_type, answer.code == "AA", answer.receipt)

    async def answer(self, content: bytes, sent_by: Caller | FarEnd) -> "Taken":
        """``sent_by`` is the caller where a token told who it is, else where the message came from."""
        if is_batch(content):
            # One after the other: an A08 may change what the A01 before it created.
            try:
                messages = split_batch(content)
            except ExchangeError as error:
                return await self._unreadable(content, error, sent_by)
            taken = [await self._take(one, sent_by) for one in messages]
            if taken:
                whole = ack.envelope_of_batch(
                    content, [Answer(one.content, one.code, one.content_type) for one in taken]
                )
                return Taken(whole, foreign=all(one.foreign for one in taken))
        return await self._take(content, sent_by)

    async def _take(self, content: bytes, sent_by: Caller | FarEnd) -> "Taken":
        try:
            message = parse(content)
        except ExchangeError as error:
            return await self._unreadable(content, error, sent_by)
        except Exception as error:  # a fault in our reading must not make the sender repeat it for ever
            FAILED.log(stage="parse", error=type(error).__name__)
            return await self._unreadable(content, _not_understood(), sent_by)
        try:
            sender = self._sender(message, sent_by)
        except UnknownFacility as error:
            return Taken(ack.refuse(message, error, self._clock()), foreign=True)
        if message.contradicted_charset:
            metrics.count(CHARSET, client=sender.client, codec=message.codec, declared=message.contradicted_charset)
        try:
            submission = submission_of(content, message, sender, self._clock())
        except ExchangeError as error:
            return await self._refuse(content, message, error, sender)
        except Exception as error:
            FAILED.log(stage="translate", error=type(error).__name__)
            return await self._refuse(content, message, _not_understood(), sender)
        try:
            receipt = await self._settled().receipt(self._client.submit(submission))
        except ExchangeError as error:
            twice = isinstance(error, Conflict) and error.issue_code == "duplicate"
            told = _number_taken() if twice else located(message, error)
            return await self._refuse(content, message, told, sender)
        except Exception as error:
            FAILED.log(stage="submit", error=type(error).__name__)
            return Taken(ack.refuse(message, Fault("The hub failed.", remedy="Send it again."), self._clock()))
        return Taken(ack.acknowledge(message, receipt), receipt=receipt)

    def _settled(self) -> Settled:
        settled = self._here
        if settled is None or settled.loop is not asyncio.get_running_loop():
            settled = self._here = Settled()
        return settled

    def _registered(self, facility: str, sent_by: Caller | FarEnd) -> Caller | None:
        if not facility:
            return None
        return self._client.caller_by_facility(facility, sent_by if isinstance(sent_by, FarEnd) else None)

    def _sender(self, message: Message, sent_by: Caller | FarEnd) -> Caller:
        facility = message.header.text(4)
        registered = self._registered(facility, sent_by)
        caller = sent_by if isinstance(sent_by, Caller) else None
        if registered is None or (caller is not None and registered.client != caller.client):
            self._client.security_event(UNKNOWN_FACILITY, _nameable(facility))
            raise UnknownFacility(
                "The sending facility is not registered.",
                where="MSH-4",
                remedy="Register it (hub client add --facility).",
            )
        return caller or registered

    async def _refuse(self, content: bytes, message: Message, error: ExchangeError, caller: Caller) -> "Taken":
        """Into quarantine, unless it is to come again or not to come at all."""
        if ack.codes_of(error)[0] == "AE":
            kept = await self._quarantine(content, error, caller, message.header.text(10), content_type(message))
            if kept is not None:
                error = kept
        return Taken(ack.refuse(message, error, self._clock()))

    async def _unreadable(self, content: bytes, error: ExchangeError, sent_by: Caller | FarEnd) -> "Taken":
        """Whose a message is that cannot be parsed is read off its raw header; nobody's is not kept."""
        envelope = ack.Envelope.guessed(content)
        facility = envelope.sender
        sender = self._registered(facility, sent_by)
        caller = sent_by if isinstance(sent_by, Caller) else None
        if caller is not None and (sender is None or sender.client == caller.client):
            sender = caller
        elif sender is None or caller is not None:
            self._client.security_event(UNKNOWN_FACILITY, _nameable(facility))
            foreign = UnknownFacility("The sending facility is not registered.", where="MSH-4") if facility else error
            return Taken(ack.refuse_unreadable(content, foreign, self._clock()), foreign=bool(facility))
        failed = await self._quarantine(content, error, sender, envelope.number, CONTENT_TYPE)
        return Taken(ack.refuse_unreadable(content, failed or error, self._clock()))

    async def _quarantine(
        self, content: bytes, error: ExchangeError, caller: Caller, key: str, kind: str
    ) -> ExchangeError | None:
        """None when it is kept; what to tell the sender when even that failed."""
        original = Original(unframed(content), kind)
        refusal = Refusal(Channel.HL7V2, key[:200], error.what, error.where, error.remedy, original)
        try:
            await asyncio.to_thread(self._client.quarantine, refusal, caller)
        except ExchangeError as failure:
            return failure if ack.codes_of(failure)[0] == "AR" else Fault("The hub failed.", remedy="Send it again.")
        except Exception as failure:
            FAILED.log(stage="quarantine", error=type(failure).__name__)
            return Fault("The hub failed.", remedy="Send it again.")
        return None


class Taken:
    """What became of a message. ``foreign`` where its facility is not the caller's: nothing was kept."""

    __slots__ = ("code", "content", "content_type", "foreign", "receipt")

    def __init__(self, answer: Answer, *, receipt: Receipt | None = None, foreign: bool = False) -> None:
        self.content, self.code, self.content_type = answer.content, answer.code, answer.content_type
        self.receipt = receipt
        self.foreign = foreign


def _nameable(facility: str) -> str:
    """What may be said of a facility nobody knows: its code, where it looks like one and not like a person's number."""
    return f"MSH-4 {facility}" if _CODE.fullmatch(facility) else "MSH-4"


def _number_taken() -> Conflict:
    """The key of a message in the sender's own words."""
    return Conflict(
        "Another message came before under this MSH-7 and MSH-10.",
        where="MSH-10",
        remedy="Give each message a number of its own; send a message again with exactly the same bytes.",
        issue_code="duplicate",
    )


def _not_understood() -> MessageIncorrect:
    return MessageIncorrect(
        "The message could not be understood.",
        segment="MSH",
        code=102,
        remedy="Ask the hub's operators: the message is in quarantine.",
    )
