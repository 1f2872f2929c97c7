"""Why a file cannot be decoded: the error code that fits, and a message for people."""

from __future__ import annotations

import io
import re

from PIL import Image, TiffImagePlugin

from afdcli.codec.jpeg_dct import unusual_process
from afdcli.codec.jpeg_frame import JpegHeader
from afdcli.codec.sniff import PILLOW_NAMES, ends_early
from afdcli.errors import ErrorCode, PhotoError

_KINDS = re.compile(  # messages of Pillow's plugins about intact files that they do not support
    r"unsupported|not supported|not configured|unknown (pixel|raw|data) mode|unknown compression"
    r"|unknown photometric|no codec available"
)
_AVIF_SIDE = 32_768  # pixels; both are limits of libavif
_AVIF_PIXELS = 16_384**2
_COMPRESSIONS = {  # TIFF compressions that Pillow cannot decode
    **dict.fromkeys((33003, 33004, 33005, 34712), "JPEG 2000"),
    **dict.fromkeys((9, 10, 34661), "JBIG"),
    **dict.fromkeys((50002, 52546), "JPEG XL"),
    **{34663: "JBIG2", 32766: "NeXT", 34713: "Nikon NEF", 34887: "LERC", 34892: "lossy JPEG"},
}


def decode_error(
    codec: str, data: bytes, error: Exception, said: list[str], limit: int
) -> PhotoError:
    """The `PhotoError` for an exception that Pillow raised.

    Args:
        said: lines that libraries used by Pillow wrote to standard error.
        limit: most pixels allowed.
    """
    if isinstance(error, Image.DecompressionBombError):
        # Pillow's message names a limit twice as high; its first number is the picture's size.
        count = re.search(r"\d+", str(error))
        size = f"{count[0]} pixels are" if count else "the picture is"
        return PhotoError(ErrorCode.TOO_LARGE, f"{size} more than the limit of {limit} pixels")
    words = _reason(codec, data, error).split("\n")[0]
    everything = " ".join([words, *said]).lower()
    if codec == "avif" and (large := _large_avif(data)):
        return large
    if codec == "tiff" and (kind := _tiff_kind(data)):
        return PhotoError(ErrorCode.UNSUPPORTED, f"a TIFF with {kind}: convert it first")
    if _KINDS.search(everything):
        return PhotoError(ErrorCode.UNSUPPORTED, f"this kind of {codec} is not supported: {words}")
    cut = isinstance(error, EOFError) or "truncated" in everything or "end of file" in everything
    if "security limit" in everything:  # of libheif
        return PhotoError(ErrorCode.TOO_LARGE, f"this {codec} is more than its decoder allows")
    if cut or "not enough image data" in everything or ends_early(codec, data):
        return PhotoError(ErrorCode.TRUNCATED, f"the {codec} file ends too early")
    if words.startswith("Generic Error"):  # of libjxl, which says no more
        return PhotoError(ErrorCode.CORRUPT, f"the {codec} data are corrupt or end too early")
    return PhotoError(ErrorCode.CORRUPT, f"the {codec} data are corrupt: {words}")


def _reason(codec: str, data: bytes, error: Exception) -> str:
    """What is wrong. If `Image.open` hides the reason, the plugin is called directly."""
    said = str(error) or type(error).__name__
    if "cannot identify image file" not in said:  # this message prints the address of a buffer
        return said
    try:
        factory = Image.OPEN[PILLOW_NAMES[codec]][0]
        factory(io.BytesIO(data), "")
    except MemoryError:
        raise
    except Exception as reason:
        return str(reason) if " " in str(reason) else "broken header"
    return "broken header"


def _tiff_kind(data: bytes) -> str:
    """A compression or sample layout of a TIFF that Pillow cannot read; "" if none."""
    try:
        directory = TiffImagePlugin.ImageFileDirectory_v2(data[:8])
        file = io.BytesIO(data)
        file.seek(directory.next)
        directory.load(file)
        compression = directory.get(259, 1)
        bits, photometric = directory.get(258, (1,)), directory.get(262)
        sides = directory.get(256, 0), directory.get(257, 0)
    except MemoryError:
        raise
    except Exception:  # the directory is broken
        return ""
    if not all(isinstance(side, int) and side > 0 for side in sides):
        return ""
    if compression in _COMPRESSIONS:
        return f"{_COMPRESSIONS[compression]} compression"
    if photometric == 32803:
        return "raw camera samples"
    if compression not in TiffImagePlugin.COMPRESSION_INFO:
        return ""
    sampled = isinstance(bits, tuple) and any(b not in (1, 2, 4, 8, 12, 16, 32) for b in bits)
    return f"samples of {bits[0]} bits" if sampled else ""


def _large_avif(data: bytes) -> PhotoError | None:
    """TOO_LARGE if the size in the ``ispe`` box exceeds libavif's limits; libavif is silent."""
    for match in re.finditer(rb"ispe\0{4}(.{8})", data[:65536], re.DOTALL):
        width, height = (int.from_bytes(match[1][i : i + 4], "big") for i in (0, 4))
        if max(width, height) > _AVIF_SIDE:
            message = f"{width}x{height}: AVIF decoders allow at most {_AVIF_SIDE} pixels a side"
            return PhotoError(ErrorCode.TOO_LARGE, message)
        if width * height > _AVIF_PIXELS:
            message = f"{width}x{height} is more than the limit of {_AVIF_PIXELS} pixels for AVIF"
            return PhotoError(ErrorCode.TOO_LARGE, message)
    return None


def jpeg_error(error: PhotoError, header: JpegHeader) -> PhotoError:
    """A more precise reason from the header, for a JPEG that Pillow calls corrupt."""
    if error.code is not ErrorCode.CORRUPT:
        return error
    count = len(header.components)
    if header.precision != 8 and 2 <= header.precision <= 16:
        return PhotoError(ErrorCode.UNSUPPORTED, f"{header.precision}-bit JPEG")
    if header.precision == 8 and count not in (1, 3, 4):
        return PhotoError(ErrorCode.UNSUPPORTED, f"JPEG with {count} components")
    if kind := unusual_process(header):
        return PhotoError(ErrorCode.UNSUPPORTED, f"{kind}: convert it first")
    if header.sampling_problem and not header.broken:
        return PhotoError(ErrorCode.UNSUPPORTED, f"JPEG with {header.sampling_problem}")
    if not header.complete and not header.broken:
        return PhotoError(ErrorCode.TRUNCATED, "the jpeg file ends too early")
    return error
