"""The imaging door: DICOM in, DICOMweb out, pixels kept as received, studies told to the hub as ImagingStudy."""
