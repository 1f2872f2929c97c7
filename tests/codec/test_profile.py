"""ICC profiles: colours become sRGB for the classifier; the coefficients are unchanged."""

from __future__ import annotations

import io

import numpy as np
import pytest
from kit.pictures import encoded, scene
from kit.profiles import ADOBE_RGB, DISPLAY_P3, SRGB, cmyk_profile, rgb_profile
from PIL import Image, ImageCms

from afdcli.codec.photo import Photo
from afdcli.codec.read import read_photo
from afdcli.train.photos import load_pixels
from afdcli.view.build import build_view
from afdcli.view.crop import benchmark_crop, upright
from afdcli.view.spec import ViewSpec

PIXELS = scene(64, 64)
ADOBE = rgb_profile("Adobe RGB (1998)", ADOBE_RGB)
SPEC = ViewSpec(64, 64)


def shown(photo: Photo, spec: ViewSpec = SPEC) -> np.ndarray:
    return build_view(photo, spec).pixels.astype(int)


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "AVIF", "TIFF"])
def test_wide_colours_become_srgb(format):
    """Red 200 in Adobe RGB is outside sRGB; grey is the same in both."""
    red, grey = ((200, 60, 60), (128, 128, 128))
    for colour in (red, grey):
        flat = np.full((64, 64, 3), colour, np.uint8)
        photo = read_photo(encoded(flat, format, quality=95, icc_profile=ADOBE))
        assert photo.notes[-1] == "colours converted from Adobe RGB (1998) to sRGB"
        plain = read_photo(encoded(flat, format, quality=95))
        change = shown(photo) - shown(plain)
        assert (change[..., 0].mean() > 15) if colour is red else (np.abs(change).max() <= 3)


def test_conversion_equals_littlecms():
    profile = rgb_profile("Display P3", DISPLAY_P3)
    photo = read_photo(encoded(PIXELS, "PNG", icc_profile=profile))
    image = Image.fromarray(PIXELS)
    wide = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    expected = np.asarray(ImageCms.profileToProfile(image, wide, ImageCms.createProfile("sRGB")))
    assert (shown(photo) == expected).all()
    assert (upright(photo) == expected).all() and (benchmark_crop(photo, 64) == expected).all()
    assert (photo.pixels == PIXELS).all()


def test_the_coefficients_are_unchanged():
    tagged, plain = (read_photo(encoded(PIXELS, icc_profile=profile)) for profile in (ADOBE, None))
    a, b = build_view(tagged, SPEC), build_view(plain, SPEC)
    assert (a.grid == b.grid).all() and (a.file_context == b.file_context).all()
    assert (a.pixels != b.pixels).any()


def test_it_can_be_switched_off():
    data = encoded(PIXELS, icc_profile=ADOBE)
    plain = shown(read_photo(encoded(PIXELS)))
    assert (shown(read_photo(data, icc=False)) == plain).all()
    assert (shown(read_photo(data), ViewSpec(64, 64, icc=False)) == plain).all()
    assert read_photo(data, icc=False).notes == ()


@pytest.mark.parametrize(
    "profile",
    [
        ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(),
        rgb_profile("anything that is sRGB", SRGB, 2.2),
    ],
)
def test_srgb_profiles_are_dropped_without_a_note(profile):
    photo = read_photo(encoded(PIXELS, icc_profile=profile))
    if "anything" in str(profile):  # a gamma of 2.2 is not quite the curve of sRGB
        assert np.abs(shown(photo) - shown(read_photo(encoded(PIXELS)))).max() < 12
        return
    assert photo.profile is None and photo.notes == ()


@pytest.mark.parametrize(
    "profile", [b"no profile", ADOBE[:200], bytes(400), ADOBE[:16] + b"XXXX" + ADOBE[20:]]
)
def test_a_broken_profile_is_ignored_with_a_note(profile):
    photo = read_photo(encoded(PIXELS, icc_profile=profile))
    assert photo.profile is None and photo.notes[0].startswith("colour profile ignored: ")
    assert not photo.damage
    assert (shown(photo) == shown(read_photo(encoded(PIXELS)))).all()


def test_a_profile_for_other_colours_is_ignored_with_a_note():
    photo = read_photo(encoded(PIXELS, icc_profile=cmyk_profile("inks")))
    assert photo.notes == ("colour profile ignored: it is for CMYK pictures",)
    cmyk = Image.new("CMYK", (16, 16), (0, 0, 0, 255))
    photo = read_photo(encoded(cmyk, icc_profile=ADOBE))
    assert "colour profile ignored: it is for RGB pictures" in photo.notes


@pytest.mark.parametrize("inverted", [False, True])
def test_cmyk_is_converted_by_its_profile(inverted):
    paper = Image.new("CMYK", (16, 16), (0, 0, 0, 0))
    photo = read_photo(encoded(paper, icc_profile=cmyk_profile("inks", inverted)))
    assert "colours converted from inks to sRGB" in photo.notes
    assert np.abs(photo.pixels.astype(int) - (0 if inverted else 255)).max() < 3
    plain = read_photo(encoded(paper, icc_profile=cmyk_profile("inks", inverted)), icc=False)
    assert (plain.pixels == 255).all()


def test_grey_photos_keep_their_profile():
    photo = read_photo(encoded(PIXELS[..., 0], icc_profile=ADOBE))
    view = shown(photo)
    assert np.abs(view[..., 0] - view[..., 2]).max() <= 1
    assert np.abs(view[..., 0] - PIXELS[..., 0]).mean() < 4


def test_padding_keeps_its_colour():
    spec = ViewSpec(96, 96, crop_pct=1.0, crop_mode="border", fill=(200, 60, 60), near=None)
    photo = read_photo(encoded(scene(48, 96), "PNG", icc_profile=ADOBE))
    assert (build_view(photo, spec).pixels[0] == (200, 60, 60)).all()


def test_training_photos_are_converted_too(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(encoded(PIXELS, "PNG", icc_profile=ADOBE))
    assert (load_pixels(path) == shown(read_photo(path))).all()
    assert (load_pixels(path, icc=False) == PIXELS).all()
