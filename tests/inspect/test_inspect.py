"""`afd inspect`: what it prints and draws, and how it fails."""

from __future__ import annotations

import io
import math
from pathlib import Path

import numpy as np
import pytest
from kit import command, small_models
from kit.inspecting import afd
from kit.pictures import encoded, scene, without_middle
from PIL import Image


def test_command_prints_and_draws(kit: Path, here: Path) -> None:
    pixels = np.asarray(Image.open(io.BytesIO(encoded(scene(200, 300), quality=60))))
    Path("photo.jpg").write_bytes(encoded(pixels, quality=90))
    result = afd(kit, "photo.jpg")
    assert result.exit_code == 0, result.output
    for words in (
        "JPEG, baseline",
        "300 × 200",
        "4:2:0",
        "90, estimated",
        "the file's own",
        "tiny_test_net, 5 classes",
        "without AFD",
        "with AFD",
        "in front of the classifier",
        "drift",
        "feature drifting map",
        "steps, luma (Y)",
        "steps, chroma (Cb, Cr)",
        "figure: photo.inspect.png",
    ):
        assert words in result.output, words
    with Image.open("photo.inspect.png") as sheet:
        assert sheet.format == "PNG"
        assert sheet.size == (1420, 1280)
    assert sorted(path.name for path in here.iterdir()) == ["photo.inspect.png", "photo.jpg"]


def test_panels_fit_the_terminal(kit: Path, here: Path) -> None:
    Path("photo.jpg").write_bytes(encoded(scene(64, 96), quality=20))
    for width, together in ((60, False), (80, False), (140, True)):
        lines = afd(kit, "photo.jpg", "--no-picture", width=width).stdout.splitlines()
        assert max(map(len, lines)) <= width
        assert any("─ file" in line and "─ classifier" in line for line in lines) == together
        assert any("luma (Y)" in line and "chroma" in line for line in lines) == together
    assert list(here.iterdir()) == [here / "photo.jpg"]


@pytest.mark.parametrize(
    ("format", "words"),
    [("AVIF", "AV1 chooses steps per block"), ("PNG", "a lossless file does not record it")],
)
def test_command_says_what_is_not_known(kit: Path, here: Path, format: str, words: str) -> None:
    Path("x").write_bytes(encoded(Image.fromarray(scene(64, 96)), format))
    result = afd(kit, "x", width=200)
    assert result.exit_code == 0, result.output
    assert words in result.output
    assert "not known: no quantisation tables at hand" in result.output
    assert "steps, luma" not in result.output
    assert Path("x.inspect.png").is_file()


def test_off_flat_and_quiet(kit: Path, here: Path) -> None:
    Path("flat.png").write_bytes(encoded(np.full((9, 700, 3), 77, np.uint8), "PNG"))
    result = afd(kit, "flat.png", "--afd", "off")
    assert result.exit_code == 0, result.output
    assert "none, so no drift is known" in result.output
    assert "with AFD" not in result.output
    assert "none: the picture is flat" in result.output
    result = afd(kit, "flat.png", "--quiet", "--out", "deep/er/sheet.png")
    assert (result.exit_code, result.output) == (0, "")
    assert Path("deep/er/sheet.png").is_file()


def test_damage_is_shown(kit: Path, here: Path) -> None:
    Path("hurt.jpg").write_bytes(without_middle(encoded(scene(120, 160), quality=80)))
    result = afd(kit, "hurt.jpg", "--no-picture")
    assert result.exit_code == 0, result.output
    assert "damaged: " in result.output


@pytest.mark.parametrize(
    ("data", "code"),
    [(b"", "not-an-image"), (encoded(scene(64, 64))[:300], "truncated"), (None, "unreadable")],
)
def test_broken_file_is_one_line(kit: Path, here: Path, data: bytes | None, code: str) -> None:
    if data is not None:
        Path("bad.jpg").write_bytes(data)
    result = afd(kit, "bad.jpg")
    assert result.exit_code == 2
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"afd: bad.jpg: {code}: ")
    assert not Path("bad.inspect.png").exists()


def test_other_errors_name_the_cure(kit: Path, here: Path) -> None:
    Path("a.png").write_bytes(encoded(scene(64, 64), "PNG"))
    before = Path("a.png").read_bytes()
    small_models.save_weights(here / "nan.safetensors", fill=math.nan)
    for args, words in (
        (("--out", "a.jpg"), "must end in .png, .svg or .pdf"),
        (("--out", "../" + here.name + "/a.png"), "would overwrite"),
        (("--out", "a.png/b.png"), "a.png/b.png cannot be written"),
        (("--afd", "no.safetensors"), "no.safetensors does not exist"),
        (("--checkpoint", "nan.safetensors"), "bad-output: "),
    ):
        result = afd(kit, "a.png", *args)
        assert (result.exit_code, result.stdout.count("figure:")) == (2, 0)
        assert words in result.stderr
        errors = [line for line in result.stderr.splitlines() if not line.startswith("loading ")]
        assert len(errors) == 1
    assert Path("a.png").read_bytes() == before


def test_hostile_names_are_shown_as_they_are(kit: Path, here: Path) -> None:
    name = "[red]\x1b[2J\n.jpg"
    Path(name).write_bytes(encoded(scene(64, 64)))
    result = afd(kit, name)
    assert result.exit_code == 0, result.output
    assert "[red]" in result.output
    assert "\x1b[2J" not in result.output


def test_plain_command_with_the_default(here: Path) -> None:
    Path("photo.jpg").write_bytes(encoded(scene(240, 320), quality=10))
    result = command.afd("inspect", "photo.jpg", columns=140)
    assert result.exit_code == 0, result.output
    assert "tf_efficientnet_lite0" in result.output
    assert "drift" in result.output
    assert Path("photo.inspect.png").is_file()
