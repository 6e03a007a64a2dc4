"""HL7 v2 over MLLP and HTTP: reading messages, translating them to FHIR R4, acknowledging them."""
