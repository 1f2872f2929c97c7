"""Detect the image format of a file from its first bytes, never from its name.

To have afd read another format: name it in `sniff` and in `PILLOW_NAMES`, add its suffixes to
`afdcli.inputs.kinds`, and take both out of the lists of foreign formats here and there. If Pillow
needs help with it, that goes into `afdcli.codec.decode`, and an extra that it needs into
`afdcli.codec.plugins`. For `afd degrade`: `afdcli.codec.encode`.
"""

from __future__ import annotations

import re
import struct

SNIFF_BYTES = 512  # enough of a file's head for `sniff` and `sniff_foreign`

#: Pillow's name of each codec that afd reads. A JPEG that holds several pictures opens as MPO.
PILLOW_NAMES = {
    "jpeg": "JPEG",
    "png": "PNG",
    "webp": "WEBP",
    "avif": "AVIF",
    "bmp": "BMP",
    "tiff": "TIFF",
    "gif": "GIF",
}
_BMP_HEADERS = frozenset({12, 16, 40, 52, 56, 64, 108, 124})  # sizes of the second header
_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")  # the last two are BigTIFF
RAW = "camera RAW"
_JXL = (b"\xff\x0a", b"\0\0\0\x0cJXL \r\n\x87\n")  # a bare codestream, and boxes around one
# Brands of ISO media files (ISO/IEC 23008-12, B.4; AV1 Image File Format, 6).
_AVIF = frozenset((b"avif", b"avis"))
_HEIC = frozenset(b"heic heix heim heis hevc hevx hevm hevs".split())  # pictures in HEVC
_HEIF = frozenset(b"mif1 mif2 msf1".split())  # pictures in any codec
_OTHER_HEIF = frozenset(b"avci avcs vvic vvis j2ki jpgs".split())
_BOXED = tuple(  # brands of ISO media files
    (frozenset(brands), name)
    for brands, name in (
        ((b"jp2 ", b"jpx ", b"jph "), "JPEG 2000"),
        ((b"crx ",), RAW),
        (_OTHER_HEIF, "HEIF with another codec than HEVC"),
    )
)
#: Formats that afd does not decode, with a pattern of their first bytes.
_FOREIGN = tuple(
    (re.compile(pattern, re.DOTALL), name)
    for pattern, name in (
        (rb"\x00\x00\x00\x0cjP(  |\x1a\x1a)\r\n\x87\n|\xff\x4f\xff\x51", "JPEG 2000"),
        (rb"II\xbc[\x00\x01]", "JPEG XR"),
        (rb"8BPS", "Photoshop"),
        (rb"\x00\x00\x01\x00[\x01-\x40]\x00.{3}\x00", "ICO"),
        (rb"\x00\x00\x02\x00[\x01-\x40]\x00.{3}\x00", "cursor"),
        (rb"icns\x00", "ICNS"),
        (rb"P[1-6]\s+(#|\d)|P7\nWIDTH|P[fF]\s+\d", "Netpbm"),
        (rb"\x76\x2f\x31\x01", "OpenEXR"),
        (rb"#\?(RADIANCE|RGBE)", "Radiance HDR"),
        (rb"DDS \x7c\x00\x00\x00", "DirectDraw"),
        (rb"qoif", "QOI"),
        (rb"BPG\xfb", "BPG"),
        (rb"FLIF", "FLIF"),
        (rb"\xabKTX ", "KTX"),
        (rb"[\x8a\x8b][MJ]NG\r\n\x1a\n", "MNG"),
        (rb"\x0a[\x00\x02-\x05]\x01[\x01\x02\x04\x08]", "PCX"),
        (rb"\x01\xda[\x00\x01][\x01\x02]\x00[\x01-\x03]", "SGI"),
        (rb"\x59\xa6\x6a\x95", "Sun raster"),
        (rb"FORM.{4}(ILBM|PBM )", "IFF"),
        (rb"gimp xcf", "GIMP"),
        (rb"Image type: |DanM|LinS", "bitmap"),
        (
            rb".\x00[\x02\x03\x0a\x0b]\x00{5}.{4}(?!\x00\x00)..(?!\x00\x00)..[\x08\x0f\x10\x18\x20][\x00-\x3f]",
            "Targa",
        ),
        (rb"Paint Shop Pro Image File", "Paint Shop Pro"),
        (rb"SIMPLE  =", "FITS"),
        (rb"AT&TFORM", "DjVu"),
        (rb".{128}DICM", "DICOM"),
        (rb"/\* XPM \*/|#define \w+_width \d", "X bitmap"),
        (rb"\xd7\xcd\xc6\x9a|\x01\x00\x00\x00.{36} EMF", "Windows metafile"),
        (rb"%!PS-Adobe-[\d.]+ EPSF|\xc5\xd0\xd3\xc6", "EPS"),
        (rb"(\xef\xbb\xbf)?\s*<(\?xml|!DOCTYPE|!--|svg).*?<svg[\s>]", "SVG"),
        (rb"(\xef\xbb\xbf)?\s*<svg[\s>]|\s*<!DOCTYPE svg", "SVG"),
        (rb"II\*\x00.{4}CR|II(RO|RS|U\x00)|MMOR|FUJIFILMCCD-RAW|.{6}HEAPCCDR|FOVb|\x00MRM", RAW),
    )
)
_PREVIEW, _CFA, _LINEAR_RAW = (
    1,
    32803,
    34892,
)  # values of NewSubfileType and PhotometricInterpretation
_SUBFILE, _PHOTOMETRIC, _SUB_IFDS, _DNG_VERSION = 254, 262, 330, 50706  # tags


