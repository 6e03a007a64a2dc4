"""The HTTP doors beside FHIR, on FastAPI: health, metrics, quarantine, ingest. Each router is a function of what it
needs; ``hub.app`` composes them."""
