"""Who asks, as the security middleware found out before any body was read."""

from fastapi import Request

from hub.contracts.caller import Caller
from hub.contracts.errors import Unauthenticated


def caller_of(request: Request) -> Caller:
    """Raises Unauthenticated where no middleware has named a caller."""
    caller = request.scope.get("state", {}).get("caller")
    if not isinstance(caller, Caller):
        raise Unauthenticated("No client is known for this request.", remedy="Send Authorization: Bearer TOKEN.")
    return caller
