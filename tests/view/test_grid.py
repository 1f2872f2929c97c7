"""The block grid of a view: exact without resizing, else area-weighted; oriented."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kit.pictures import encoded
from numpy.typing import NDArray
from PIL import Image, ImageOps

from afdcli.codec.photo import Photo
from afdcli.codec.pixel_dct import Coefficients, Plane, pixel_coefficients
from afdcli.codec.read import read_photo
from afdcli.constants import CONTEXT_EXTRAS
from afdcli.view.build import build_view
from afdcli.view.grid import pool
from afdcli.view.spec import ViewSpec

WHOLE = ViewSpec(crop_pct=1.0)  # of a square picture; no resizing at 224 x 224
ORIENTATIONS = range(1, 9)


def noise(height: int, width: int, seed: int = 0) -> NDArray[np.uint8]:
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (height // 6 + 2, width // 6 + 2, 3), dtype=np.uint8)
    return np.array(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))


def jpeg(pixels: NDArray[np.uint8], **options: object) -> Photo:
    return read_photo(encoded(pixels, **options))


def exif_transposed(pixels: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    image = Image.fromarray(pixels)
    image.getexif()[0x0112] = orientation
    return np.array(ImageOps.exif_transpose(image))


def channels(blocks: NDArray[np.float32]) -> NDArray[np.float32]:
    """(rows, cols, 8, 8) -> (64, rows, cols)."""
    return blocks.reshape(*blocks.shape[:2], 64).transpose(2, 0, 1)


def extras(context: NDArray[np.float32]) -> dict[str, float]:
    return dict(zip(CONTEXT_EXTRAS, context[-len(CONTEXT_EXTRAS) :].tolist(), strict=True))


def test_unresized_file_keeps_its_own_blocks():
    photo = jpeg(noise(224, 224), quality=30, subsampling=0)
    view = build_view(photo, WHOLE)
    assert view.grid.shape == (384, 28, 28)
    for c, plane in enumerate(photo.coefficients.planes):
        blocks = channels(plane.coefficients).astype(np.float16)
        np.testing.assert_array_equal(view.grid[64 * c : 64 * c + 64], blocks)
        np.testing.assert_array_equal(view.grid[192 + 64 * c : 256 + 64 * c], abs(blocks))
        steps = np.exp(view.file_context[64 * c : 64 * c + 64])
        np.testing.assert_allclose(steps, plane.steps.ravel(), rtol=1e-6)
    assert view.file_context[192:].tolist() == [1, 0, 0, 0, 0]


@pytest.mark.parametrize("source", ["file", "view", "none"])
@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_a_grid_without_means_is_the_second_half_of_the_grid(orientation: int, source: str) -> None:
    photo = replace(jpeg(noise(300, 217), quality=25), orientation=orientation)
    whole = ViewSpec(coefficients=source)
    part = replace(whole, means=False)
    for seen in (photo, replace(photo, file_coefficients=None)):
        grid = build_view(seen, part).grid
        assert grid.shape == (part.grid_channels, 28, 28) == (192, 28, 28)
        np.testing.assert_array_equal(grid, build_view(seen, whole).grid[192:])
        assert grid.any() == (source != "none")


def test_unresized_chroma_is_spread_over_the_cells_it_covers():
    photo = jpeg(noise(224, 224), quality=30, subsampling=2)
    view = build_view(photo, WHOLE)
    for c in (1, 2):
        blocks = channels(photo.coefficients.planes[c].coefficients).astype(np.float16)
        spread = blocks.repeat(2, axis=1).repeat(2, axis=2)
        np.testing.assert_array_equal(view.grid[64 * c : 64 * c + 64], spread)
    assert extras(view.file_context)["log_chroma_y"] == pytest.approx(np.log(2))
    assert extras(view.file_context)["log_chroma_x"] == pytest.approx(np.log(2))


def test_grey_has_no_chroma():
    photo = jpeg(noise(100, 120)[..., 0], quality=50)
    view = build_view(photo, ViewSpec())
    grid = view.grid.reshape(2, 3, 64, 28, 28)
    assert grid[:, 0].any()
    assert not grid[:, 1:].any()
    assert not view.file_context[64:192].any()
    assert extras(view.file_context)["log_chroma_y"] == 0
    assert extras(view.file_context)["exact"] == 1


def test_half_size_pools_two_by_two_blocks():
    photo = jpeg(noise(448, 448), quality=40, subsampling=0)
    view = build_view(photo, WHOLE)
    for c, plane in enumerate(photo.coefficients.planes):
        four = channels(plane.coefficients).reshape(64, 28, 2, 28, 2)
        mean, rms = four.mean((2, 4)), np.sqrt((four**2).mean((2, 4)))
        grid = view.grid[64 * c : 64 * c + 64], view.grid[192 + 64 * c : 256 + 64 * c]
        np.testing.assert_allclose(grid[0], mean, rtol=1e-3, atol=1e-3)
        np.testing.assert_allclose(grid[1], rms, rtol=1e-3, atol=1e-3)
    assert extras(view.file_context)["log_scale_y"] == pytest.approx(-np.log(2))


def test_a_picture_without_coefficients_gets_those_of_its_pixels():
    pixels = noise(301, 407)
    whole = pixel_coefficients(pixels)
    spec = ViewSpec(crop_pct=0.6)  # the crop starts and ends inside blocks
    computed = build_view(Photo.from_pixels(pixels, "png"), spec)
    given = build_view(Photo.from_pixels(pixels, "png", file_coefficients=whole), spec)
    np.testing.assert_allclose(computed.grid, given.grid, rtol=2e-3, atol=2e-2)
    np.testing.assert_array_equal(computed.file_context, given.file_context)
    assert extras(computed.file_context)["exact"] == 0
    assert not computed.file_context[:192].any()


def test_a_large_picture_is_processed_in_strips():
    pixels = noise(2300, 2400)
    spec = ViewSpec(crop_pct=1.0, crop_mode="squash")
    computed = build_view(Photo.from_pixels(pixels, "png"), spec)
    given = build_view(
        Photo.from_pixels(pixels, "png", file_coefficients=pixel_coefficients(pixels)), spec
    )
    np.testing.assert_allclose(computed.grid, given.grid, rtol=2e-3, atol=2e-2)


def test_view_source_is_the_dct_of_the_views_own_pixels():
    photo = replace(jpeg(noise(300, 400), quality=20), orientation=6)
    spec = ViewSpec(coefficients="view")
    view = build_view(photo, spec)
    np.testing.assert_array_equal(view.pixels, build_view(photo, ViewSpec()).pixels)
    for c, plane in enumerate(pixel_coefficients(view.pixels).planes):
        blocks = channels(plane.coefficients)
        np.testing.assert_allclose(view.grid[64 * c : 64 * c + 64], blocks, rtol=1e-3, atol=1e-3)
        magnitude = view.grid[192 + 64 * c : 256 + 64 * c]
        np.testing.assert_allclose(magnitude, abs(blocks), rtol=1e-3, atol=1e-3)
    assert not view.file_context.any()


def turned_photo(orientation: int, chroma: tuple[int, int]) -> Photo:
    """A subsampled picture whose pixels are really turned by *orientation*.

    Its luma and chroma blocks are the DCT of turned pixels, so no rule about frequencies is used.
    """
    tall, wide = chroma
    luma, half = noise(240, 352, seed=1), noise(240 // tall, 352 // wide, seed=2)
    steps = np.arange(1, 65, dtype=np.float32).reshape(8, 8)
    luma, half = exif_transposed(luma, orientation), exif_transposed(half, orientation)
    if orientation >= 5:
        steps, tall, wide = steps.T, wide, tall
    sources = pixel_coefficients(luma).planes[:1] + pixel_coefficients(half).planes[1:]
    sizes = [(8, 8), (8 * tall, 8 * wide), (8 * tall, 8 * wide)]
    planes = [
        Plane(plane.levels / steps, steps, size) for plane, size in zip(sources, sizes, strict=True)
    ]
    return Photo.from_pixels(
        luma, "jpeg", file_coefficients=Coefficients(tuple(planes), exact=True)
    )


@pytest.mark.parametrize("chroma", [(2, 2), (1, 2), (2, 1), (1, 1)])
@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_orientation_tag_equals_turning_the_picture(orientation, chroma):
    tagged = replace(turned_photo(1, chroma), orientation=orientation)
    turned = turned_photo(orientation, chroma)
    for spec in (ViewSpec(), ViewSpec(160, 232, crop_mode="squash"), ViewSpec(crop_mode="border")):
        a, b = build_view(tagged, spec), build_view(turned, spec)
        np.testing.assert_array_equal(a.pixels, b.pixels)
        np.testing.assert_allclose(a.grid, b.grid, rtol=2e-3, atol=0.05)
        np.testing.assert_allclose(a.file_context, b.file_context, atol=1e-6)


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_orientation_of_a_picture_without_coefficients(orientation):
    pixels = noise(240, 352)
    tagged = build_view(Photo.from_pixels(pixels, "png", orientation=orientation), ViewSpec())
    turned = build_view(Photo.from_pixels(exif_transposed(pixels, orientation), "png"), ViewSpec())
    np.testing.assert_allclose(tagged.grid, turned.grid, rtol=2e-3, atol=0.05)
    np.testing.assert_array_equal(tagged.file_context, turned.file_context)


geometries = st.builds(
    ViewSpec,
    height=st.integers(8, 120),
    width=st.integers(8, 120),
    crop_pct=st.floats(0.5, 1.3),
    crop_mode=st.sampled_from(["center", "squash", "border"]),
)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    height=st.integers(1, 300),
    width=st.integers(1, 300),
    orientation=st.integers(1, 8),
    subsampled=st.booleans(),
    spec=geometries,
)
def test_weights_sum_to_one_where_there_is_picture(height, width, orientation, subsampled, spec):
    size = 16 if subsampled else 8
    levels = np.full((-(-height // size), -(-width // size), 8, 8), 3, np.int16)
    plane = Plane(levels, np.full((8, 8), 2, np.float32), (size, size))
    coefficients = Coefficients((plane,), exact=True)
    white = np.full((height, width, 3), 255, np.uint8)
    photo = Photo.from_pixels(
        white, "jpeg", orientation=orientation, file_coefficients=coefficients
    )
    spec = replace(spec, fill=(0, 0, 0), interpolation="nearest")
    view = build_view(photo, spec)
    # The picture is white and its surround black, so the pixels tell which cells show picture.
    rows, cols = view.grid.shape[1:]
    padded = np.zeros((8 * rows, 8 * cols), np.uint8)
    padded[: spec.height, : spec.width] = view.pixels[..., 0]
    shown = padded.reshape(rows, 8, cols, 8).any(axis=(1, 3))
    for channel in (0, 9, 192 + 63):  # an even, an odd-by-odd frequency and a magnitude
        values = abs(view.grid[channel].astype(np.float32))
        np.testing.assert_allclose(values[shown], 6.0, rtol=1e-3)
        assert not values[~shown].any()
    assert not view.grid[64:192].any()


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    height=st.integers(8, 400),
    width=st.integers(8, 400),
    orientation=st.integers(1, 8),
    side=st.integers(2, 20),
)
def test_pooling_preserves_the_mean_over_the_picture(height, width, orientation, side):
    rng = np.random.default_rng(height * width)
    rows, cols = -(-height // 8), -(-width // 8)
    levels = rng.integers(0, 200, (rows, cols, 8, 8)).astype(np.int16)
    plane = Plane(levels, np.ones((8, 8), np.float32), (8, 8))
    pixels = np.zeros((height, width, 3), np.uint8)
    coefficients = Coefficients((plane,), exact=True)
    photo = Photo.from_pixels(
        pixels, "jpeg", orientation=orientation, file_coefficients=coefficients
    )
    view = build_view(photo, ViewSpec(8 * side, 8 * side, crop_pct=1.0, crop_mode="squash"))
    area = np.outer(
        np.diff(np.minimum(8 * np.arange(rows + 1), height)),
        np.diff(np.minimum(8 * np.arange(cols + 1), width)),
    )
    mean = (levels[..., 0, 0] * area).sum() / area.sum()
    square = (levels[..., 0, 0].astype(float) ** 2 * area).sum() / area.sum()
    assert view.grid[0].astype(float).mean() == pytest.approx(mean, rel=2e-3)
    assert (view.grid[192].astype(float) ** 2).mean() == pytest.approx(square, rel=2e-3)


def test_hostile_levels_and_steps_stay_finite():
    extreme = np.full((28, 28, 8, 8), 32767, np.int16)
    extreme[::2] = -32768
    plane = Plane(extreme, np.full((8, 8), 65535, np.float32), (8, 8))
    pixels = np.zeros((224, 224, 3), np.uint8)
    photo = Photo.from_pixels(pixels, "jpeg", file_coefficients=Coefficients((plane,), exact=True))
    view = build_view(photo, WHOLE)
    assert view.grid[0, 1, 0] == 32768
    assert view.grid[0, 0, 0] == -32768
    assert view.grid[192].min() == 32768
    empty = replace(plane, steps=np.zeros((8, 8), np.float32))
    photo = Photo.from_pixels(pixels, "jpeg", file_coefficients=Coefficients((empty,), exact=True))
    assert np.isfinite(build_view(photo, WHOLE).file_context).all()


def test_fewer_blocks_than_pixels_leave_zeros():
    plane = Plane(np.ones((10, 28, 8, 8), np.int16), np.ones((8, 8), np.float32), (8, 8))
    pixels = np.zeros((224, 224, 3), np.uint8)
    photo = Photo.from_pixels(pixels, "jpeg", file_coefficients=Coefficients((plane,), exact=True))
    grid = build_view(photo, WHOLE).grid
    assert (grid[0, :10] == 1).all()
    assert not grid[0, 10:].any()


def test_components_of_different_sizes_are_pooled_one_by_one():
    """Cr may be as large as Y and Cb smaller."""
    rng = np.random.default_rng(0)

    def plane(blocks: int, size: int) -> Plane:
        levels = rng.integers(-9, 9, (blocks, blocks, 8, 8), dtype=np.int16)
        return Plane(levels, np.full((8, 8), 3, np.float32), (size, size))

    planes = plane(28, 8), plane(14, 16), plane(28, 8)
    cells = np.stack([np.arange(0.0, 224, 32), np.arange(32.0, 225, 32)], 1)
    found = pool(Coefficients(planes, exact=True), cells, cells)
    for number, one in enumerate(planes):
        alone = pool(Coefficients((one,), exact=True), cells, cells)
        np.testing.assert_allclose(found[:, number], alone[:, 0], rtol=1e-6, atol=1e-6)
