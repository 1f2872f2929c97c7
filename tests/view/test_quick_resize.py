"""`--resize fast`: timm's pixels to within one grey level, and large JPEGs decoded smaller."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from kit.pictures import encoded, scene, without_middle

from afdcli.codec.limits import Limits
from afdcli.codec.photo import Photo
from afdcli.codec.read import read_photo
from afdcli.view import quick_resize
from afdcli.view.build import build_view
from afdcli.view.resize import reduction
from afdcli.view.spec import ViewSpec
from afdcli.workers.read_task import prepared

FAST = ViewSpec(near=None, resize="fast")
SIZES = [(375, 500), (100, 80), (1, 300), (7, 5)]


def difference(photo: Photo, spec: ViewSpec) -> np.ndarray:
    """Absolute differences of the pixels, fast against exact."""
    fast, exact = (build_view(photo, replace(spec, resize=r)).pixels for r in ("fast", "exact"))
    return np.abs(fast.astype(int) - exact)


def nearly_equal(difference: np.ndarray) -> bool:
    return difference.max() <= 2 and (difference > 1).mean() < 1e-3 and difference.mean() < 0.02


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("mode", ["center", "squash", "border"])
def test_pixels_are_within_a_grey_level_of_timms(size, mode) -> None:
    kernels = ("bicubic", "bilinear", "lanczos", "box", "nearest")
    for orientation in range(1, 9):
        photo = Photo.from_pixels(scene(*size), "png", orientation=orientation)
        for kernel in (kernels[0], kernels[orientation % 5]):
            spec = replace(FAST, crop_mode=mode, interpolation=kernel, height=96, width=112)
            assert nearly_equal(difference(photo, spec)), (orientation, kernel)


def test_edges_that_overshoot_are_clipped_in_the_same_order() -> None:
    stripes = np.zeros((400, 300, 3), np.uint8)
    stripes[::5], stripes[:, ::7] = 255, 255
    for orientation in (1, 6):  # as it is, and on its side
        assert nearly_equal(difference(Photo.from_pixels(stripes, orientation=orientation), FAST))


def test_without_the_library_pillow_resizes_the_same_part(monkeypatch) -> None:
    monkeypatch.setattr(quick_resize, "RustResizer", None)
    for orientation in (1, 3, 6):
        photo = Photo.from_pixels(scene(375, 500), "png", orientation=orientation)
        assert difference(photo, FAST).max() <= 1


def test_a_picture_of_the_right_size_is_only_cropped() -> None:
    photo = Photo.from_pixels(scene(230, 238))
    assert difference(photo, replace(FAST, near=16)).max() == 0


@pytest.mark.parametrize(
    ("size", "factor"),
    [((2047, 3000), 1), ((3000, 2048), 2), ((4096, 4096), 4), ((9000, 8192), 8), ((300, 9000), 1)],
)
def test_a_reduced_picture_is_still_four_times_as_large_as_needed(size, factor) -> None:
    assert reduction(*size, FAST) == factor
    assert reduction(*size, replace(FAST, resize="exact")) == 1
    assert reduction(*size, replace(FAST, interpolation="nearest")) == 1
    assert reduction(*size, replace(FAST, height=448, width=448)) == max(1, factor // 2)


@pytest.mark.parametrize("orientation", [1, 8])
def test_a_large_jpeg_is_decoded_smaller_and_looks_the_same(orientation) -> None:
    exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0" + bytes([orientation])
    pixels = np.kron(scene(110, 150), np.ones((10, 10, 1), np.uint8))[:1097, :1499]
    data = encoded(pixels, quality=60, exif=exif + bytes(6))
    photo = read_photo(data, reduce=lambda *_: 2)
    assert (photo.width, photo.height) == (1499, 1097) and photo.image.size == (750, 549)
    small = replace(FAST, height=112, width=112)
    assert reduction(1499, 1097, small) == 2
    fast, facts = prepared(data, small, Limits(), strict=False)
    exact, same = prepared(data, replace(small, resize="exact"), Limits(), strict=False)
    assert facts == same
    assert (fast.grid == exact.grid).all() and (fast.file_context == exact.file_context).all()
    assert 0 < np.abs(fast.pixels.astype(int) - exact.pixels).mean() < 1


def test_only_an_intact_jpeg_with_usable_coefficients_is_reduced() -> None:
    pixels = scene(160, 160)
    for data in (
        without_middle(encoded(pixels, quality=90)),
        encoded(pixels, quality=90)[:-900],
        encoded(pixels, keep_rgb=True, quality=90),
        encoded(pixels, "PNG"),
    ):
        photo = read_photo(data, salvage=True, reduce=lambda *_: 4)
        assert photo.image.size == (160, 160) and photo.stored is None
