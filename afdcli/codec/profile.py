"""ICC colour profiles: conversion to sRGB, which classifiers were trained on."""

from __future__ import annotations

import functools
import io
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageCms

_SPACES = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}  # ICC.1:2022, 7.2.6 -> Pillow's mode
_LATTICE = 9  # levels per channel at which a profile is compared with sRGB
_UNSEEN = 3  # of 255: a profile that changes no colour by more counts as sRGB


@dataclass(frozen=True)
class Profile:
    """A usable ICC profile that is not sRGB.

    Attributes:
        name: its description, on one line, at most 60 characters.
        mode: Pillow's mode of the pictures that it applies to: "RGB", "L" or "CMYK".
        transform: from that mode to sRGB.
    """

    name: str
    mode: str
    transform: ImageCms.ImageCmsTransform

    @property
    def note(self) -> str:
        """Note for the results table."""
        return f"colours converted from {self.name} to sRGB"

    def to_srgb(self, image: Image.Image) -> Image.Image:
        """*image* as sRGB in mode "RGB", after conversion to `mode` (grey may come as RGB)."""
        if image.mode != self.mode:
            image = image.convert(self.mode)
        converted = ImageCms.applyTransform(image, self.transform)
        assert converted is not None  # it returns None only for in-place conversion
        return converted


def profile_of(image: Image.Image) -> tuple[Profile | None, str]:
    """The colour profile of an opened *image*, and a note.

    The profile is None if it is sRGB, broken, or made for other colours. In the last two cases the
    note says why it is ignored; otherwise it is "".
    """
    data, mode = image.info.get("icc_profile"), image.mode
    if not isinstance(data, bytes) or not data:
        return None, ""
    profile, problem = _open_profile(data)
    kind = "CMYK" if mode == "CMYK" else "L" if mode in ("1", "L", "LA") else "RGB"
    if profile is not None and profile.mode != kind:
        problem = f"it is for {'grey' if profile.mode == 'L' else profile.mode} pictures"
    return (None, f"colour profile ignored: {problem}") if problem else (profile, "")


@functools.lru_cache(maxsize=16)  # photos of one camera share a profile
def _open_profile(data: bytes) -> tuple[Profile | None, str]:
    """The profile in *data*. None and the problem if unusable; None and "" if it is sRGB."""
    try:
        opened = ImageCms.ImageCmsProfile(io.BytesIO(data))
        space = opened.profile.xcolor_space.strip()
        if space not in _SPACES:
            return None, f"it is for {space} colours"
        mode = _SPACES[space]
        name = " ".join((opened.profile.profile_description or "an unnamed profile").split())
        transform = ImageCms.buildTransform(opened, _srgb(), mode, "RGB")
        profile = Profile(name[:60], mode, transform)
        return (profile if _changes_colours(profile) else None), ""
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None, "it is broken"


def _changes_colours(profile: Profile) -> bool:
    """Whether the profile changes any colour visibly; CMYK must always be converted."""
    if profile.mode == "CMYK":
        return True
    levels = np.linspace(0, 255, _LATTICE).round().astype(np.uint8)
    if profile.mode == "L":
        levels = np.arange(256, dtype=np.uint8)
        before = np.repeat(levels[:, None, None], 3, 2)
        after = profile.to_srgb(Image.fromarray(levels[:, None]))
    else:
        before = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), -1)
        before = before.reshape(-1, 1, 3)
        after = profile.to_srgb(Image.fromarray(before))
    change = np.asarray(after).astype(np.int16) - before
    return int(np.abs(change).max()) > _UNSEEN


@functools.cache
def _srgb() -> ImageCms.ImageCmsProfile:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
