"""Views of one picture are recognised, and all statistics count pictures."""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from kit.reporting import report
from kit.results import row, write
from typer.testing import Result

from afdcli.degrade.manifest import Entry, Manifest
from afdcli.results.rows import Row

QUALITIES = (25, 18, 15, 10, 7)


def tidy(result: Result) -> pd.DataFrame:
    assert result.exit_code == 0, result.output
    table = pd.read_csv(io.StringIO(result.stdout), keep_default_na=False)
    return table.set_index(["group", "value", "metric"])


def numbers(table: pd.DataFrame, metric: str, group: str = "all", value: str = "") -> list[float]:
    """n, views, estimate, low, high."""
    cells = table.loc[(group, value, metric), ["n", "views", "estimate", "low", "high"]]
    return [float(cell) if cell != "" else np.nan for cell in cells]


def views(name: Callable[[int, int], str], photos: int = 30) -> list[Row]:
    """Every photo at every quality: photo k is right up to a quality of its own, AFD one more."""
    rows = []
    for position, quality in enumerate(QUALITIES):
        for k in range(photos):
            direct, afd = (k % 6 > position, k % 6 > position - 1)
            truth = ("cat", "dog")[k % 2]
            labels = ("owl" if not right else truth for right in (afd, direct))
            rows.append(row(name(quality, k), *labels, truth, quality=float(quality)))
    return rows


def clean(photos: int = 30) -> list[Row]:
    return [
        row(f"a/{k}.png", *(["owl", "owl"] if k % 3 == 0 else [t, t]), t)
        for k in range(photos)
        for t in [("cat", "dog")[k % 2]]
    ]


def plain(quality: int, k: int) -> str:
    return f"{quality}-{k}.jpg"


def test_copies_in_quality_folders_are_views_of_one_picture() -> None:
    write("all.csv", views(lambda quality, k: f"qf{quality}/a/{k}.jpg"))
    result = report("all.csv", "-f", "csv")
    table = tidy(result)
    n, seen, estimate, low, high = numbers(table, "accuracy_direct")
    assert (n, seen) == (30, 150)
    write("apart.csv", views(plain))
    apart = numbers(tidy(report("apart.csv", "-f", "csv")), "accuracy_direct")
    assert apart[:3] == [150, 150, estimate]
    assert high - low > 1.3 * (apart[4] - apart[3])
    assert numbers(table, "accuracy_direct", "quality", "QF 10-14")[:2] == [30, 30]
    assert numbers(table, "accuracy_difference")[:2] == [30, 150]
    assert numbers(table, "confidence_afd")[:2] == [30, 150]
    assert numbers(table, "mcnemar_p")[2] == pytest.approx(2 * 0.5**25)
    assert "150 files are views of 30 pictures" in result.stderr
    assert "folders such as qf25" in result.stderr


def test_the_clean_run_identifies_views_in_any_folders() -> None:
    write("all.csv", views(lambda quality, k: f"set{quality}/a/{k}.jpg"))
    write("clean.csv", clean())
    alone = tidy(report("all.csv", "-f", "csv"))
    assert numbers(alone, "accuracy_direct")[:2] == [150, 150]
    result = report("all.csv", "--clean", "clean.csv", "-f", "csv")
    table = tidy(result)
    for metric in ("accuracy_clean", "recovered_share", "compression_cost", "accuracy_afd"):
        assert numbers(table, metric)[:2] == [30, 150]
    assert "known from the clean run" in " ".join(result.stderr.split())
    # 20 of 30 right, five times each: the interval of 20 of 30.
    write("clean_only.csv", clean())
    want = numbers(tidy(report("clean_only.csv", "-f", "csv")), "accuracy_direct")
    assert numbers(table, "accuracy_clean")[2:] == pytest.approx(want[2:])


