"""ICC colour profiles: what a file's numbers mean, as the sRGB that classifiers were trained on."""

from __future__ import annotations

import functools
import io
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageCms

_SPACES = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}  # of ICC.1:2022, 7.2.6 -> Pillow's mode
_LATTICE = 9  # levels per colour that are tried to see what a profile does
_UNSEEN = 3  # of 255: profiles that change no colour by more are sRGB


@dataclass(frozen=True)
class Profile:
    """A usable ICC profile that is not sRGB.

    Attributes:
        name: its description, in one line.
        mode: Pillow's mode of the pictures that it is for: "RGB", "L" or "CMYK".
        transform: from there to sRGB.
    """

    name: str
    mode: str
    transform: ImageCms.ImageCmsTransform

    @property
    def note(self) -> str:
        """For the results table."""
        return f"colours converted from {self.name} to sRGB"

    def to_srgb(self, image: Image.Image) -> Image.Image:
        """*image*, of `mode` (or grey as RGB), as RGB."""
        if image.mode != self.mode:
            image = image.convert(self.mode)
        converted = ImageCms.applyTransform(image, self.transform)
        assert converted is not None  # only in place it returns nothing
        return converted


def profile_of(image: Image.Image) -> tuple[Profile | None, str]:
    """The colour profile that *image* was opened with, and a note; see `find_profile`."""
    data = image.info.get("icc_profile")
    return find_profile(data, image.mode) if isinstance(data, bytes) and data else (None, "")


def find_profile(data: bytes, mode: str) -> tuple[Profile | None, str]:
    """The profile in *data* for a picture of Pillow's *mode*, and a note.

    None where it is sRGB, or is ignored: broken, or for other colours. The note says the latter.
    """
    kind = "CMYK" if mode == "CMYK" else "L" if mode in ("1", "L", "LA") else "RGB"
    profile, problem = _opened(data)
    if profile is None:
        return None, f"colour profile ignored: {problem}" if problem else ""
    if profile.mode != kind:
        other = {"L": "grey"}.get(profile.mode, profile.mode)
        return None, f"colour profile ignored: it is for {other} pictures"
    return profile, ""


@functools.lru_cache(maxsize=16)  # the photos of one camera share theirs
def _opened(data: bytes) -> tuple[Profile | None, str]:
    """The profile of *data*; None and a problem, or None and "" where it is sRGB."""
    try:
        opened = ImageCms.ImageCmsProfile(io.BytesIO(data))
        space = opened.profile.xcolor_space.strip()
        if space not in _SPACES:
            return None, f"it is for {space} colours"
        mode = _SPACES[space]
        name = " ".join((opened.profile.profile_description or "an unnamed profile").split())
        transform = ImageCms.buildTransform(opened, _srgb(), mode, "RGB")
        profile = Profile(name[:60], mode, transform)
        return (profile if _visible(profile) else None), ""
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None, "it is broken"


def _visible(profile: Profile) -> bool:
    """Whether the profile changes any colour; CMYK always has to be converted."""
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