def sniff(head: bytes) -> str:
    """Codec name as in `Photo.codec`; "" for anything that afd does not decode.

    Args:
        head: at least the first `SNIFF_BYTES` of the file, or all of it.
    """
    if head.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "gif"
    if head.startswith(_TIFF):
        return "" if head[:4] == _TIFF[0] and head[8:10] == b"CR" else "tiff"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "webp"
    if head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in _BMP_HEADERS:
        return "bmp"
    if head.startswith(_JXL):
        return "jxl"
    brands = _brands(head)
    if brands & _AVIF:
        return "avif"
    return "heic" if brands & _HEIC or (brands & _HEIF and not brands & _OTHER_HEIF) else ""


def sniff_foreign(head: bytes) -> str:
    """Name of an image format that afd does not decode; "" for anything else.

    Args:
        head: as for `sniff`.
    """
    if brands := _brands(head):
        return next((name for known, name in _BOXED if brands & known), "")
    return next((name for pattern, name in _FOREIGN if pattern.match(head)), "")


def is_raw(tiff: bytes) -> bool:
    """True for a camera's RAW file based on TIFF (DNG, NEF, ARW, PEF, …).

    A TIFF decoder would read only its small preview, or the sensor's mosaic.
    Source: Digital Negative specification 1.7, chapter 2; TIFF/EP (ISO 12234-2), 5.2.
    """
    order = "<" if tiff[:2] == b"II" else ">"
    try:
        (at,) = struct.unpack_from(f"{order}I", tiff, 4)
        (count,) = struct.unpack_from(f"{order}H", tiff, at)
        entries = [struct.unpack_from(f"{order}HHI4s", tiff, at + 2 + 12 * n) for n in range(count)]
    except struct.error:
        return False
    values = {
        tag: struct.unpack(f"{order}H", value[:2])[0]
        if kind == 3
        else struct.unpack(f"{order}I", value)[0]
        for tag, kind, _, value in entries
    }
    preview = values.get(_SUBFILE, 0) & _PREVIEW and _SUB_IFDS in values
    mosaic = values.get(_PHOTOMETRIC) in (_CFA, _LINEAR_RAW)
    return _DNG_VERSION in values or bool(preview) or mosaic


def _brands(head: bytes) -> set[bytes]:
    """Major and compatible brands of an ISO media file (ISO/IEC 14496-12, 4.3)."""
    if head[4:8] != b"ftyp":
        return set()
    end = min(int.from_bytes(head[:4], "big"), len(head))
    return {head[8:12]} | {head[i : i + 4] for i in range(16, end, 4)}


def ends_early(codec: str, data: bytes) -> bool:
    """True if the container format itself shows that the end of the file is missing."""
    if codec == "webp":
        return len(data) < 8 + int.from_bytes(data[4:8], "little")
    if codec == "png":
        return b"IEND" not in data[-4096:] and b"IEND" not in data
    if codec in ("avif", "heic") or (codec == "jxl" and data.startswith(_JXL[1])):
        return _box_overruns(data)
    return False


def _box_overruns(data: bytes) -> bool:
    at = 0
    while at + 8 <= len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        if size == 1:  # a 64-bit length follows the name
            size = int.from_bytes(data[at + 8 : at + 16], "big")
        if size < 8:  # 0: this box extends to the end of the file
            return False
        at += size
    return at != len(data)