def test_a_class_of_two_photos_is_too_few() -> None:
    rows = [row(f"qf{q}/x/{k}.jpg", "cat", "owl", "cat") for q in QUALITIES for k in range(2)]
    rows += [row(f"qf{q}/y/{k}.jpg", "dog", "owl", "dog") for q in QUALITIES for k in range(12)]
    write("all.csv", rows)
    screen = report("all.csv", "--by", "target_label", width=140).stdout
    (line,) = [line for line in screen.splitlines() if line.strip().startswith("cat")]
    assert "2*" in line
    assert "10" in line
    assert "fewer than 10 pictures" in screen
    assert report("all.csv", "--html", "page.html").exit_code == 0
    assert "2*" in Path("page.html").read_text()


def test_a_manifest_is_found_and_identifies_views(tmp_path: Path) -> None:
    rows = views(plain)
    options = {"inputs": [str(tmp_path / "degraded")]}
    write("all.csv", rows, metadata={"options": options})
    for folder in ("degraded", "elsewhere"):
        (tmp_path / folder).mkdir()
        with Manifest(tmp_path / folder) as manifest:
            for quality in QUALITIES:
                for k in range(30):
                    manifest.write(Entry(f"a/{k}.png", output=plain(quality, k)))
            manifest.write(Entry("a/broken.png", status="failed", error="corrupt"))
    found = report("all.csv", "-f", "csv")
    assert numbers(tidy(found), "accuracy_direct")[:2] == [30, 150]
    assert "degraded/manifest.csv)" in " ".join(found.stderr.split())
    shutil.rmtree(tmp_path / "degraded")
    assert numbers(tidy(report("all.csv", "-f", "csv")), "accuracy_direct")[0] == 150
    named = report("all.csv", "--manifest", "elsewhere/manifest.csv", "-f", "csv")
    assert numbers(tidy(named), "accuracy_direct")[:2] == [30, 150]
    # Classified from the folder above: every path has one more folder.
    write("all.csv", views(lambda quality, k: f"x/{plain(quality, k)}"))
    named = report("all.csv", "--manifest", "elsewhere/manifest.csv", "-f", "csv")
    assert numbers(tidy(named), "accuracy_direct")[:2] == [30, 150]


def test_unusable_manifests_are_one_line(tmp_path: Path) -> None:
    write("all.csv", views(plain))
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    (tmp_path / "long.csv").write_text("source,output\na,b.png,c\n")
    for name, message in (
        ("gone.csv", "No such file"),
        ("other.csv", "no column source, output"),
        ("long.csv", "row 1 has 3 cells, but the header has 2"),
    ):
        result = report("all.csv", "--manifest", name)
        assert result.exit_code == 2
        assert message in result.stderr
        assert len(result.stderr.splitlines()) == 1


def test_pictures_that_only_share_a_name_stay_apart() -> None:
    """Class folders with equal file names, two suffixes, two classes."""
    rows = [row(f"{name}s/{k}.jpg", name, name, name) for name in ("cat", "dog") for k in range(9)]
    rows += [row(f"x/1.{suffix}", "cat", "cat", "cat") for suffix in ("jpg", "png")]
    rows += [row("qf7/y.jpg", "cat", "cat", "cat"), row("qf9/y.jpg", "dog", "dog", "dog")]
    write("r.csv", rows)
    result = report("r.csv", "-f", "csv")
    assert numbers(tidy(result), "accuracy_direct")[:2] == [22, 22]
    assert "views of" not in result.stderr


def test_the_original_beside_its_copies_is_one_more_view() -> None:
    rows = [row(f"{folder}{k}.{suffix}", "cat", "cat", "cat") for k in range(12)
            for folder, suffix in (("", "png"), ("qf25/", "jpg"), ("QF_10/", "jpg"))]  # fmt: skip
    write("r.csv", rows)
    table = tidy(report("r.csv", "-f", "csv"))
    assert numbers(table, "accuracy_direct")[:2] == [12, 36]
