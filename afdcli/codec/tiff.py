"""What Pillow and libtiff leave undone for TIFF files."""

from __future__ import annotations

from PIL import Image, ImageFile

_COMPRESSION, _JPEG_STRIPS = 259, 7
_STRIPS = ((273, 279), (324, 325))  # tags of offsets and sizes of strips, and of tiles


def replace_raw_mode(image: ImageFile.ImageFile, old: str, new: str) -> bool:
    """Replace raw mode *old* by *new* in the tiles of a TIFF; whether any tile had it."""
    tiles = []
    for tile in image.tile:
        args = tile.args if isinstance(tile.args, tuple) else ("",)
        renamed = (str(args[0]).replace(old, new), *args[1:])
        tiles.append(tile._replace(args=renamed) if old in str(args[0]) else tile)
    found = any(old in str(tile.args) for tile in image.tile)
    image.tile = tiles
    return found


def cut_jpeg_strips(image: Image.Image, data: bytes) -> bool:
    """Whether a JPEG strip or tile of a TIFF has no end-of-image marker; libtiff ignores that."""
    tags = getattr(image, "tag_v2", {})
    if tags.get(_COMPRESSION) != _JPEG_STRIPS:
        return False
    for starts, sizes in _STRIPS:
        strips = zip(tags.get(starts, ()), tags.get(sizes, ()), strict=False)
        if any(size and b"\xff\xd9" not in data[at : at + size] for at, size in strips):
            return True
    return False
