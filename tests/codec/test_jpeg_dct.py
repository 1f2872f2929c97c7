"""The block DCT of pixels: against scipy, and against libjpeg's colours."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.fft
from hypothesis import given, settings
from hypothesis import strategies as st
from kit.pictures import inverse_dct, scene
from PIL import Image

from afdcli.codec.pixel_dct import LEVEL_SHIFT, pixel_coefficients


def reference_planes(pixels):
    """Y - 128, Cb - 128, Cr - 128 as float64, by the formulas of JFIF 1.02."""
    r, g, b = np.moveaxis(pixels.astype(float), -1, 0)
    y = 0.299 * r + 0.587 * g + 0.114 * b
    return y - 128, (b - y) / 1.772, (r - y) / 1.402


@settings(derandomize=True, max_examples=40, deadline=None)
@given(st.integers(1, 90), st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_coefficients_equal_scipys(height, width, seed):
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    rows, cols = -(-height // 8), -(-width // 8)
    result = pixel_coefficients(pixels)
    assert not result.exact
    for plane, expected in zip(result.planes, reference_planes(pixels), strict=True):
        padded = np.pad(expected, ((0, 8 * rows - height), (0, 8 * cols - width)), mode="edge")
        blocks = padded.reshape(rows, 8, cols, 8).transpose(0, 2, 1, 3)
        assert plane.levels.shape == (rows, cols, 8, 8) and plane.levels.dtype == np.float32
        np.testing.assert_allclose(
            plane.coefficients, scipy.fft.dctn(blocks, axes=(2, 3), norm="ortho"), atol=2e-3
        )
        assert (plane.steps == 1).all() and plane.block_size == (8, 8)


def test_flat_block_has_the_scale_of_jpeg():
    luma, cb, cr = pixel_coefficients(np.full((8, 8, 3), 200, np.uint8)).planes
    assert luma.levels[0, 0, 0, 0] == pytest.approx(8 * (200 - LEVEL_SHIFT))
    assert np.abs(luma.levels.ravel()[1:]).max() < 1e-3
    assert np.abs(cb.levels).max() < 1e-3 and np.abs(cr.levels).max() < 1e-3


def test_frequencies_are_vertical_then_horizontal():
    stripes = np.zeros((8, 8, 3), np.uint8)
    stripes[:, ::2] = 255  # changes along x only
    levels = np.abs(pixel_coefficients(stripes).planes[0].levels[0, 0])
    assert levels[0, 7] > 500 and levels[7, 0] < 1e-3


def test_colours_are_pillows():
    pixels = scene(64, 48)
    ycc = np.asarray(Image.fromarray(pixels).convert("YCbCr")).astype(float)
    for i, plane in enumerate(pixel_coefficients(pixels).planes):
        samples = inverse_dct(plane.coefficients) + LEVEL_SHIFT
        assert np.abs(samples - ycc[..., i]).max() <= 1.0


def test_large_photo_in_bands_equals_its_parts():
    pixels = scene(200, 64)
    whole = pixel_coefficients(pixels).planes
    for top in (0, 72, 192):
        part = pixel_coefficients(pixels[top : top + 8]).planes
        for a, b in zip(whole, part, strict=True):
            np.testing.assert_allclose(a.levels[top // 8], b.levels[0], atol=1e-3)
