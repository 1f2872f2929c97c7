"""Which image format a file is in, told by its first bytes and never by its name."""

from __future__ import annotations

SNIFF_BYTES = 64  # enough of a file's head for `sniff` and `sniff_foreign`

_BMP_HEADERS = frozenset({12, 16, 40, 52, 56, 64, 108, 124})  # sizes of its second header
_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")  # the last two are BigTIFF
_FOREIGN = (
    (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000"),
    (b"\xff\x4f\xff\x51", "JPEG 2000"),
    (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
    (b"\xff\x0a", "JPEG XL"),
    (b"8BPS", "Photoshop"),
    (b"\0\0\x01\0", "ICO"),
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
    heif = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}
    return "HEIC" if _brands(head) & heif else ""


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
