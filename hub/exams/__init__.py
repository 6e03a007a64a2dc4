"""What an examination is, and whether one that was done already answers the one that is asked for.

Pure but for the reaction that keeps the exam rows: an order and the prior examinations go in, a verdict with its
reasons comes out, and every fact about names, codes, intervals and exemptions is a table beside the code.

- ``naming``: from words and codes to an ``Examination``
- ``code_maps``: what a clinic's own codes and names mean
- ``rows``: from resources to the rows kept beside them, in the same commit
- ``judging``: from an order and its priors to a verdict
- ``telling``: a verdict in words, as a DetectedIssue, with its whole reasoning
"""
