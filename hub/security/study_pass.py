"""A pass to the images of a few studies, for minutes: what the page behind a card's link gives to its browser, which
holds no credential, so that the viewer can show them.

It is a cookie that carries a sealed token: which client and practitioner the link was made for, and which studies,
each until when. It opens the viewer's own files and, at DICOMweb, what is of these studies: nothing else, and nothing
by any other method than GET and HEAD. What it opens is read with the rights that the client has then, and audited as
the client's read.
"""

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from urllib.parse import parse_qsl

import msgspec

from hub.contracts.caller import Caller
from hub.contracts.store import ResourceStore

from .cookies import cookie_of
from .links import LINK_SECONDS
from .seal import LONGEST_TOKEN, Seal

COOKIE = "hub_studies"
MOST_STUDIES = 16
VIEWER, STUDIES = "/viewer", "/dicom-web/studies"
_UID_KEYS = ("StudyInstanceUID", "0020000D")


class _Sealed(msgspec.Struct, array_like=True):
    client: str
    actor: str | None
    purpose: str | None
    studies: dict[str, float]
    """StudyInstanceUID and until when (Unix time)."""


_decoder = msgspec.json.Decoder(_Sealed)


class StudyPasses:
    """One per process; may be used from any thread. ``secure`` where the hub speaks TLS."""

    def __init__(
        self, store: ResourceStore, caller_by_name: Callable[[str], Caller | None], *, secure: bool = False
    ) -> None:
        self._seal = Seal(store, "study-pass")
        self._caller_by_name = caller_by_name
        self._secure = secure

    def cookie(self, caller: Caller, studies: Sequence[str], cookies: Sequence[str] = ()) -> str:
        """The value of Set-Cookie for these studies, with those of the same person's pass among ``cookies`` (Cookie
        header fields) that have not ended: a physician has several pages open. Blocks for one commit the first time
        in the life of a data folder."""
        held = self._opened(cookies)
        open_until: dict[str, float] = {}
        person = (caller.client, caller.actor, caller.purpose)
        if held is not None and (held.client, held.actor, held.purpose) == person:
            open_until = held.studies
        open_until |= dict.fromkeys(studies, time.time() + LINK_SECONDS)
        latest = dict(sorted(open_until.items(), key=lambda one: one[1])[-MOST_STUDIES:])
        sealed = self._seal.closed(msgspec.json.encode(_Sealed(*person, latest)))
        secure = "; Secure" if self._secure else ""
        return f"{COOKIE}={sealed}; Path=/; Max-Age={LINK_SECONDS}; HttpOnly; SameSite=Strict{secure}"

    def caller(self, cookies: Sequence[str], path: str, query: bytes) -> Caller | None:
        """Whose rights hold for this GET; None where no pass opens it. ``path`` as it was sent, undecoded."""
        held = self._opened(cookies)
        if held is None or not opens(held.studies, path, query):
            return None
        caller = self._caller_by_name(held.client)
        return None if caller is None else replace(caller, actor=held.actor, purpose=held.purpose)

    def _opened(self, cookies: Sequence[str]) -> _Sealed | None:
        token = cookie_of(cookies, COOKIE, longest=LONGEST_TOKEN)
        content = self._seal.opened(token, lifetime_seconds=LINK_SECONDS) if token else None
        if content is None:
            return None
        try:
            found = _decoder.decode(content)
        except msgspec.DecodeError:
            return None
        now = time.time()
        found.studies = {uid: until for uid, until in found.studies.items() if until > now}
        return found


def opens(studies: Collection[str], path: str, query: bytes) -> bool:
    """Whether what is asked is a file of the viewer, or is of these studies alone. Pure."""
    if path == VIEWER or path.startswith(f"{VIEWER}/"):
        return bool(studies)
    if path.startswith(f"{STUDIES}/"):
        return path[len(STUDIES) + 1 :].partition("/")[0] in studies
    if path != STUDIES:
        return False
    try:
        asked = parse_qsl(query.decode("ascii"), keep_blank_values=True, max_num_fields=50)
    except ValueError:
        return False
    named = [value for name, value in asked if name in _UID_KEYS]
    return len(named) == 1 and all(uid in studies for uid in named[0].replace("\\", ",").split(","))
