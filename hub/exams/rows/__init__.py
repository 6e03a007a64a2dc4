"""From FHIR resources to the rows kept beside them: one an examination, order, report, specimen or plan."""
