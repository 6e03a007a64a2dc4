"""DICOMweb (PS3.18): QIDO-RS, WADO-RS and STOW-RS as one plain ASGI application."""
