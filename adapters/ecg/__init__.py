"""ECG files in their makers' formats, read into one recording, one DICOM object and one submission."""
