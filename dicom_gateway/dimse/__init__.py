"""DIMSE messages (PS3.7) over a socket that one thread owns, on either side of an association."""
