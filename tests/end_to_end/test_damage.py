"""Damaged photos: classified and flagged, or refused with ``--strict``."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from kit import command
from kit.classify import afd, jpeg, table


@pytest.fixture
def damaged(here: Path) -> Path:
    """A whole photo and three damaged ones: cut in half, without its end, a scan overwritten."""
    folder = here / "photos"
    folder.mkdir()
    whole = jpeg(1, (640, 480), 80)
    middle = whole.index(b"\xff\xda") + (len(whole) - whole.index(b"\xff\xda")) // 2
    files = {
        "whole": whole,
        "half": whole[:middle],
        "endless": whole[:-2],
        "overwritten": whole[:middle] + b"\x55" * 40 + whole[middle + 40 :],
        "stump": whole[: whole.index(b"\xff\xda") + 60],
    }
    for name, data in files.items():
        (folder / f"{name}.jpg").write_bytes(data)
    return folder


def test_damage_is_classified_and_flagged(kit: Path, damaged: Path) -> None:
    result = afd(kit, damaged)
    assert result.exit_code == 1  # the stump
    rows = table().set_index("path")
    status = rows["status"].to_dict()
    assert status == {
        "endless.jpg": "damaged",
        "half.jpg": "damaged",
        "overwritten.jpg": "damaged",
        "stump.jpg": "failed",
        "whole.jpg": "ok",
    }
    assert rows.loc["stump.jpg", "error"] == "truncated"
    assert rows.loc[["endless.jpg", "half.jpg", "overwritten.jpg"], "label"].notna().all()
    assert re.search(r"\b[3-7]\d%", rows.loc["half.jpg", "note"])
    assert "3 images" in result.stdout
    assert "4 classified" in result.stdout


def test_strict_refuses_damage(kit: Path, damaged: Path) -> None:
    result = afd(kit, damaged, "--strict")
    assert result.exit_code == 1
    rows = table().set_index("path")
    assert rows["error"].dropna().to_dict() == {
        "endless.jpg": "truncated",
        "half.jpg": "truncated",
        "overwritten.jpg": "corrupt",
        "stump.jpg": "truncated",
    }
    assert rows.loc["whole.jpg", "status"] == "ok"


def test_a_damaged_file_does_not_change_its_neighbours(kit: Path, damaged: Path) -> None:
    afd(kit, damaged)
    together = table().set_index("path").loc["whole.jpg"]
    afd(kit, damaged / "whole.jpg", "--batch-size", "16")
    alone = table().iloc[0]
    assert together["prob"] == pytest.approx(alone["prob"], abs=1e-5)
    assert together["label"] == alone["label"]


def test_reports_read_damaged_rows(kit: Path, damaged: Path) -> None:

    afd(kit, damaged, "--compare")
    result = command.afd("report", "results.csv")
    assert result.exit_code == 0, result.output
    assert "5" in result.stdout
