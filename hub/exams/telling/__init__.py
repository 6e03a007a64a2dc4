"""What is said of a verdict: words, DetectedIssue, a narrower order, what is withheld, the whole reasoning."""
