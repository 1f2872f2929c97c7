"""Which photos `afd train` takes: those that `afd classify` reads."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from kit.pictures import encoded, heic, jxl_of_jpeg
from kit.training import picture, train
from PIL import Image

from afdcli.codec.read import read_photo
from afdcli.train.photos import collect, load_pixels, reasons
from afdcli.view.crop import upright

PIXELS = picture(1)
TURNED = Image.Exif()
TURNED[274] = 6
SEE_THROUGH = Image.fromarray(np.dstack([PIXELS, np.full(PIXELS.shape[:2], 128, np.uint8)]))
FILES = {
    "a.heic": heic(PIXELS),
    "a.jxl": encoded(PIXELS, "JXL"),
    "packed.jxl": jxl_of_jpeg(encoded(PIXELS)),
    "turned.jpg": encoded(PIXELS, exif=TURNED),
    "transparent.png": encoded(SEE_THROUGH, "PNG"),
    "a.avif": encoded(PIXELS, "AVIF"),
}


@pytest.mark.parametrize("name", FILES)
def test_pixels_are_what_the_classifier_is_shown(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(FILES[name])
    pixels = load_pixels(path)
    assert pixels is not None
    assert np.array_equal(pixels, upright(read_photo(path)))
    path.write_bytes(FILES[name][:400])
    assert load_pixels(path) is None


def test_heic_and_jpeg_xl_are_collected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for n in range(26):
        (tmp_path / f"{n}.heic").write_bytes(FILES["a.heic"])
    (tmp_path / "a.jxl").write_bytes(FILES["packed.jxl"])
    (tmp_path / "b.jxl").write_bytes(b"\xff\x0a")
    photos = collect([tmp_path], 5, 0, set())
    assert len(photos.training) + len(photos.validation) == 27
    assert list(photos.skipped) == ["b.jxl"]
    monkeypatch.setattr("afdcli.codec.decode.missing_plugin", lambda codec: "pip install it")
    monkeypatch.setattr("afdcli.codec.read.missing_plugin", lambda codec: "pip install it")
    (tmp_path / "tiny.png").write_bytes(encoded(PIXELS[:9], "PNG"))
    for n in range(24):
        (tmp_path / f"{n}.jpg").write_bytes(FILES["turned.jpg"])
    skipped = reasons(collect([tmp_path], 5, 0, set()).skipped)
    assert skipped.startswith("28 pip install it, e.g. ")
    assert skipped.endswith("; 1 smaller than 96 px, e.g. tiny.png")


def test_an_archive_is_not_taken(world: Path, tmp_path: Path) -> None:
    (tmp_path / "photos.zip").write_bytes(b"")
    result = train(
        world, tmp_path / "m.safetensors", "--data", str(tmp_path / "photos.zip"), code=2
    )
    assert "unpack an archive first" in " ".join(result.stderr.split())


def test_a_photo_in_two_folders_is_taken_once(tmp_path: Path) -> None:
    for n in range(30):
        path = tmp_path / ("cats" if n % 2 else "dogs") / f"{n}.jpg"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(encoded(PIXELS))
    photos = collect([tmp_path, tmp_path / "cats"], 10, 0, set())
    assert len(photos.training) + len(photos.validation) == 30
    assert not set(photos.training) & set(photos.validation)
