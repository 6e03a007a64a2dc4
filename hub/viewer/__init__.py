"""OHIF, the image viewer: which release is taken, from where, and how it is laid out to be served at ``/viewer``."""
