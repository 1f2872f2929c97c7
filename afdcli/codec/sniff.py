"""Which image format a file is in, told by its first bytes and never by its name."""

from __future__ import annotations

import re

SNIFF_BYTES = 64  # enough of a file's head for `sniff` and `sniff_foreign`

_BMP_HEADERS = frozenset({12, 16, 40, 52, 56, 64, 108, 124})  # sizes of its second header
_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")  # the last two are BigTIFF
_FOREIGN = (
    (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000"),
    (b"\xff\x4f\xff\x51", "JPEG 2000"),
    (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
    (b"\xff\x0a", "JPEG XL"),
    (b"II\xbc", "JPEG XR"),
    (b"8BPS", "Photoshop"),
    (b"\0\0\1\0", "ICO"),
    (b"\0\0\2\0", "cursor"),
    (b"icns", "ICNS"),
    (b"\x76\x2f\x31\x01", "OpenEXR"),
    (b"#?RADIANCE", "Radiance HDR"),
    (b"qoif", "QOI"),
    (b"DDS |", "DDS"),
    (b"SIMPLE  =", "FITS"),
    (b"\x59\xa6\x6a\x95", "Sun raster"),
    (b"\x01\xda\x00\x01", "SGI"),
    (b"\x01\xda\x01\x01", "SGI"),
    (b"BPG\xfb", "BPG"),
    (b"FLIF", "FLIF"),
    (b"AT&TFORM", "DjVu"),
    (b"\x8aMNG\r\n\x1a\n", "MNG"),
    (b"\x8bJNG\r\n\x1a\n", "JNG"),
    (b"gimp xcf", "GIMP"),
    (b"FUJIFILMCCD-RAW", "Fujifilm raw"),
    (b"IIRO", "Olympus raw"),
    (b"IIRS", "Olympus raw"),
    (b"IIU\0", "Panasonic raw"),
    (b"/* XPM */", "XPM"),
)
_PNM = re.compile(rb"P[1-7fF]\s+[#\dW-]")
_BOXED = (  # brands of ISO media files
    ({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}, "HEIC"),
    ({b"crx "}, "Canon raw"),
    ({b"jp2 ", b"jpx ", b"jph "}, "JPEG 2000"),
    ({b"jxl "}, "JPEG XL"),
)


def sniff(head: bytes) -> str:
    """Codec name as in `Photo.codec`, or "" for anything that afd does not decode."""
    if head.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "gif"
    if head.startswith(_TIFF):
        return "tiff"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "webp"
    if head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in _BMP_HEADERS:
        return "bmp"
    return "avif" if _brands(head) & {b"avif", b"avis"} else ""


def sniff_foreign(head: bytes) -> str:
    """Name of an image format that afd does not decode, or ""."""
    for magic, name in _FOREIGN:
        if head.startswith(magic):
            return name
    if _PNM.match(head):
        return "PNM"
    brands = _brands(head)
    return next((name for known, name in _BOXED if brands & known), "")


def _brands(head: bytes) -> set[bytes]:
    """Major and compatible brands of an ISO media file (ISO/IEC 14496-12, 4.3)."""
    if head[4:8] != b"ftyp":
        return set()
    end = min(int.from_bytes(head[:4], "big"), len(head))
    return {head[8:12]} | {head[i : i + 4] for i in range(16, end, 4)}


def ends_early(codec: str, data: bytes) -> bool:
    """True where the container itself says that *data* is not all of the file."""
    if codec == "webp":
        return len(data) < 8 + int.from_bytes(data[4:8], "little")
    if codec == "png":
        return b"IEND" not in data[-4096:] and b"IEND" not in data
    if codec == "avif":
        return _box_overruns(data)
    return False


def _box_overruns(data: bytes) -> bool:
    at = 0
    while at + 8 <= len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        if size == 1:  # the length stands in 64 bits behind the name
            size = int.from_bytes(data[at + 8 : at + 16], "big")
        if size < 8:  # 0: this box runs to the end of the file
            return False
        at += size
    return at != len(data)
