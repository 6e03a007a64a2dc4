"""What clinics send, turned into FHIR, and what the hub says back, turned into what clinics read."""
