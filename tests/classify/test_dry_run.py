"""`afd classify --dry-run`: what a run would do, without doing it."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from kit.classify import LOADING, afd, jpeg
from rich.console import Console

from afdcli.classify import dry_run
from afdcli.classify.dry_run import DryRun
from afdcli.classify.expected_gain import bands, verdict
from afdcli.classify.settings import Settings
from afdcli.cli.dry_run_screen import show_dry_run
from afdcli.codec.header import Header
from afdcli.models.measured import in_words, measured, of_card
from afdcli.models.shipped import SHOWN, Card, cards, folder

ROOT = Path(__file__).resolve().parents[2]
LITE0 = measured(folder() / "tf_efficientnet_lite0.stem.safetensors")


def test_it_counts_looks_and_times_and_writes_nothing(kit: Path, photos: Path, here: Path) -> None:
    (photos / "notes.txt").write_text("no picture")
    before = sorted(here.rglob("*"))
    result = afd(kit, "photos", "--dry-run", "--labels", "folders", "--out", "new.csv")
    assert result.exit_code == 0, result.output
    assert result.stderr == LOADING
    assert sorted(here.rglob("*")) == before
    screen = " ".join(result.stdout.split())
    assert "images │ 14; 1 skipped: 1 text" in screen
    assert "jpeg 11 79% 96x72 96x72 96x72" in screen
    assert "cannot be read │ not-an-image 2, unreadable 1, of 14 looked at" in screen
    assert "red/04.jpg not-an-image no image format that afd reads" in screen
    assert "will AFD help? │ unknown: this module has not been measured" in screen
    assert re.search(r"time │ about [\d.]+ s at [\d.]+ images/s on cpu, from 14 images", screen)
    assert "failed │ 3 of these 14" in screen
    assert "labels │ 11 of these 14 have one" in screen


def test_a_large_folder_is_sampled(kit: Path, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dry_run, "HEADERS", 20)
    monkeypatch.setattr(dry_run, "TIMED", 8)
    for n in range(50):
        (here / f"{n:02d}.jpg").write_bytes(jpeg(n, quality=8 if n % 2 else 90))
    options = (".", "--dry-run", "--json", "--batch-size", "4")
    result = afd(kit, *options)
    found = json.loads(result.stdout)
    assert (found["images"], found["looked_at"], found["timed"]) == (50, 20, 12)
    assert found["codecs"] == {"jpeg": 20}
    images = {band["first"]: band["images"] for band in found["qualities"]}
    assert images[1] + images[80] == 20
    assert 4 <= images[1] <= 16
    assert found["images_per_second"] > 0
    assert found["seconds"] == pytest.approx(50 / found["images_per_second"], rel=0.1)
    assert found["results_exist"] is None
    assert json.loads(afd(kit, *options).stdout)["qualities"] == found["qualities"]
    limited = json.loads(afd(kit, *options, "--limit", "6").stdout)
    assert (limited["images"], limited["looked_at"], limited["timed"]) == (6, 6, 6)


def test_it_says_what_would_stop_the_run(kit: Path, photos: Path) -> None:
    Path("results.csv").write_text("path\n")
    text = " ".join(afd(kit, "photos", "--dry-run").stdout.replace("│", "").split())
    assert "results.csv exists already: the run needs --resume or --overwrite" in text
    for more, message in (
        (("--resume",), "omit --resume"),
        (("--afd", "gone.safetensors"), "gone.safetensors does not exist"),
        (("--out", "x.txt"), "must end in .csv"),
    ):
        result = afd(kit, "photos", "--dry-run", *more)
        assert result.exit_code == 2
        assert message in result.stderr
    (photos.parent / "x").mkdir()
    (photos.parent / "x" / "a.jpg").write_bytes(jpeg(1))
    result = afd(kit, "x", "--dry-run", "--labels", "folders")
    assert "no folder has the name of a class" in result.stderr


@pytest.mark.parametrize("width", [80, 140])
@pytest.mark.parametrize("card", cards(), ids=lambda card: card.file.stem)
def test_with_a_shipped_module_it_shows_what_was_measured(card: Card, width: int) -> None:
    headers = [Header("jpeg", 500, 375, 7.0)] * 30 + [Header("jpeg", 4000, 3000, 92.0)] * 60
    found = DryRun(images=10**6, headers=[*headers, *[Header("png", 32, 32)] * 10], rate=50.0)
    screen = Console(width=width, record=True)
    show_dry_run(screen, found, _setup(card.file), _inputs())
    text = screen.export_text()
    assert max(map(len, text.splitlines())) <= width
    plain = " ".join(text.replace("│", "").split())
    assert "100 images, drawn at random from 1,000,000" in plain
    assert "5 h 33 min" in plain
    assert f"AFD module {SHOWN[card.kind]}: {in_words(card)}" in plain
    for numbers in of_card(card):
        for before, after in (numbers.by_quality[7], numbers.clean):
            assert f"{before:.1f} → {after:.1f} %" in plain
    assert "yes: 30% of the images are JPEGs of quality 35 or below" in plain


def _setup(module: Path) -> Any:
    return SimpleNamespace(
        module=SimpleNamespace(path=module), settings=Settings(), labels=None, device="cpu"
    )


def _inputs() -> Any:
    return SimpleNamespace(skipped=Counter(), unlisted=[])


def test_the_verdict_follows_the_qualities() -> None:
    for worst, begins in ((90, "yes: 90%"), (10, "a little: 10%"), (1, "hardly: only 1%")):
        qualities = [10.4] * worst + [95.0] * (100 - worst)
        assert verdict(bands(qualities, LITE0), 100).startswith(begins)
    gains = {qf: with_afd - without for qf, (without, with_afd) in LITE0[0].by_quality.items()}
    assert f"gained {gains[10]:.1f} points" in verdict(bands([10.0], LITE0), 1)
    assert f"gained {gains[25]:.1f} to {gains[7]:.1f} points" in verdict(
        bands([1.0, 35.4], LITE0), 2
    )
    assert verdict(bands([1.0], ()), 1).startswith("unknown")
    assert verdict(bands([], LITE0), 0).startswith("hardly: no image is a JPEG of quality")
    counts = [band.images for band in bands(range(1, 101), LITE0)]
    assert sum(counts) == 100  # every quality is in one band


def test_the_numbers_are_those_of_the_results() -> None:
    """The table of each shipped module is in RESULTS.md; the cards have the same numbers."""
    text = (ROOT / "examples" / "benchmarks" / "RESULTS.md").read_text(encoding="utf-8")
    tables = [dict(_ROW.findall(part)) for part in text.split("| condition | direct | AFD |")]
    for card in cards():
        assert of_card(card), f"{card.file.name}: the card has no numbers"
        for each in of_card(card):
            pairs = {"clean": each.clean} | {f"qf{qf}": p for qf, p in each.by_quality.items()}
            wanted = {name: f"{a:.1f} | {b:.1f}" for name, (a, b) in pairs.items()}
            found = any(wanted.items() <= table.items() for table in tables)
            assert found, f"RESULTS.md lacks the table of {card.file.name}, {each.classifier}"
    assert measured(Path("mine.safetensors")) == ()


#: A row of a table: what was done to the photos, and top-1 without and with AFD.
_ROW = re.compile(r"^\| (clean|qf\d+) \| ([\d.]+ \| [\d.]+) \|", re.M)
