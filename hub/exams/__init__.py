"""What an examination is, and whether one that was done already answers the one that is asked for.

Pure but for the reaction that keeps the exam rows: an order and the prior examinations go in, a verdict with its
reasons comes out, and every fact about names, codes, intervals and exemptions is a table beside the code.

- ``name_parser``, ``codes``, ``understanding``: from text and codes to an ``Examination``
- ``coverage``, ``intervals``, ``exemption``, ``recognition``, ``verdict``: from an order and its priors to a verdict
- ``exam_rows``, ``history``, ``reaction``: the rows kept beside the resources, in the same commit
"""
