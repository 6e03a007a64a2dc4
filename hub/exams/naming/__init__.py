"""From what a site calls an examination, in words or codes, to an ``Examination``."""
