"""Reports on their way back to who sent the study: queued from the change log, tried until they arrive."""
