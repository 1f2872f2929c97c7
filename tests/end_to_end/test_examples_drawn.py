"""The example photos are what their script draws, and their labels fit them."""

from __future__ import annotations

import csv
import importlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
from kit import command
from PIL import Image

from afdcli.codec.read import read_photo
from afdcli.errors import PhotoError

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
PHOTOS = EXAMPLES / "photos"


def names(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def labels() -> list[tuple[str, str]]:
    with (EXAMPLES / "photos_labels.csv").open(encoding="utf-8", newline="") as file:
        return [(row["file"], row["label"]) for row in csv.DictReader(file)]


def script(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(EXAMPLES))
    return importlib.import_module("draw_photos")


def test_the_script_draws_the_committed_photos(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of its names and labels; two of its seven pictures, for each takes a second."""
    drawing = script(monkeypatch)
    prints = {recipe.file: recipe for recipe in drawing.PRINTS}
    assert sorted(prints) == names(PHOTOS)
    assert sorted((recipe.file, recipe.label) for recipe in drawing.PRINTS) == sorted(labels())
    pictures = {label: drawing.draw(label) for label in ("starfish", "strawberry")}
    for name, recipe in prints.items():
        if recipe.label in pictures and name != "broken.jpg":
            drawn = tmp_path / Path(name).name
            drawn.write_bytes(drawing.encoded(pictures[recipe.label], recipe))
            ours, theirs = (read_photo(path).pixels for path in (drawn, PHOTOS / name))
            assert ours.shape == theirs.shape
            difference = np.abs(ours.astype(np.float32) - theirs.astype(np.float32)).mean()
            assert difference < 4, name  # grain alone is about 3; encoders may differ by version


def test_the_script_writes_files_and_labels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawing = script(monkeypatch)
    grey = Image.new("RGB", (48, 32), "grey")
    monkeypatch.setattr(drawing, "PICTURES", dict.fromkeys(drawing.PICTURES, grey.copy))
    monkeypatch.setattr(drawing, "ProcessPoolExecutor", ThreadPoolExecutor)
    drawing.main(["--out", str(tmp_path / "photos")])
    assert names(tmp_path / "photos") == names(PHOTOS)
    drawn = (tmp_path / "photos_labels.csv").read_bytes()
    assert drawn == (EXAMPLES / "photos_labels.csv").read_bytes()


def test_every_file_has_one_label_and_every_label_a_file() -> None:
    assert sorted(file for file, _ in labels()) == names(PHOTOS)


def test_the_broken_photo_is_a_jpeg_that_ends_too_early() -> None:
    data = (PHOTOS / "broken.jpg").read_bytes()
    assert data.startswith(b"\xff\xd8\xff") and not data.endswith(b"\xff\xd9")
    with pytest.raises(PhotoError):
        read_photo(PHOTOS / "broken.jpg")


def test_the_photos_cover_what_a_first_run_should_show() -> None:
    files = names(PHOTOS)
    assert len(files) == 20
    assert {Path(name).suffix for name in files} == {"", ".jpg", ".avif", ".webp", ".png"}
    assert any(not name.isascii() for name in files)
    assert any(name.startswith("garden/") for name in files)
    assert sum((PHOTOS / name).stat().st_size for name in files) < 400_000
    quality = {n: read_photo(PHOTOS / n).quality for n in files if n != "broken.jpg"}
    assert quality["strawberry.jpg"] == 90
    assert quality["compressed/starfish_q7.jpg"] == 7
    assert quality["compressed/daisy_q25_q10.jpg"] == 10


def test_the_shipped_default_knows_them_and_turns_four_labels_right(tmp_path: Path) -> None:
    out = tmp_path / "results.csv"
    line = ["classify", str(PHOTOS), "--labels", str(EXAMPLES / "photos_labels.csv")]
    line += ["--compare", "--precision", "fp32", "--out", str(out)]
    result = command.afd(*line, columns=100)
    assert result.exit_code == 1, result.output  # one picture is broken
    rows = pd.read_csv(out)
    failed = rows[rows.status == "failed"]
    assert (failed.path.tolist(), failed.error.tolist()) == (["broken.jpg"], ["truncated"])
    read = rows[rows.status != "failed"]
    assert (read.label == read.target_label).all(), read[read.label != read.target_label]
    assert (read.direct_label != read.target_label).sum() >= 4
    for text in ("soccer_ball", "without AFD", "broken.jpg", f"next: afd report {out}"):
        assert text in result.stdout
