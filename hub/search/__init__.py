"""Which engine answers a search, and the index beside the store."""
