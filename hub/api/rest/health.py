"""``/health/live``, ``/health/ready`` and ``/metrics``: without a token, and nothing about patients."""

from collections.abc import Callable, Sequence

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse, PlainTextResponse

from hub.telemetry import metrics

PROMETHEUS_TEXT = "text/plain; version=0.0.4; charset=utf-8"


def health_router(
    problems: Callable[[], Sequence[str]], *, version: str, degraded: Callable[[], Sequence[str]] = tuple
) -> APIRouter:
    """``problems`` says in short sentences why this process cannot serve now; empty when it can. ``degraded`` says what
    is not as it should be while every door still answers."""
    router = APIRouter(tags=["health"])

    @router.get("/health/live", summary="This process answers.")
    @router.head("/health/live", include_in_schema=False)
    async def live() -> JSONResponse:
        return JSONResponse({"status": "live", "version": version})

    @router.get(
        "/health/ready",
        summary="Store and doors are usable, or degraded; 503 and the reasons where not.",
    )
    @router.head("/health/ready", include_in_schema=False)
    async def ready() -> JSONResponse:
        found = list(problems())
        if not found:
            less = list(degraded())
            if less:
                return JSONResponse({"status": "degraded", "version": version, "degraded": less})
            return JSONResponse({"status": "ready", "version": version})
        return JSONResponse({"status": "not ready", "problems": found}, 503, headers={"Retry-After": "5"})

    @router.get("/metrics", summary="Counters and gauges in the Prometheus text format.")
    @router.head("/metrics", include_in_schema=False)
    def exposition() -> Response:
        return PlainTextResponse(metrics.exposition(), media_type=PROMETHEUS_TEXT)

    return router
