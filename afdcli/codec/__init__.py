"""Read a file: pixels, block coefficients and quantisation tables, or one named error."""

from afdcli.codec.photo import Photo
from afdcli.codec.pixel_dct import Coefficients, Plane
from afdcli.codec.read import Limits, read_photo

__all__ = ["Coefficients", "Limits", "Photo", "Plane", "read_photo"]
