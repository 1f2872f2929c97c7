"""What the Python `Classifier` takes for a picture, as a file's bytes or path."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from afdcli.errors import ErrorCode, PhotoError

Picture = str | Path | bytes | bytearray | memoryview | NDArray[Any] | Image.Image
_CHANNELS = {1: "L", 3: "RGB", 4: "RGBA"}
_IN_PNG = ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")


def is_one(images: object) -> bool:
    """True for one picture, False for several; a string is a path, not a row of letters."""
    if isinstance(images, np.ndarray):
        return images.ndim < 4
    return isinstance(images, str | Path | bytes | bytearray | memoryview | Image.Image)


def has_file(image: object) -> bool:
    """True where *image* is a file or its bytes, with its own coefficients."""
    return isinstance(image, str | Path | bytes | bytearray | memoryview)


def source_of(image: object) -> Path | bytes:
    """*image* as `afdcli.codec.read.read_photo` takes it; pixels become a PNG, without loss.

    Args:
        image: a path; the bytes of a file; (height, width), (height, width, 1), (height, width, 3)
            or (height, width, 4) uint8 grey, RGB or RGBA; or a PIL image of any mode.

    Raises:
        PhotoError: it is none of these.
    """
    if isinstance(image, str | Path):
        return Path(image)
    if isinstance(image, bytes | bytearray | memoryview):
        return bytes(image)
    picture = _from_array(image) if isinstance(image, np.ndarray) else image
    if not isinstance(picture, Image.Image):
        message = f"a {type(image).__name__} is no picture: give a path, bytes, array or PIL image"
        raise PhotoError(ErrorCode.NOT_AN_IMAGE, message)
    file = io.BytesIO()
    try:
        if picture.mode not in _IN_PNG:
            picture = picture.convert("RGB")
        picture.save(file, "PNG", compress_level=1, exif=picture.getexif())
    except (OSError, ValueError, SystemError) as error:  # empty, closed, or of an odd mode
        message = f"the PIL image cannot be used: {error}"
        raise PhotoError(ErrorCode.UNSUPPORTED, message) from error
    return file.getvalue()


def _from_array(array: NDArray[Any]) -> Image.Image:
    shape = array.shape if array.ndim != 2 else (*array.shape, 1)
    if array.dtype != np.uint8 or len(shape) != 3 or shape[2] not in _CHANNELS or not array.size:
        message = (
            f"an array {array.shape} of {array.dtype}: give (height, width, 3) or (height, width)"
            " of uint8"
        )
        raise PhotoError(ErrorCode.UNSUPPORTED, message)
    return Image.fromarray(
        np.ascontiguousarray(array.reshape(shape)[..., 0] if shape[2] == 1 else array)
    )
