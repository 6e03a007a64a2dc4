"""What people decide about studies after they arrived: another patient, another accession number, another copy."""
