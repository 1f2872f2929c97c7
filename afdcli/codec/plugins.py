"""Packages that decode what Pillow does not. Those for HEIC and JPEG XL are extras of afd."""

from __future__ import annotations

import functools
import importlib
import io
from typing import Any

from PIL import ImageFile, features

from afdcli.storage.text import reason_of

#: Codec -> its name for people, the module that decodes it, and what installs that.
_PLUGINS = {
    "avif": ("AVIF", "pillow_avif", "pip install pillow-avif-plugin"),  # in newer builds of Pillow
    "heic": ("HEIC", "pillow_heif", "pip install 'afdcli[heif]'"),
    "jxl": ("JPEG XL", "pillow_jxl", "pip install 'afdcli[jxl]'"),
}


@functools.cache
def missing_plugin(codec: str) -> str:
    """Load the package that decodes *codec*; return how to install it if that fails, else ""."""
    if codec not in _PLUGINS or (codec == "avif" and features.check("avif")):
        return ""
    name, module, cure = _PLUGINS[codec]
    try:
        importlib.import_module(module)
    except ModuleNotFoundError:
        return f"{name} image: afd reads it after {cure}"
    except Exception as error:  # of a package that is installed, but broken
        return f"{name} image: {module} cannot be loaded ({reason_of(error)}); try {cure}"
    return ""


def open_heic(data: bytes) -> ImageFile.ImageFile:
    """Open a HEIC file without decoding it; once loaded, the picture is upright and of 8 bits.

    Its ``info["exif"]`` says that it is upright. Pillow's own `open` accepts only files with a
    main brand that the plugin knows.

    Raises:
        SyntaxError, ValueError, …: it cannot be opened.
    """
    pillow_heif: Any = importlib.import_module("pillow_heif")
    options = pillow_heif.options
    # One thread: afd reads as many files at once as there are cores.
    before, options.DECODE_THREADS = options.DECODE_THREADS, 1
    try:
        image: ImageFile.ImageFile = pillow_heif.HeifImageFile(io.BytesIO(data), "")
    finally:
        options.DECODE_THREADS = before
    return image
