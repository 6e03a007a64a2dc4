"""Storage Commitment Push Model (PS3.4 annex J): the word that objects are kept, once they were looked at."""
