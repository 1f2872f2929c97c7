"""Read what the first bytes of an image file say about it, without decoding its pixels."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from afdcli.codec.decode import packed_jpeg, read_size
from afdcli.codec.jpeg_header import parse_header
from afdcli.codec.limits import Limits
from afdcli.codec.read import identify, jpeg_quality, read_file
from afdcli.errors import ErrorCode, PhotoError

_HEAD = 1 << 18  # bytes; the header of most JPEGs, with its thumbnail and profile, is shorter


@dataclass(frozen=True)
class Header:
    """What a header says.

    Attributes:
        codec: as in `afdcli.codec.photo.Photo`.
        width, height: stored size in pixels.
        quality: estimated quality factor of a JPEG, 1 to 100, also of one that a JPEG XL file was
            made of without loss; None if unknown.
    """

    codec: str
    width: int
    height: int
    quality: float | None = None


def read_header(source: Path | bytes, limits: Limits) -> Header:
    """Read the header of one image file. Its pixels may still be damaged.

    Raises:
        PhotoError: there is no usable header; see `afdcli.codec.read.read_photo`.
    """
    data = source if isinstance(source, bytes) else read_file(source, limits, _HEAD)
    whole = isinstance(source, bytes) or len(data) < _HEAD
    if identify(data) == "jpeg":
        try:
            header = parse_header(data)
        except PhotoError as error:
            if whole or error.code is not ErrorCode.TRUNCATED:
                raise
            header = parse_header(read_file(source, limits))  # type: ignore[arg-type]
        return Header("jpeg", header.width, header.height, jpeg_quality(header))
    if not whole:  # other formats may have their header at the end
        data = read_file(source, limits)  # type: ignore[arg-type]
    codec = identify(data)
    size = read_size(codec, data, limits.max_pixels)
    jpeg = packed_jpeg(data, limits.max_pixels) if codec == "jxl" else b""
    return Header(codec, *size, jpeg_quality(parse_header(jpeg)) if jpeg else None)
