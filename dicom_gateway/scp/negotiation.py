"""What an A-ASSOCIATE-RQ is answered (PS3.8 9.3.2, 9.3.3, PS3.7 annex D), as pynetdicom negotiates it.

A modality asks the same each time, and one association for each image is common: decoding 128 contexts and choosing
among 170 classes takes some ten milliseconds, looking the answer up takes none. So answers are kept by the bytes of the
request; AE titles are not among them.
"""

import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass

from pynetdicom.pdu import A_ASSOCIATE_AC, A_ASSOCIATE_RQ
from pynetdicom.pdu_primitives import (
    A_ASSOCIATE,
    ImplementationClassUIDNotification,
    ImplementationVersionNameNotification,
    MaximumLengthNotification,
    SCP_SCU_RoleSelectionNegotiation,
    SOPClassExtendedNegotiation,
)
from pynetdicom.presentation import negotiate_as_acceptor

from ..file_meta import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from .contexts import supported_contexts
from .extended import relational_answers

FIXED_BYTES = 74
"""Of an A-ASSOCIATE-RQ or -AC before its variable items."""
CALLED, CALLING = slice(10, 26), slice(26, 42)
APPLICATION_CONTEXT = "1.2.840.10008.3.1.1.1"
MOST_KEPT = 256
LONGEST_KEPT_BYTES = 64 << 10
_ACCEPTED = 0
_ACCEPT_HEAD = b"\x02\0"

Contexts = Mapping[int, tuple[str, str, bool]]
"""Accepted presentation contexts: (SOP class, transfer syntax, may we be SCU of it) by id."""


class Malformed(Exception):
    """The bytes are no A-ASSOCIATE-RQ."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """``peer_maximum_bytes``: the longest PDU the peer takes, 0 without a limit. ``relational``: SOP classes whose
    relational queries are agreed on. ``items``: the variable items of the A-ASSOCIATE-AC."""

    contexts: Contexts
    peer_maximum_bytes: int
    relational: frozenset[str]
    items: bytes

    def accept(self, request: bytes) -> bytes:
        """The whole A-ASSOCIATE-AC for this request."""
        length = FIXED_BYTES - 6 + len(self.items)
        return _ACCEPT_HEAD + length.to_bytes(4, "big") + b"\0\1\0\0" + request[10:FIXED_BYTES] + self.items


class Negotiation:
    """Any thread. Keeps the ``MOST_KEPT`` answers that were used last."""

    def __init__(self, maximum_pdu_bytes: int) -> None:
        self._maximum_pdu_bytes = maximum_pdu_bytes
        self._supported = supported_contexts()
        self._kept: OrderedDict[bytes, Agreement] = OrderedDict()
        self._lock = threading.Lock()

    def agree(self, request: bytes) -> Agreement:
        """``request`` is a whole PDU. Raises Malformed."""
        key = request[FIXED_BYTES:]
        with self._lock:
            if (kept := self._kept.get(key)) is not None:
                self._kept.move_to_end(key)
                return kept
        try:
            made = self._negotiate(request)
        except Exception as failure:  # whatever the library stumbles over in a peer's bytes
            raise Malformed(type(failure).__name__) from failure
        if len(key) <= LONGEST_KEPT_BYTES:
            with self._lock:
                self._kept[key] = made
                while len(self._kept) > MOST_KEPT:
                    self._kept.popitem(last=False)
        return made

    def _negotiate(self, request: bytes) -> Agreement:
        pdu = A_ASSOCIATE_RQ()
        pdu.decode(request)
        asked = pdu.to_primitive()
        information = asked.user_information
        roles = {
            one.sop_class_uid: (one.scu_role, one.scp_role)
            for one in information
            if isinstance(one, SCP_SCU_RoleSelectionNegotiation)
        }
        results, agreed_roles = negotiate_as_acceptor(
            asked.presentation_context_definition_list, self._supported, roles
        )
        extended = {
            str(one.sop_class_uid): bytes(one.service_class_application_information)
            for one in information
            if isinstance(one, SOPClassExtendedNegotiation)
        }
        answers = relational_answers(extended)
        maximum = [one.maximum_length_received for one in information if isinstance(one, MaximumLengthNotification)]
        return Agreement(
            contexts={
                one.context_id: (str(one.abstract_syntax), str(one.transfer_syntax[0]), bool(one.as_scu))
                for one in results
                if one.result == _ACCEPTED
            },
            peer_maximum_bytes=int(maximum[0]) if maximum else 0,
            relational=frozenset(uid for uid, answer in answers.items() if answer[0]),
            items=self._encoded(asked, results, agreed_roles, answers),
        )

    def _encoded(
        self,
        asked: A_ASSOCIATE,
        results: list[object],
        roles: list[SCP_SCU_RoleSelectionNegotiation],
        extended: Mapping[str, bytes],
    ) -> bytes:
        length = MaximumLengthNotification()
        length.maximum_length_received = self._maximum_pdu_bytes
        implementation = ImplementationClassUIDNotification()
        implementation.implementation_class_uid = IMPLEMENTATION_CLASS_UID
        version = ImplementationVersionNameNotification()
        version.implementation_version_name = IMPLEMENTATION_VERSION_NAME
        queries = []
        for uid, answer in extended.items():
            item = SOPClassExtendedNegotiation()
            item.sop_class_uid, item.service_class_application_information = uid, answer
            queries.append(item)
        primitive = A_ASSOCIATE()
        primitive.application_context_name = APPLICATION_CONTEXT
        primitive.calling_ae_title, primitive.called_ae_title = asked.calling_ae_title, asked.called_ae_title
        primitive.result, primitive.result_source = 0, 1
        primitive.presentation_context_definition_results_list = results
        primitive.user_information = [length, implementation, version, *queries, *roles]
        pdu = A_ASSOCIATE_AC()
        pdu.from_primitive(primitive)
        encoded: bytes = pdu.encode()
        return encoded[FIXED_BYTES:]
