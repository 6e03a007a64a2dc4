"""Transfer syntaxes this gateway takes (PS3.5 clause 10 and Annex A; media types: PS3.18 8.7.3.3.2)."""

from dataclasses import dataclass

IMPLICIT_VR_LITTLE_ENDIAN = "1.2.840.10008.1.2"
EXPLICIT_VR_LITTLE_ENDIAN = "1.2.840.10008.1.2.1"
DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN = "1.2.840.10008.1.2.1.99"
EXPLICIT_VR_BIG_ENDIAN = "1.2.840.10008.1.2.2"
OCTET_STREAM = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class TransferSyntax:
    """How a data set is written. ``media_type`` is that of one frame or bulk data value in WADO-RS."""

    uid: str
    name: str
    media_type: str = OCTET_STREAM
    implicit: bool = False
    big_endian: bool = False
    deflated: bool = False
    encapsulated: bool = False


def _compressed(suffix: str, name: str, media_type: str) -> TransferSyntax:
    return TransferSyntax("1.2.840.10008.1.2." + suffix, name, media_type, encapsulated=True)


# The order is our preference where a peer offers several in one presentation context: what every sender can write
# comes first.
_TABLE = (
    TransferSyntax(EXPLICIT_VR_LITTLE_ENDIAN, "Explicit VR Little Endian"),
    TransferSyntax(IMPLICIT_VR_LITTLE_ENDIAN, "Implicit VR Little Endian", implicit=True),
    _compressed("4.70", "JPEG Lossless, First-Order Prediction", "image/jpeg"),
    _compressed("4.57", "JPEG Lossless (Process 14)", "image/jpeg"),
    _compressed("4.50", "JPEG Baseline", "image/jpeg"),
    _compressed("4.51", "JPEG Extended", "image/jpeg"),
    _compressed("4.80", "JPEG-LS Lossless", "image/jls"),
    _compressed("4.81", "JPEG-LS Near-Lossless", "image/jls"),
    _compressed("4.90", "JPEG 2000 Lossless Only", "image/jp2"),
    _compressed("4.91", "JPEG 2000", "image/jp2"),
    _compressed("4.92", "JPEG 2000 Part 2 Multi-component Lossless Only", "image/jpx"),
    _compressed("4.93", "JPEG 2000 Part 2 Multi-component", "image/jpx"),
    _compressed("4.201", "HTJ2K Lossless Only", "image/jphc"),
    _compressed("4.202", "HTJ2K Lossless RPCL", "image/jphc"),
    _compressed("4.203", "HTJ2K", "image/jphc"),
    _compressed("4.110", "JPEG XL Lossless", "image/jxl"),
    _compressed("4.111", "JPEG XL JPEG Recompression", "image/jxl"),
    _compressed("4.112", "JPEG XL", "image/jxl"),
    _compressed("5", "RLE Lossless", "image/dicom-rle"),
    TransferSyntax(DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN, "Deflated Explicit VR Little Endian", deflated=True),
    TransferSyntax(EXPLICIT_VR_BIG_ENDIAN, "Explicit VR Big Endian", big_endian=True),
    _compressed("1.98", "Encapsulated Uncompressed Explicit VR Little Endian", OCTET_STREAM),
    _compressed("8.1", "Deflated Image Frame Compression", "application/x-deflate"),
    _compressed("4.100", "MPEG2 Main Profile / Main Level", "video/mpeg"),
    _compressed("4.100.1", "Fragmentable MPEG2 Main Profile / Main Level", "video/mpeg"),
    _compressed("4.101", "MPEG2 Main Profile / High Level", "video/mpeg"),
    _compressed("4.101.1", "Fragmentable MPEG2 Main Profile / High Level", "video/mpeg"),
    _compressed("4.102", "MPEG-4 AVC/H.264 High Profile / Level 4.1", "video/mp4"),
    _compressed("4.102.1", "Fragmentable MPEG-4 AVC/H.264 High Profile / Level 4.1", "video/mp4"),
    _compressed("4.103", "MPEG-4 AVC/H.264 BD-compatible / Level 4.1", "video/mp4"),
    _compressed("4.103.1", "Fragmentable MPEG-4 AVC/H.264 BD-compatible / Level 4.1", "video/mp4"),
    _compressed("4.104", "MPEG-4 AVC/H.264 / Level 4.2 for 2D", "video/mp4"),
    _compressed("4.104.1", "Fragmentable MPEG-4 AVC/H.264 / Level 4.2 for 2D", "video/mp4"),
    _compressed("4.105", "MPEG-4 AVC/H.264 / Level 4.2 for 3D", "video/mp4"),
    _compressed("4.105.1", "Fragmentable MPEG-4 AVC/H.264 / Level 4.2 for 3D", "video/mp4"),
    _compressed("4.106", "MPEG-4 AVC/H.264 Stereo / Level 4.2", "video/mp4"),
    _compressed("4.106.1", "Fragmentable MPEG-4 AVC/H.264 Stereo / Level 4.2", "video/mp4"),
    _compressed("4.107", "HEVC/H.265 Main / Level 5.1", "video/mp4"),
    _compressed("4.108", "HEVC/H.265 Main 10 / Level 5.1", "video/mp4"),
)

TRANSFER_SYNTAXES = {syntax.uid: syntax for syntax in _TABLE}
