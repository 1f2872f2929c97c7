"""The view's pixels against timm's own transform, bit for bit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageOps
from timm.data import create_transform, resolve_data_config

from afdcli.codec.photo import Photo
from afdcli.errors import BackboneError
from afdcli.view.build import build_view
from afdcli.view.spec import ViewSpec, spec_from_data_config

SIZES = [(224, 224), (375, 500), (500, 375), (100, 80), (257, 341), (1, 300), (7, 5)]
INPUTS = [(3, 224, 224), (3, 160, 240), (3, 149, 149)]
FILTERS = ["bicubic", "bilinear", "nearest", "lanczos", "box", "hamming"]


def noise(height: int, width: int) -> NDArray[np.uint8]:
    rng = np.random.default_rng(height * 1000 + width)
    return rng.integers(0, 256, (height, width, 3), dtype=np.uint8)


def oriented(pixels: NDArray[np.uint8], orientation: int) -> Image.Image:
    image = Image.fromarray(pixels)
    image.getexif()[0x0112] = orientation
    return ImageOps.exif_transpose(image)


def cases() -> list[tuple[tuple[int, int], str, tuple[int, int, int], float, str, int]]:
    """Every size with every crop mode; the other options take turns."""
    dealt = []
    for n, (size, mode) in enumerate((s, m) for s in SIZES for m in ("center", "squash", "border")):
        for m, crop_pct in enumerate((0.875, 1.0, 0.95, 1.2)):
            k = 4 * n + m
            size_in, kernel = INPUTS[k % 3], FILTERS[(k + n) % 6]
            dealt.append((size, mode, size_in, crop_pct, kernel, 1 + k * 3 % 8))
    return dealt


@pytest.mark.parametrize(("size", "mode", "size_in", "crop_pct", "kernel", "orientation"), cases())
def test_pixels_are_timms(size, mode, size_in, crop_pct, kernel, orientation):
    config = {
        "input_size": size_in,
        "interpolation": kernel,
        "crop_pct": crop_pct,
        "crop_mode": mode,
        "mean": (0.5, 0.4, 0.3),
        "std": (0.2, 0.2, 0.2),
    }
    stored = noise(*size)
    transform = create_transform(**config, is_training=False, normalize=False)
    spec = replace(spec_from_data_config(config), near=None)
    view = build_view(Photo.from_pixels(stored, "png", orientation=orientation), spec)
    assert view.pixels.dtype == np.uint8
    assert view.pixels.shape == (*size_in[1:], 3)
    try:
        expected = transform(oriented(stored, orientation)).numpy().transpose(1, 2, 0)
    except ValueError:  # timm shrinks this shape to 0 pixels
        assert mode == "border"
        assert min(size) == 1
        return
    np.testing.assert_array_equal(view.pixels, expected)


def test_a_view_does_not_share_memory_with_its_photo():
    photo = Photo.from_pixels(noise(224, 224), "png")
    view = build_view(photo, ViewSpec(crop_pct=1.0))
    view.pixels[:] = 0
    assert photo.pixels.any()


@pytest.mark.parametrize("shape", [(1, 60_000), (60_000, 1)])
def test_an_extreme_shape_needs_little_memory(shape):
    # timm would make 256 x 15 million pixels of it.
    photo = Photo.from_pixels(np.full((*shape, 3), (10, 200, 30), np.uint8), "png")
    view = build_view(photo, ViewSpec())
    assert (view.pixels == (10, 200, 30)).all()


def test_spec_of_a_config_takes_timms_defaults():
    assert spec_from_data_config({}) == ViewSpec(interpolation="bilinear")
    config = resolve_data_config(pretrained_cfg={"input_size": (3, 299, 240), "crop_pct": 0.9})
    spec = spec_from_data_config(config)
    assert (spec.height, spec.width, spec.crop_pct) == (299, 240, 0.9)
    assert (spec.interpolation, spec.crop_mode) == ("bicubic", "center")
    assert spec.fill == (124, 116, 104)


@pytest.mark.parametrize(
    ("config", "problem"),
    [
        ({"input_size": (1, 28, 28)}, "1 input channels"),
        ({"interpolation": "random"}, "interpolation 'random'"),
        ({"crop_mode": "corner"}, "crop mode 'corner'"),
    ],
)
def test_unsupported_data_configs_are_refused(config, problem):
    with pytest.raises(BackboneError, match=problem):
        spec_from_data_config(config)


@pytest.mark.parametrize("size", [(224, 224), (227, 227), (240, 224), (240, 240)])
def test_a_picture_near_the_view_is_cropped_not_resized(size):
    stored = noise(*size)
    # 1.5 is rounded to the even number, as torchvision's CenterCrop does.
    top, left = round((size[0] - 224) / 2), round((size[1] - 224) / 2)
    view = build_view(Photo.from_pixels(stored, "png"), ViewSpec())
    np.testing.assert_array_equal(view.pixels, stored[top : top + 224, left : left + 224])


@pytest.mark.parametrize("size", [(223, 224), (241, 224), (241, 241)])
def test_other_pictures_are_resized(size):
    stored = noise(*size)
    view, timms = (
        build_view(Photo.from_pixels(stored, "png"), ViewSpec(near=n)) for n in (16, None)
    )
    np.testing.assert_array_equal(view.pixels, timms.pixels)
    assert view.file_context[-4] != 0


def test_without_coefficients_the_pixels_are_the_same_and_the_grid_is_empty():
    photo = Photo.from_pixels(noise(300, 400), "png")
    view, whole = (build_view(photo, ViewSpec(coefficients=c)) for c in ("none", "file"))
    np.testing.assert_array_equal(view.pixels, whole.pixels)
    assert view.grid.shape == whole.grid.shape
    assert not view.grid.any()
    assert whole.grid.any()
