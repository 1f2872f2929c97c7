"""What a file says, and what is computed from it alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from kit.inspecting import facts_of, saved
from kit.pictures import encoded, scene
from PIL import Image

from afdcli.codec.jpeg_quality import standard_tables
from afdcli.codec.photo import Photo
from afdcli.inspect.facts import spectrum


def test_facts_of_a_jpeg(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encoded(scene(100, 140), quality=30, progressive=True, subsampling="4:2:2", exif=exif)
    facts = facts_of(data, tmp_path / "a.jpg")
    assert (facts.photo.codec, facts.process, facts.photo.subsampling) == (
        "jpeg",
        "progressive",
        "4:2:2",
    )
    assert (facts.photo.width, facts.photo.height, facts.photo.orientation) == (140, 100, 6)
    assert facts.photo.quality == 30
    assert (facts.size, facts.bits_per_pixel) == (len(data), 8 * len(data) / 14000)
    assert list(facts.tables) == ["Y", "Cb, Cr"]
    for steps, standard in zip(facts.tables.values(), standard_tables(30), strict=True):
        assert np.array_equal(steps, standard)
    assert facts.photo.file_coefficients is not None and facts.unknown == ()


def test_facts_of_a_grey_jpeg(tmp_path: Path) -> None:
    facts = facts_of(encoded(scene(64, 64)[:, :, 0], quality=50), tmp_path / "grey.jpg")
    assert list(facts.tables) == ["Y"]
    assert facts.photo.quality == 50


def test_tables_are_told_even_where_coefficients_are_not(tmp_path: Path) -> None:
    cmyk = Image.fromarray(scene(64, 64)).convert("CMYK")
    facts = facts_of(encoded(cmyk, quality=40), tmp_path / "cmyk.jpg")
    assert facts.photo.file_coefficients is None
    assert np.array_equal(next(iter(facts.tables.values())), standard_tables(40)[0])
    assert "CMYK" in facts.photo.notes[0]


@pytest.mark.parametrize("format", ["PNG", "BMP", "TIFF", "GIF", "WEBP", "AVIF"])
def test_other_codecs_say_what_is_not_known(format: str, tmp_path: Path) -> None:
    facts = facts_of(encoded(Image.fromarray(scene(48, 64)), format), tmp_path / "x")
    assert facts.photo.codec == format.lower()
    assert (facts.photo.quality, facts.tables) == (None, {})
    assert facts.unknown
    assert facts.bands is not None


def test_energy_of_one_cosine(tmp_path: Path) -> None:
    wave = np.cos((2 * np.arange(8) + 1) * np.pi / 16)
    row = np.rint(128 + 100 * np.tile(wave, 5)).astype(np.uint8)
    pixels = np.repeat(np.tile(row, (24, 1))[:, :, None], 3, axis=2)
    found = facts_of(encoded(Image.fromarray(pixels), "PNG"), tmp_path / "x.png")
    expected = np.zeros((8, 8))
    expected[0, 1] = 100 * 4 * np.sqrt(2)  # amplitude x 8 rows x sum of squares / norms
    assert np.abs(found.rms - expected).max() < 4  # 8 pixels, each rounded by at most a half
    assert found.bands is not None
    assert found.bands[0] > 0.999
    assert sum(found.bands) == pytest.approx(1)


def test_energy_of_nothing(tmp_path: Path) -> None:
    grey = Image.fromarray(np.full((20, 20, 3), 128, np.uint8))
    flat = facts_of(encoded(grey, "PNG"), tmp_path / "x.png")
    assert flat.bands is None
    assert np.abs(flat.rms).max() < 1e-3


def test_energy_does_not_depend_on_the_strips(monkeypatch: pytest.MonkeyPatch) -> None:
    own, pixels = saved(40), Photo.from_pixels(scene(100, 90), "png")
    whole = [spectrum(photo) for photo in (own, pixels)]
    monkeypatch.setattr("afdcli.inspect.facts._STRIP", 1)
    for photo, expected in zip((own, pixels), whole, strict=True):
        assert np.allclose(spectrum(photo), expected)
