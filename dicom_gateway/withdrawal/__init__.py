"""What is no longer to be found or given: rejected by a note (IHE IOCM), deleted, or kept as long as the rules ask."""
