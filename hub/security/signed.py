"""CDS clients that prove who they are by a signed token (CDS Hooks 2.0, Trusting CDS Clients; RFC 7519, 7515).

A token is good for one call: ``iss`` must be registered, the key one of that issuer's, ``jku`` (where it is sent) the
registered address, ``aud`` the address that is called, ``exp`` near, and its ``jti`` never seen before. The client it
stands for is the registered one, with its role and organization; what else the token claims gives no right.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any

import jwt

from hub.contracts.caller import Caller, Role
from hub.contracts.errors import Unauthenticated
from hub.contracts.store import CommitView, ResourceStore

from .directory import SignedIdentity
from .key_sets import ALGORITHMS, Keys, KeySets, read_keys

LEEWAY_SECONDS = 30
LONGEST_LIFE_SECONDS = 3600
LONGEST_JTI = 255
LONGEST_TOKEN = 8192
_REQUIRED = ["iss", "aud", "exp", "iat", "jti"]

Find = Callable[[str], tuple[SignedIdentity, Caller] | None]
"""Issuer → what was registered for it, and whom it stands for (``Clients.signed_by``)."""


def is_signed(token: str) -> bool:
    """Whether a bearer token has the form of a JWS; ours never has."""
    return token.count(".") == 2


class SignedCredentials:
    """One per process; may be used from any thread. ``caller`` blocks: for the commit that marks the ``jti`` used, and
    for the keys where they are fetched."""

    def __init__(
        self,
        store: ResourceStore,
        find: Find,
        *,
        key_sets: KeySets | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._find = find
        self._key_sets = key_sets or KeySets()
        self._clock = clock

    def caller(self, token: str, audience: Sequence[str]) -> Caller:
        """Whom the token stands for, once. ``audience`` are the addresses that the called service goes by. Raises
        Unauthenticated with what is wrong, Busy where the keys cannot be had."""
        if len(token) > LONGEST_TOKEN:
            raise _refused("The token is too long.")
        header, issuer = _unverified(token)
        found = self._find(issuer)
        if found is None:
            raise _refused("The issuer (iss) is not registered.")
        identity, caller = found
        jku = header.get("jku")
        if jku is not None and jku != identity.jku and not (identity.jku is None and identity.keys):
            raise _refused("The key address (jku) is not the registered one.")
        claims = self._verified(token, header, identity, issuer, audience)
        if not self._first_time(issuer, str(claims["jti"]), float(claims["exp"])):
            raise _refused("The token was used before (jti).")
        return caller

    def _verified(
        self, token: str, header: dict[str, Any], identity: SignedIdentity, issuer: str, audience: Sequence[str]
    ) -> dict[str, Any]:
        kid = str(header["kid"])
        keys: Keys = read_keys(identity.keys) if identity.keys else self._key_sets.keys(identity.jku or "", kid)
        key = keys.get(kid)
        if key is None:
            raise _refused("The key (kid) is not one of the issuer's.")
        algorithm = header["alg"]
        if key.get("alg", algorithm) != algorithm:
            raise _refused("The key is for another algorithm.")
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                jwt.PyJWK(dict(key), algorithm).key,
                algorithms=[algorithm],
                audience=list(audience),
                issuer=issuer,
                leeway=LEEWAY_SECONDS,
                options={"require": _REQUIRED},
            )
        except jwt.PyJWTError as error:
            raise _refused(_WORDS.get(type(error), "The token is not valid.")) from None
        jti = claims["jti"]
        if not isinstance(jti, str) or not 0 < len(jti) <= LONGEST_JTI:
            raise _refused("The jti is no text of 1 to 255 characters.")
        if float(claims["exp"]) > self._clock() + LONGEST_LIFE_SECONDS + LEEWAY_SECONDS:
            raise _refused("The token lives longer than an hour (exp).")
        return claims

    def _first_time(self, issuer: str, jti: str, expires: float) -> bool:
        """On disk before the call is answered, for all processes alike."""

        def run(view: CommitView) -> bool:
            now_us = int(self._clock() * 1_000_000)
            view.execute("DELETE FROM security_jti WHERE expires_us < ?", (now_us,))
            if view.rows("SELECT 1 FROM security_jti WHERE issuer = ? AND jti = ?", (issuer, jti)):
                return False
            until = int((expires + 2 * LEEWAY_SECONDS) * 1_000_000)
            view.execute("INSERT INTO security_jti (issuer, jti, expires_us) VALUES (?, ?, ?)", (issuer, jti, until))
            return True

        first: bool = self._store.act(run, Caller("hub", Role.SERVICE, "hub")).result()
        return first


_WORDS: dict[type[Exception], str] = {
    jwt.ExpiredSignatureError: "The token has expired (exp).",
    jwt.ImmatureSignatureError: "The token is not valid yet (iat, nbf).",
    jwt.InvalidIssuedAtError: "The time of issue (iat) is no time.",
    jwt.InvalidAudienceError: "The audience (aud) is not the address of this service.",
    jwt.MissingRequiredClaimError: "The token lacks one of iss, aud, exp, iat, jti.",
    jwt.InvalidSignatureError: "The signature is not the issuer's.",
}


def _unverified(token: str) -> tuple[dict[str, Any], str]:
    """The header, and who the token says it is from: what is needed to find the key. Nothing of it is believed yet."""
    try:
        header = jwt.get_unverified_header(token)
        claims = jwt.decode(token, options={"verify_signature": False})
    except (jwt.PyJWTError, ValueError, RecursionError):
        raise _refused("The token is no JSON Web Token.") from None
    if header.get("alg") not in ALGORITHMS:
        raise _refused("The token is not signed with a public-key algorithm (alg).")
    if str(header.get("typ", "JWT")).upper() != "JWT" or not isinstance(header.get("kid"), str) or header.get("crit"):
        raise _refused("The header needs typ JWT and the kid of a key.")
    issuer = claims.get("iss")
    return header, issuer if isinstance(issuer, str) else ""


def _refused(what: str) -> Unauthenticated:
    return Unauthenticated(
        what, remedy="Send a JWT as CDS Hooks 2.0 says (Trusting CDS Clients), new for each call, or a bearer token."
    )
