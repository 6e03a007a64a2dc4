"""What the hub says of itself: log lines on standard error and counters for Prometheus. Never anything of a patient."""
