"""Makes the tables of ``hub.fhir`` from HL7's published R4 definitions; never imported when the hub runs."""
