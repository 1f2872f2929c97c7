"""What is too large to be read. A file of its own: importing it takes no time."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Limits above which a file is refused with TOO_LARGE before it is decoded.

    Attributes:
        max_pixels: width x height. From the default on Pillow suspects a
            decompression bomb.
        max_bytes: size of the file in bytes.
    """

    max_pixels: int = 178_956_970
    max_bytes: int = 1 << 30
