"""Every preset through every command that takes a module."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from kit import command
from PIL import Image
from typer.testing import Result

from afdcli.core import PRESETS


def afd(*args: str | Path) -> Result:
    result = command.afd(*args, columns=120)
    assert result.exit_code == 0, result.output
    return result


@pytest.fixture
def photos(here: Path) -> Path:
    rng = np.random.default_rng(0)
    folder = here / "good"
    folder.mkdir()
    for n in range(28):
        small = Image.fromarray(rng.integers(0, 256, (6, 6, 3), dtype=np.uint8))
        small.resize((112, 104), Image.Resampling.BICUBIC).save(folder / f"{n:02d}.png")
    return folder


@pytest.mark.parametrize("plug", ["stem", "input"])
@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.slow
@pytest.mark.usefixtures("pairs_made_here")
def test_train_fuse_classify_inspect_report(
    kit: Path, photos: Path, preset: str, plug: str
) -> None:
    net = ("--backbone", "tiny_test_net", "--import", kit / "tiny_models.py")
    afd(
        *("train", *net, "--plug", plug, "--preset", preset, "--data", photos, "--steps", "2"),
        *("--validation", "5", "--batch-size", "2", "--side", "64", "--out", "m.safetensors"),
        "--quiet",
    )
    afd("fuse", "m.safetensors", "--out", "fused.safetensors")
    afd("degrade", *sorted(photos.iterdir())[:6], "--qf", "10", "--out", "bad")
    for module in ("m.safetensors", "fused.safetensors"):
        afd(
            *("classify", "bad", *net, "--afd", module, "--compare", "--workers", "1"),
            *("--runtime", "torch", "--precision", "fp32", "--out", f"{module}.csv"),
        )
    rows, fused = (pd.read_csv(f"{m}.safetensors.csv") for m in ("m", "fused"))
    assert len(rows) == 6
    assert (rows["prob"] - fused["prob"]).abs().max() < 1e-4
    afd("report", "m.safetensors.csv", "--html", "page.html", "--photos", "bad", "--maps")
    assert "m.safetensors" in Path("page.html").read_text(encoding="utf-8")
    picture = next(path for path in Path("bad").rglob("*.jpg"))
    inspected = afd("inspect", picture, *net, "--afd", "fused.safetensors", "--out", "figure.png")
    assert "drift" in inspected.stdout
    with Image.open("figure.png") as figure:
        assert figure.width > 500
