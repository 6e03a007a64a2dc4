"""Which studies, series and instances there are: one SQLite file, written by the DICOM process and by HTTP workers."""
