"""Every refusal of the FastAPI doors as an OperationOutcome, FastAPI's own refusals too."""

from collections.abc import Awaitable, Callable

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from hub.api.asgi import ClientGone
from hub.api.fhir.refusal import fault, refusal
from hub.api.negotiation import FHIR_JSON
from hub.contracts.errors import ExchangeError, Forbidden, Incorrect, NotFound, TooLarge, Unauthenticated

_REMEDY = "See GET /fhir/metadata and the documentation of the doors."


def problem(error: ExchangeError) -> Response:
    """The OperationOutcome of one refusal, with Retry-After and Allow where they belong."""
    told = refusal(error)
    headers = {name.decode("ascii"): value.decode("ascii") for name, value in told.headers}
    return Response(told.body, told.status, headers, media_type=FHIR_JSON)


def add_problem_handlers(app: FastAPI) -> None:
    """Make every error of ``app`` an OperationOutcome."""

    async def stated(_: Request, error: Exception) -> Response:
        assert isinstance(error, ExchangeError)  # noqa: S101 (registered for it alone)
        return problem(error)

    async def framework(_: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101
        answer = problem(_as_exchange_error(error.status_code))
        for name, value in (error.headers or {}).items():
            answer.headers[name] = value
        return answer

    async def parameters(_: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101
        places = ", ".join(sorted({".".join(str(part) for part in one["loc"]) for one in error.errors()}))
        return problem(
            Incorrect(
                f"A parameter is not usable: {places[:200]}.", where=places[:200], remedy=_REMEDY, http_status=400
            )
        )

    async def unexpected(request: Request, error: Exception) -> Response:
        return problem(fault(error, request.method))

    async def gone(_: Request, __: Exception) -> Response:
        return Response(status_code=499)  # nobody reads it

    handlers: list[tuple[type[Exception], Callable[[Request, Exception], Awaitable[Response]]]] = [
        (ExchangeError, stated),
        (HTTPException, framework),
        (RequestValidationError, parameters),
        (ClientGone, gone),
        (ClientDisconnect, gone),
        (Exception, unexpected),
    ]
    for kind, handler in handlers:
        app.add_exception_handler(kind, handler)


def _as_exchange_error(status: int) -> ExchangeError:
    match status:
        case 401:
            return Unauthenticated("No valid credential came with this request.", remedy="Send Authorization: Bearer …")
        case 403:
            return Forbidden("This is not allowed.")
        case 404:
            return NotFound("There is nothing at this address.", remedy=_REMEDY)
        case 405:
            return Incorrect(
                "This method is not allowed here.", remedy=_REMEDY, issue_code="not-supported", http_status=405
            )
        case 413:
            return TooLarge("The body is too large.")
        case _:
            return Incorrect("The request is not usable.", remedy=_REMEDY, http_status=status)
