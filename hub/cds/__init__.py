"""CDS Hooks 2.0 (wire-compatible with 2.0.1): discovery, calls, cards, feedback for the duplicate check.

``request`` reads a call, ``checking`` gathers and judges, ``cards`` words the answer, ``verdict_log`` keeps it.
"""
