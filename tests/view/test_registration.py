"""The block grid is aligned with the pixels: a spliced region shows up in its own cells only.

A photo is saved at quality factor 95, and the blocks of one region are replaced by those of the
same photo saved at quality factor 5. Which cells should light up is found without the code under
test: a mask picture goes through Pillow's ``exif_transpose`` and timm's transform.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import jpeglib
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageOps
from timm.data import create_transform
from torchvision.transforms import CenterCrop

from afdcli.codec.photo import Photo
from afdcli.codec.read import read_photo
from afdcli.view.build import build_view
from afdcli.view.maps import dct_angle_map, step_map
from afdcli.view.spec import View, ViewSpec

SUBSAMPLING = {"4:4:4": 0, "4:2:0": 2}
ORIENTATIONS = range(1, 9)
SIZES = {
    "224x224": (224, 224),
    "239x231": (231, 239),  # cropped, not resized; see `ViewSpec.near`
    "500x375": (375, 500),
    "4000x3000": (3000, 4000),
}
COARSE = 2.0  # step map: between quality factor 95 (0.1) and 5 (10), nearer to the coarse side
DRIFTED = 1.0  # degrees; without a splice the angle is exactly 0


@dataclass(frozen=True)
class Pair:
    """One photo without and with a spliced *region* (rows, cols of stored pixels)."""

    clean: Photo
    spliced: Photo
    region: tuple[slice, slice]


def plaid(height: int, width: int) -> NDArray[np.uint8]:
    """Waves that survive quality factor 5 in every block, under a little noise, on a gradient."""
    rng = np.random.default_rng(5)
    y, x = np.arange(height)[:, None], np.arange(width)[None, :]
    wave = 55 * np.cos(2 * np.pi * x / 12.3) + 45 * np.cos(2 * np.pi * y / 11.1 + x / 40)
    grain = rng.normal(0, 4, (height, width))
    tint = np.stack([40 * x / width + 0 * y, 20 * y / height + 0 * x, -30 * x / width + 0 * y])
    shade = 110 + 30 * y / height + wave + grain
    return np.clip(shade[..., None] + tint.transpose(1, 2, 0), 0, 255).astype(np.uint8)


def save(pixels: NDArray[np.uint8], path: Path, quality: int, sampling: str) -> jpeglib.DCTJPEG:
    Image.fromarray(pixels).save(path, quality=quality, subsampling=SUBSAMPLING[sampling])
    return jpeglib.read_dct(str(path))


def splice(pixels: NDArray[np.uint8], sampling: str, folder: Path) -> Pair:
    """Save *pixels* at 95, re-quantise an off-centre region as 5, and read both files."""
    height, width = pixels.shape[:2]
    top, bottom, left, right = (
        int(share * side) // 16 * 16
        for share, side in ((0.25, height), (0.5, height), (0.25, width), (0.62, width))
    )
    fine = save(pixels, folder / "fine.jpg", 95, sampling)
    coarse = save(pixels, folder / "coarse.jpg", 5, sampling)
    for i, name in enumerate(("Y", "Cb", "Cr")):
        size = 16 if sampling == "4:2:0" and name != "Y" else 8
        inside = slice(top // size, bottom // size), slice(left // size, right // size)
        levels = getattr(fine, name).copy()
        steps = coarse.get_component_qt(i).astype(float) / fine.get_component_qt(i)
        levels[inside] = np.rint(getattr(coarse, name)[inside] * steps)
        setattr(fine, name, levels)
    fine.write_dct(str(folder / "spliced.jpg"))
    return Pair(
        clean=read_photo(folder / "fine.jpg"),
        spliced=read_photo(folder / "spliced.jpg"),
        region=(slice(top, bottom), slice(left, right)),
    )


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory):
    """Pairs by size and sampling, made once."""

    @lru_cache(maxsize=1)
    def pair(size: str, sampling: str) -> Pair:
        return splice(plaid(*SIZES[size]), sampling, tmp_path_factory.mktemp("splice"))

    return pair


def views(pair: Pair, orientation: int, spec: ViewSpec) -> tuple[View, View]:
    clean = build_view(replace(pair.clean, orientation=orientation), spec)
    return clean, build_view(replace(pair.spliced, orientation=orientation), spec)


def expected_cells(
    pair: Pair, orientation: int, spec: ViewSpec
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Cells wholly inside and cells wholly outside of the region, 28 x 28 each."""
    mask = np.zeros(pair.clean.pixels.shape, np.uint8)
    mask[pair.region] = 255
    image = Image.fromarray(mask)
    image.getexif()[0x0112] = orientation
    transform = create_transform(
        input_size=(3, spec.height, spec.width),
        interpolation="bilinear",  # bicubic overshoots next to an edge
        crop_pct=spec.crop_pct,
        crop_mode=spec.crop_mode,
        mean=(0, 0, 0),
        normalize=False,
    )
    image = ImageOps.exif_transpose(image)
    near = spec.near is not None and max(image.size) <= 224 + spec.near
    seen = np.asarray(CenterCrop(224)(image) if near else transform(image).permute(1, 2, 0))
    seen = seen[..., 0].reshape(28, 8, 28, 8)
    inside, outside = (seen == 255).all(axis=(1, 3)), (seen == 0).all(axis=(1, 3))
    assert inside.sum() >= 30  # the crop keeps much of the region ...
    assert outside.sum() >= 300  # ... and of its surroundings
    return inside, outside


