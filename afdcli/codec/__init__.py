"""Files become photos: pixels, block coefficients and tables, or one named error."""

from afdcli.codec.dct import Coefficients, Plane
from afdcli.codec.photo import Photo
from afdcli.codec.read import Limits, read_photo

__all__ = ["Coefficients", "Limits", "Photo", "Plane", "read_photo"]
