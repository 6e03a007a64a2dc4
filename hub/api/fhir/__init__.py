"""FHIR R4 RESTful API (https://hl7.org/fhir/R4/http.html), one interaction a file, without a web framework."""
