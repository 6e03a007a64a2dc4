"""zstd dictionaries for stored bodies, one file a version, and how they were made: ``python -m
hub.store.sqlite.dictionaries.train``. A dictionary that ever packed a body is never changed."""
