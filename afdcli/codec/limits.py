"""Limits on the size of files and pictures. Separate, so that importing it is fast."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Limits above which a file is refused with TOO_LARGE before it is decoded.

    Attributes:
        max_pixels: width x height. By default, the number above which Pillow suspects a
            decompression bomb.
        max_bytes: size of the file in bytes.
    """

    max_pixels: int = 178_956_970
    max_bytes: int = 1 << 30
