"""Convert pictures given to the Python `Classifier` into a path or the bytes of a file."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from afdcli.errors import ErrorCode, PhotoError

#: What `Classifier` and `read_view` take, see `source_of`.
Picture = str | Path | bytes | bytearray | memoryview | NDArray[Any] | Image.Image
_CHANNELS = {1: "L", 3: "RGB", 4: "RGBA"}
_PNG_MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")


def is_one(images: object) -> bool:
    """True for one picture, False for several. A string is one picture: a path."""
    if isinstance(images, np.ndarray):
        return images.ndim < 4
    return isinstance(images, str | Path | bytes | bytearray | memoryview | Image.Image)


def has_file(image: object) -> bool:
    """True if *image* is a file, or the bytes of one: it may hold DCT coefficients."""
    return isinstance(image, str | Path | bytes | bytearray | memoryview)


def source_of(image: object) -> Path | bytes:
    """Convert *image* to what `afdcli.codec.read.read_photo` reads; pixels become a lossless PNG.

    Args:
        image: a path; the bytes of a file; a uint8 array of shape (height, width),
            (height, width, 1), (height, width, 3) or (height, width, 4), which is grey, grey, RGB
            or RGBA, 0 to 255; or a PIL image of any mode.

    Raises:
        PhotoError: *image* is of another type, shape or dtype, or the PIL image cannot be used.
    """
    if isinstance(image, str | Path):
        return Path(image)
    if isinstance(image, bytes | bytearray | memoryview):
        return bytes(image)
    picture = _from_array(image) if isinstance(image, np.ndarray) else image
    if not isinstance(picture, Image.Image):
        kind = type(image).__name__
        message = f"not a picture but a {kind}: give a path, bytes, an array or a PIL image"
        raise PhotoError(ErrorCode.NOT_AN_IMAGE, message)
    file = io.BytesIO()
    try:
        if picture.mode not in _PNG_MODES:
            picture = picture.convert("RGB")
        picture.save(file, "PNG", compress_level=1, exif=picture.getexif())
    except (OSError, ValueError, SystemError) as error:  # empty, closed or an unknown mode
        message = f"the PIL image cannot be used: {error}"
        raise PhotoError(ErrorCode.UNSUPPORTED, message) from error
    return file.getvalue()


def _from_array(array: NDArray[Any]) -> Image.Image:
    shape = array.shape if array.ndim != 2 else (*array.shape, 1)
    if array.dtype != np.uint8 or len(shape) != 3 or shape[2] not in _CHANNELS or not array.size:
        message = (
            f"array of shape {array.shape} and dtype {array.dtype}: give uint8 of shape"
            " (height, width, 3) or (height, width)"
        )
        raise PhotoError(ErrorCode.UNSUPPORTED, message)
    return Image.fromarray(
        np.ascontiguousarray(array.reshape(shape)[..., 0] if shape[2] == 1 else array)
    )
