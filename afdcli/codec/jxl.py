"""JPEG XL, through the decoder of ``pillow-jxl-plugin``.

Its Pillow plugin decodes the whole file when it opens it, before the size can be checked. So the
size is read here first, and the decoder is called directly. Source: ISO/IEC 18181-1
(codestream headers) and 18181-2 (boxes).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

_SIGNATURE = b"\xff\x0a"  # of a codestream
_HEADER = 64  # bytes of the codestream that hold the headers parsed here
_RATIOS = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))  # width to height
_SIZES = ((9, 1), (13, 1), (18, 1), (30, 1))  # bits, and what is added to them
_SAMPLES = {"RGB": 3, "RGBA": 4, "L": 1, "LA": 2, "I;16": 1, "F": 1}
_BYTES = {"I;16": 2, "F": 4}  # per sample
_LARGEST_EXIF = 1 << 24  # bytes
_OFFSET = 4  # bytes in front of the TIFF header in an Exif box


class DamagedError(Exception):
    """The file cannot be decoded; the message says why."""


@dataclass(frozen=True)
class JxlHeader:
    """What a JPEG XL file says about itself.

    Attributes:
        width, height: in pixels, as stored.
        holds_jpeg: it holds data from which a JPEG can be rebuilt byte for byte.
    """

    width: int
    height: int
    holds_jpeg: bool


def parse_jxl(data: bytes) -> JxlHeader:
    """Parse the headers of a JPEG XL file. Raises DamagedError if they are broken or cut off."""
    codestream, holds_jpeg = data[:_HEADER], False
    if not data.startswith(_SIGNATURE):
        codestream = b""
        for kind, start, end in _boxes(data):
            if kind in (b"jxlc", b"jxlp") and len(codestream) < _HEADER:
                start += 4 * (kind == b"jxlp")  # the number of the part
                codestream += data[start : min(end, start + _HEADER)]
            holds_jpeg = holds_jpeg or kind == b"jbrd"
    if not codestream.startswith(_SIGNATURE):
        raise DamagedError("no picture in it")
    width, height = _size(_Bits(codestream[2:]))
    return JxlHeader(width, height, holds_jpeg)


def decode_jxl(data: bytes) -> Image.Image | bytes:
    """The picture, upright, in mode RGB, RGBA, L, LA or I;16; or the JPEG that the file holds.

    The picture's ``info`` has the keys ``exif`` and ``icc_profile`` if the file has them. Of an
    animation it is the last frame: the decoder returns no other.

    Raises:
        DamagedError: the file cannot be decoded.
        RuntimeError, ValueError, …: the same, from the decoder.
    """
    found = _decoded(data)
    if len(found) != 5:
        raise DamagedError("unsupported version of pillow-jxl-plugin: pip install 'afdcli[jxl]'")
    is_jpeg, header, decoded, icc, boxes = found
    if is_jpeg:
        return bytes(decoded)
    size, mode = (header.width, header.height), header.mode
    count = header.width * header.height * _SAMPLES.get(mode, 0)
    if mode == "LA" and len(decoded) == 2 * count:  # 16 bits per sample, whatever the mode says
        decoded = (np.frombuffer(decoded, np.uint16) >> 8).astype(np.uint8).tobytes()
    if not count or len(decoded) != count * _BYTES.get(mode, 1):
        raise DamagedError(f"the decoder returned {len(decoded)} bytes for {mode} {size}")
    if mode == "F":  # of colour pictures the decoder makes 8 bits itself
        samples = np.nan_to_num(np.frombuffer(decoded, np.float32)).clip(0, 1) * 255
        mode, decoded = "L", samples.round().astype(np.uint8).tobytes()
    image = Image.frombytes(mode, size, decoded)
    if icc:
        image.info["icc_profile"] = icc
    if exif := _exif(boxes):
        image.info["exif"] = exif
    return image


def _decoded(data: bytes) -> Any:
    from pillow_jxl import Decoder

    try:
        return Decoder(num_threads=0)(data)
    except Exception:
        raise
    except BaseException as error:
        if type(error).__name__ != "PanicException":  # of Rust; it is no Exception
            raise
        raise DamagedError("the decoder panicked") from error


def _exif(boxes: list[Any]) -> bytes:
    """The TIFF structure in the first Exif box, which may be compressed; b"" if there is none."""
    for box in boxes:
        content: bytes = box.data
        if box.box_type == b"brob" and content[:4] == b"Exif":
            content = _unpacked(content[4:])
        elif box.box_type != b"Exif":
            continue
        # An offset comes first; the plugin's own encoder forgets it.
        return content[_OFFSET:] if content[:1] == b"\0" else content
    return b""


def _unpacked(data: bytes) -> bytes:
    import brotli

    try:
        unpacked: bytes = brotli.Decompressor().process(data, output_buffer_limit=_LARGEST_EXIF)
    except brotli.error:  # a broken EXIF block does not make the picture unusable
        return b""
    return unpacked


def _boxes(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield (type, start of the content, end) of each box."""
    at = 0
    while at + 8 <= len(data):
        size, start = int.from_bytes(data[at : at + 4], "big"), at + 8
        if size == 1:
            size, start = int.from_bytes(data[start : start + 8], "big"), at + 16
        end = at + size if size else len(data)
        if end < start:
            raise DamagedError("a box of impossible size")
        yield data[at + 4 : at + 8], start, end
        at = end


class _Bits:
    """Reads numbers from bytes, least significant bit first."""

    def __init__(self, data: bytes) -> None:
        self._value, self._left = int.from_bytes(data, "little"), 8 * len(data)

    def read(self, count: int) -> int:
        """The next *count* bits."""
        if count > self._left:
            raise DamagedError("its header is cut off")
        value = self._value & ((1 << count) - 1)
        self._value >>= count
        self._left -= count
        return value


def _size(bits: _Bits) -> tuple[int, int]:
    """(width, height) of a SizeHeader."""
    small = bits.read(1)

    def side() -> int:
        count, more = (5, 1) if small else _SIZES[bits.read(2)]
        return (bits.read(count) + more) * (8 if small else 1)

    height = side()
    ratio = bits.read(3)
    if not ratio:
        return side(), height
    wide, high = _RATIOS[ratio - 1]
    return height * wide // high, height
