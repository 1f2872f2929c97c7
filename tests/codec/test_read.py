"""`read_photo` on JPEG files: their own coefficients, or a note that says why not."""

from __future__ import annotations

import io
import tempfile
from pathlib import Path

import jpeglib
import numpy as np
import pytest
from kit.pictures import (
    after_start,
    arithmetic,
    encoded,
    frame_at,
    inverse_dct,
    patched,
    scene,
    segment,
    without_middle,
)
from PIL import Image

from afdcli.codec.jpeg_dct import CoefficientsError, file_coefficients
from afdcli.codec.jpeg_header import parse_header
from afdcli.codec.jpeg_quality import standard_tables
from afdcli.codec.pixel_dct import LEVEL_SHIFT
from afdcli.codec.read import read_photo

FROM_PIXELS = "coefficients computed from decoded pixels"


def decoded_luma(data: bytes) -> np.ndarray:
    """(height, width) Y plane as libjpeg decodes it."""
    image = Image.open(io.BytesIO(data))
    image.draft("L", image.size)
    assert image.mode == "L"
    return np.asarray(image).astype(float)


def assert_luma_matches(data: bytes) -> None:
    photo = read_photo(data)
    assert photo.file_coefficients is not None and photo.file_coefficients.exact
    samples = inverse_dct(photo.coefficients.planes[0].coefficients) + LEVEL_SHIFT
    luma = samples[: photo.height, : photo.width].clip(0, 255)
    assert np.abs(luma - decoded_luma(data)).max() <= 1.0


def by_jpeglib(pixels: np.ndarray, sampling: str, folder: Path) -> bytes:
    image = jpeglib.from_spatial(pixels.copy())
    image.samp_factor = sampling
    image.write_spatial(str(folder / "a.jpg"), qt=60)
    return (folder / "a.jpg").read_bytes()


# --- the file's own coefficients ---------------------------------------------------------------


@pytest.mark.parametrize("quality", [7, 10, 25, 75, 96])
@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0"])
def test_coefficients_decode_to_libjpegs_luma(quality, progressive, subsampling):
    options = {"quality": quality, "progressive": progressive, "subsampling": subsampling}
    data = encoded(scene(61, 83), **options)
    assert_luma_matches(data)
    photo = read_photo(data)
    assert (photo.subsampling, photo.progressive) == (subsampling, progressive)
    assert (photo.codec, photo.quality, photo.notes) == ("jpeg", quality, ())
    luma, chroma = standard_tables(quality)
    for plane, steps in zip(photo.coefficients.planes, (luma, chroma, chroma), strict=True):
        assert plane.levels.dtype == np.int16
        assert (plane.steps == steps).all() and plane.steps.dtype == np.float32


def test_all_three_planes_match_without_subsampling():
    data = encoded(scene(40, 64), quality=80, subsampling="4:4:4")
    image = Image.open(io.BytesIO(data))
    image.draft("YCbCr", image.size)
    expected = np.asarray(image).astype(float)
    for i, plane in enumerate(read_photo(data).coefficients.planes):
        samples = inverse_dct(plane.coefficients) + LEVEL_SHIFT
        assert np.abs(samples.clip(0, 255) - expected[..., i]).max() <= 1.0


