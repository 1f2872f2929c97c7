"""Sizes, crops and orientation of the copies."""

from __future__ import annotations

from pathlib import Path

from kit.degrading import afd, rows
from kit.pictures import encoded, scene
from PIL import Image

from afdcli.codec.read import read_photo


def crop_by_hand(image: Image.Image, size: int) -> Image.Image:
    """torchvision's Resize(short side) and CenterCrop."""
    width, height = image.size
    if not (size <= width <= size + 16 and size <= height <= size + 16):
        short = round(size * 256 / 224)
        if width <= height:
            target = (short, int(short * height / width))
        else:
            target = (int(short * width / height), short)
        image = image.resize(target, Image.Resampling.BICUBIC)
    width, height = image.size
    left, top = round((width - size) / 2), round((height - size) / 2)
    return image.crop((left, top, left + size, top + size))


SIZES = [
    (300, 400), (401, 299), (224, 224), (240, 240), (231, 224), (241, 230), (230, 241),
    (220, 230), (223, 223), (50, 60), (256, 256), (257, 300), (100, 777),
]  # fmt: skip


def test_crop_rule(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for height, width in SIZES:
        picture = tmp_path / "in" / f"{height}x{width}.png"
        picture.write_bytes(encoded(scene(height, width), "PNG"))
    afd(tmp_path / "in", "--crop", 224, "--out", tmp_path / "out")
    for height, width in SIZES:
        expected = crop_by_hand(Image.fromarray(scene(height, width)), 224)
        made = (tmp_path / "out" / f"{height}x{width}.jpg").read_bytes()
        assert made == encoded(expected, quality=10), (height, width)
    assert {(row["width"], row["height"]) for row in rows(tmp_path / "out")} == {("224", "224")}


def test_crop_of_another_size_and_of_an_extreme_shape(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    pixels = scene(90, 150)
    (tmp_path / "in" / "a.png").write_bytes(encoded(pixels, "PNG"))
    (tmp_path / "in" / "thin.png").write_bytes(encoded(Image.new("RGB", (60_000, 1)), "PNG"))
    afd(tmp_path / "in", "--crop", 100, "--out", tmp_path / "out")
    expected = encoded(crop_by_hand(Image.fromarray(pixels), 100), quality=10)
    assert (tmp_path / "out" / "a.jpg").read_bytes() == expected
    assert read_photo(tmp_path / "out" / "thin.jpg").pixels.shape == (100, 100, 3)


def test_exif_orientation_is_applied_to_the_pixels(tmp_path: Path) -> None:
    upright = scene(40, 64)
    (tmp_path / "in").mkdir()
    # By orientation: Pillow's `Transpose` that stores an upright picture so.
    stored_by = {1: None, 2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}
    for orientation, method in stored_by.items():
        stored = Image.fromarray(upright)
        if method is not None:
            stored = stored.transpose(Image.Transpose(method))
        exif = Image.Exif()
        exif[0x0112] = orientation
        picture = tmp_path / "in" / f"{orientation}.png"
        picture.write_bytes(encoded(stored, "PNG", exif=exif))
    afd(tmp_path / "in", "--out", tmp_path / "out")
    for orientation in stored_by:
        data = (tmp_path / "out" / f"{orientation}.jpg").read_bytes()
        assert data == encoded(upright, quality=10), orientation
        assert read_photo(data).orientation == 1