def check(pair: Pair, orientation: int, spec: ViewSpec) -> None:
    inside, outside = expected_cells(pair, orientation, spec)
    clean, spliced = views(pair, orientation, spec)
    drift, steps = dct_angle_map(clean, spliced), step_map(spliced)
    assert (drift[inside] > DRIFTED).all()
    assert (drift[outside] == 0).all()
    assert (steps[inside] > COARSE).all()
    assert (steps[outside] < COARSE).all()
    assert (step_map(clean) < COARSE).all()


@pytest.mark.parametrize("sampling", SUBSAMPLING)
@pytest.mark.parametrize("size", ["224x224", "500x375"])
def test_splice_lights_up_its_own_cells(drawn, size, sampling):
    pair = drawn(size, sampling)
    for orientation in ORIENTATIONS:
        check(pair, orientation, ViewSpec(near=None))
        check(pair, orientation, ViewSpec(near=None, crop_pct=1.0))


def test_splice_in_a_picture_near_the_view(drawn):
    pair = drawn("239x231", "4:2:0")
    for orientation in ORIENTATIONS:
        check(pair, orientation, ViewSpec())


@pytest.mark.parametrize("mode", ["squash", "border"])
def test_splice_in_other_crop_modes(drawn, mode):
    pair = drawn("500x375", "4:2:0")
    for orientation in ORIENTATIONS:
        check(pair, orientation, ViewSpec(crop_mode=mode, crop_pct=0.95))


@pytest.mark.parametrize(("sampling", "orientations"), [("4:2:0", ORIENTATIONS), ("4:4:4", (6,))])
def test_splice_in_twelve_megapixels(drawn, sampling, orientations):
    pair = drawn("4000x3000", sampling)
    for orientation in orientations:
        check(pair, orientation, ViewSpec())


@pytest.mark.shared
@pytest.mark.parametrize("sampling", SUBSAMPLING)
@pytest.mark.parametrize("size", [None, (500, 375)])
def test_splice_in_a_real_photo(shared, tmp_path, size, sampling):
    path = sorted((shared / "data" / "train-photos" / "kodak").glob("*.png"))[0]
    image = Image.open(path).convert("RGB")
    pixels = np.array(image.resize(size, Image.Resampling.LANCZOS) if size else image)
    pair = splice(pixels, sampling, tmp_path)
    for orientation in ORIENTATIONS:
        inside, outside = expected_cells(pair, orientation, ViewSpec())
        clean, spliced = views(pair, orientation, ViewSpec())
        drift, steps = dct_angle_map(clean, spliced), step_map(spliced)
        assert (drift[inside] > DRIFTED).all()
        assert (drift[outside] == 0).all()
        # A block that quality factor 5 reduced to its mean has no frequency left to judge by.
        telling = steps[inside & (steps > 0)]
        assert len(telling) > 0.5 * inside.sum()
        assert np.median(telling) > 4
        assert (telling > COARSE).mean() > 0.8
        assert (steps[outside] < COARSE).all()


def test_saving_again_at_high_quality_does_not_hide_the_splice(drawn):
    pair = drawn("224x224", "4:4:4")
    file = io.BytesIO()
    Image.fromarray(pair.spliced.pixels).save(file, "JPEG", quality=95, subsampling=0)
    again = replace(pair, spliced=read_photo(file.getvalue()))
    inside, outside = expected_cells(pair, 1, ViewSpec(crop_pct=1.0))
    steps = step_map(build_view(again.spliced, ViewSpec(crop_pct=1.0)))
    assert np.median(steps[inside]) > COARSE
    assert (steps[outside] < COARSE).all()


def test_angle_map_against_hand_made_vectors():
    def view(*vector: float) -> View:
        grid = np.zeros((384, 1, 2), np.float16)
        grid[: len(vector), 0, 0] = vector
        return View(np.zeros((8, 16, 3), np.uint8), grid, np.zeros(197, np.float32))

    for a, b, angle in [
        ((1, 0), (0, 3), 90),
        ((2, 2), (5, 0), 45),
        ((1, 1), (7, 7), 0),
        ((1, 0), (-1, 0), 180),
        ((1, 0), (1024, 1), np.degrees(np.arctan(1 / 1024))),
        ((0, 0), (1, 0), 0),
    ]:
        found = dct_angle_map(view(*a), view(*b))
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, [[angle, 0]], rtol=1e-6, atol=1e-9)