@pytest.mark.parametrize(
    ("sampling", "size"),
    [("4:2:2", (8, 16)), ("4:2:0", (16, 16)), ("4:4:0", (16, 8)), ("4:1:1", (8, 32))],
)
def test_chroma_blocks_cover_the_area_they_say(sampling, size, tmp_path):
    pixels = scene(75, 99)
    data = by_jpeglib(pixels, sampling, tmp_path)
    photo = read_photo(data)
    assert photo.subsampling == sampling
    assert_luma_matches(data)
    r, g, b = np.moveaxis(pixels.astype(float), -1, 0)
    y = 0.299 * r + 0.587 * g + 0.114 * b
    for plane, wanted in zip(
        photo.coefficients.planes[1:], ((b - y) / 1.772, (r - y) / 1.402), strict=True
    ):
        assert plane.block_size == size
        assert plane.levels.shape[:2] == (-(-75 // size[0]), -(-99 // size[1]))
        samples = inverse_dct(plane.coefficients)
        full = np.kron(samples, np.ones((size[0] // 8, size[1] // 8)))[:75, :99]
        assert np.corrcoef(full.ravel(), wanted.ravel())[0, 1] > 0.95
        assert np.abs(full - wanted).mean() < 6


@pytest.mark.parametrize("size", [(1, 1), (7, 9), (8, 8), (17, 33), (16, 1), (1, 40)])
@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:0"])
def test_odd_sizes_have_blocks_without_padding(size, subsampling):
    height, width = size
    data = encoded(scene(height, width), subsampling=subsampling)
    photo = read_photo(data)
    assert (photo.height, photo.width) == size
    chroma = 16 if subsampling == "4:2:0" else 8
    shapes = [plane.levels.shape[:2] for plane in photo.coefficients.planes]
    assert shapes[0] == (-(-height // 8), -(-width // 8))
    assert shapes[1] == shapes[2] == (-(-height // chroma), -(-width // chroma))
    assert_luma_matches(data)


def test_grey_has_one_plane():
    data = encoded(scene(30, 50)[..., 1], quality=40)
    photo = read_photo(data)
    assert (photo.subsampling, photo.quality, photo.notes) == ("grey", 40.0, ())
    assert len(photo.coefficients.planes) == 1
    assert photo.pixels.shape == (30, 50, 3)
    assert (photo.pixels[..., 0] == photo.pixels[..., 2]).all()
    assert_luma_matches(data)


def test_sampling_factors_of_a_grey_file_mean_nothing():
    data = encoded(scene(30, 50)[..., 1])
    twice = patched(data, frame_at(data) + 11, b"\x22")
    a, b = (read_photo(d).coefficients.planes[0] for d in (data, twice))
    assert (a.levels == b.levels).all() and b.block_size == (8, 8)


def test_known_level_of_a_flat_picture():
    photo = read_photo(encoded(np.full((16, 24), 200, np.uint8), quality=10))
    plane = photo.coefficients.planes[0]
    assert (plane.levels[..., 0, 0] == round(8 * (200 - 128) / 80)).all()  # step 80 at QF 10
    assert not plane.levels[..., 1:, :].any()


@pytest.mark.parametrize("options", [{"restart_marker_rows": 1}, {"restart_marker_blocks": 3}])
@pytest.mark.parametrize("progressive", [False, True])
def test_restart_markers(options, progressive):
    pixels = scene(61, 83)
    plain = read_photo(encoded(pixels, quality=50)).coefficients
    data = encoded(pixels, quality=50, progressive=progressive, **options)
    photo = read_photo(data)
    assert photo.notes == ()
    for a, b in zip(plain.planes, photo.coefficients.planes, strict=True):
        assert (a.levels == b.levels).all()
    assert_luma_matches(data)


def test_each_component_has_its_own_table():
    tables = [[16] * 64, [17] * 64, [40] * 64]
    data = encoded(scene(16, 16), qtables=tables)
    at = frame_at(data)
    data = patched(data, at + 18, b"\x02")  # Cr takes the third table
    steps = [plane.steps for plane in read_photo(data).coefficients.planes]
    assert [float(s[0, 0]) for s in steps] == [16.0, 17.0, 40.0]
    assert all((s == s[0, 0]).all() for s in steps)


def test_metadata_never_reaches_jpeglib():
    plain = encoded(scene(40, 40))
    extra = segment(0xFE, b"") + segment(0xE1, bytes(60_000)) + segment(0xEB, b"?")
    photo = read_photo(after_start(plain, extra * 40))
    assert photo.notes == ()
    for a, b in zip(photo.coefficients.planes, read_photo(plain).coefficients.planes, strict=True):
        assert (a.levels == b.levels).all()


def test_first_picture_of_several_in_one_jpeg():
    first, second = Image.fromarray(scene(40, 56)), Image.fromarray(scene(24, 24, 1))
    data = encoded(first, "MPO", save_all=True, append_images=[second])
    photo = read_photo(data)
    assert (photo.codec, photo.height, photo.width) == ("jpeg", 40, 56)
    assert photo.file_coefficients is not None and photo.notes == ()


# --- JPEGs whose coefficients are not used -----------------------------------------------------


def test_cmyk_and_ycck_become_rgb():
    rgb = scene(32, 48)
    cmy = 255 - rgb
    key = np.full((32, 48, 1), 30, np.uint8)
    want = rgb.astype(float) * (255 - 30) / 255
    cmyk = encoded(Image.fromarray(np.concatenate([cmy, key], 2), "CMYK"), quality=95)
    # Pillow stores 255 - value; marked as YCCK, libjpeg takes the first three for Y, Cb, Cr
    ycc = 255 - np.asarray(Image.fromarray(cmy).convert("YCbCr"))
    plain = encoded(Image.fromarray(np.concatenate([ycc, key], 2), "CMYK"), quality=95)
    ycck = patched(plain, plain.index(b"Adobe") + 11, b"\x02")
    for data in (cmyk, ycck):
        photo = read_photo(data)
        assert photo.file_coefficients is None
        assert photo.notes == (f"CMYK JPEG: {FROM_PIXELS}",)
        assert photo.quality == 95
        assert np.abs(photo.pixels - want).mean() < 4
        assert len(photo.coefficients.planes) == 3 and not photo.coefficients.exact


def test_rgb_coded_jpeg():
    rgb = scene(32, 48)
    photo = read_photo(encoded(rgb, keep_rgb=True, quality=90))
    assert photo.file_coefficients is None
    assert photo.notes == (f"RGB-coded JPEG: {FROM_PIXELS}",)
    assert photo.quality == 90
    assert np.abs(photo.pixels.astype(int) - rgb).mean() < 4


def test_arithmetic_coding_is_decoded_but_gives_no_levels(tmp_path):
    data = encoded(scene(32, 48), quality=60)
    photo = read_photo(arithmetic(data, tmp_path))
    assert photo.notes == (f"arithmetic coding: {FROM_PIXELS}",)
    assert photo.quality == 60
    assert (photo.pixels == read_photo(data).pixels).all()


def test_damage_inside_a_scan_is_noted_and_kept_off_the_terminal(capfd):
    photo = read_photo(without_middle(encoded(scene(200, 200), quality=90)))
    assert photo.file_coefficients is not None
    (note,) = photo.notes
    assert note.startswith("damaged: Corrupt JPEG data: premature end of data segment; 5")
    assert note.endswith("% of the picture's rows are there")
    assert capfd.readouterr() == ("", "")


def test_a_failure_of_jpeglib_leaves_nothing_behind(capfd, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    data = encoded(scene(64, 64))
    data = patched(data, data.index(b"\xff\xda") + 6, b"\x33")  # a Huffman table that is not there
    with pytest.raises(CoefficientsError, match="Huffman table 0x03 was not defined"):
        file_coefficients(data, parse_header(data))
    assert list(tmp_path.iterdir()) == []
    assert tempfile.tempdir == str(tmp_path)
    assert capfd.readouterr() == ("", "")
