"""Bytes by their SHA-256; see ``hub.contracts.blob_store`` for the promises."""
