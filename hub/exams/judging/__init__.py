"""Whether what was done answers what is asked for: coverage, intervals, recognition, verdict. Pure but for history."""
