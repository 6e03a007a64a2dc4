"""The HTTP doors: FHIR REST as plain ASGI, everything else on FastAPI."""
