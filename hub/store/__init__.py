"""Primary stores: backends of ``hub.contracts.store.ResourceStore``, plugged in by ``hub.app`` alone."""
