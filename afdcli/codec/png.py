"""PNG faults that Pillow does not handle: bad chunks that the pixels do not need, missing rows.

For the layout of chunks see section 5 of the PNG specification (https://www.w3.org/TR/png-3/).
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from PIL import Image

_SIGNATURE = 8  # bytes
_HELPFUL = (b"tRNS", b"iCCP", b"eXIf")  # ancillary chunks that affect the appearance
_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # colour type -> samples per pixel
_PASSES = (  # of Adam7: first row, first column, row step, column step
    *((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2)),
    (1, 0, 2, 1),
)
_PIECE = 1 << 20  # bytes unpacked at a time


def without_ancillary(data: bytes, helpful: bool = True) -> tuple[bytes, str]:
    """*data* with only its critical chunks, and a note that names the bad ones.

    Args:
        helpful: also keep valid chunks on transparency, colours and orientation.
    """
    kept, bad = [data[:_SIGNATURE]], []
    for name, chunk, sound in _chunks(data):
        critical = not name[0] & 0x20
        if critical or (helpful and sound and name in _HELPFUL):
            kept.append(chunk)
        elif not sound or name in (b"tEXt", b"zTXt", b"iTXt"):
            bad.append(name.decode("ascii", "replace"))
    names = f" ({', '.join(dict.fromkeys(bad))})" if bad else ""
    return b"".join(kept), f"bad PNG chunks that the picture does not need were ignored{names}"


def lacks_rows(image: Image.Image, data: bytes) -> bool:
    """Whether the compressed data of a PNG hold fewer rows than the picture.

    Pillow reports nothing and leaves missing rows at 0. The data are unpacked and counted only if
    one of the last two rows is 0; those are the rows that Adam7 writes last.
    """
    rows = (image.crop((0, y, image.width, y + 1)) for y in range(image.height)[-2:])
    if all(any(row.tobytes()) for row in rows):
        return False
    wanted = _raw_bytes(data)
    return _unpacked_at_most(data, wanted) < wanted


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes, bool]]:
    """(name, all bytes, whether the checksum is right) of each complete chunk."""
    at = _SIGNATURE
    while at + 12 <= len(data):
        end = at + 12 + int.from_bytes(data[at : at + 4], "big")
        if end > len(data):
            return
        name, crc = data[at + 4 : at + 8], int.from_bytes(data[end - 4 : end], "big")
        yield name, data[at:end], zlib.crc32(data[at + 4 : end - 4]) == crc
        at = end


def _raw_bytes(data: bytes) -> int:
    """Uncompressed size of all rows in bytes, including their filter bytes."""
    width, height = (int.from_bytes(data[i : i + 4], "big") for i in (16, 20))
    depth, colour, interlaced = data[24], data[25], data[28]
    bits = depth * _SAMPLES.get(colour, 1)
    passes = _PASSES if interlaced else ((0, 0, 1, 1),)
    total = 0
    for top, left, down, right in passes:
        rows, cols = -(-(height - top) // down), -(-(width - left) // right)
        if rows > 0 and cols > 0:
            total += rows * (1 + (cols * bits + 7) // 8)
    return total


def _unpacked_at_most(data: bytes, wanted: int) -> int:
    """Uncompressed size of the IDAT chunks in bytes; counting stops at *wanted*."""
    unpack, count = zlib.decompressobj(), 0
    for name, chunk, _ in _chunks(data):
        packed = chunk[8:-4] if name == b"IDAT" else b""
        while packed and not unpack.eof and count < wanted:
            count += len(unpack.decompress(packed, _PIECE))
            packed = unpack.unconsumed_tail
    return count
