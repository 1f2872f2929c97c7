"""`afd degrade`: one row per input, and what its files hold."""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import Path
from typing import Any

import pytest
from kit.degrading import afd, files, luma_table, quality, rows
from kit.pictures import encoded, scene
from PIL import Image

from afdcli.codec.encode import PAPER_QUALITIES, Compression, compress
from afdcli.codec.read import read_photo


def test_every_input_has_a_row_in_order_and_every_file_is_listed(
    photos: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    afd(photos, "--qf", 10, "--out", out, code=1)
    table = rows(out)
    shown = [(row["source"], row["output"], row["status"], row["error"]) for row in table]
    assert shown == [
        ("a.jpg", "a.jpg", "ok", ""),
        ("a.png", "a-2.jpg", "ok", ""),
        ("broken.jpg", "", "failed", "truncated"),
        ("sub/z.bmp", "sub/z.jpg", "ok", ""),
        ("sub/ünïcode, name.webp", "sub/ünïcode, name.jpg", "ok", ""),
    ]
    written = files(out)
    assert set(written) == {row["output"] for row in table if row["output"]} | {"manifest.csv"}
    for row in table:
        assert (row["codec"], row["qf"], row["subsampling"]) == ("jpeg", "10", "4:2:0")
        assert int(row["bytes_before"]) == (photos / row["source"]).stat().st_size
        if row["status"] == "ok":
            data = written[row["output"]]
            assert int(row["bytes_after"]) == len(data)
            image = Image.open(io.BytesIO(data))
            assert image.size == (int(row["width"]), int(row["height"]))
            assert quality(data) == 10
            assert row["note"] == ""
        else:
            assert row["width"] == row["height"] == row["bytes_after"] == ""
            assert "ends too early" in row["note"]


def test_the_bytes_are_those_of_pillow_at_that_quality(tmp_path: Path) -> None:
    pixels = scene(50, 70)
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "p.png").write_bytes(encoded(pixels, "PNG"))
    for subsampling in ("4:4:4", "4:2:2", "4:2:0"):
        out = tmp_path / subsampling.replace(":", "")
        afd(tmp_path / "in", "--qf", 18, "--subsampling", subsampling, "--out", out)
        expected = encoded(pixels, quality=18, subsampling=subsampling)
        assert (out / "p.jpg").read_bytes() == expected
        assert read_photo(expected).subsampling == subsampling


def test_several_quality_factors_give_a_subfolder_each(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    afd(photos, "--qf", "25,18,15,10,7", "--out", out, code=1)
    table = rows(out)
    assert len(table) == 5 * 5
    assert [row["qf"] for row in table[:5]] == ["25", "18", "15", "10", "7"]
    assert [row["source"] for row in table[::5]] == [
        "a.jpg", "a.png", "broken.jpg", "sub/z.bmp", "sub/ünïcode, name.webp",
    ]  # fmt: skip
    for row in table:
        if row["output"]:
            assert row["output"].startswith(f"qf{row['qf']}/")
            assert quality((out / row["output"]).read_bytes()) == float(row["qf"])
    # One of several equals the same alone.
    afd(photos, "--qf", 15, "--out", tmp_path / "alone", code=1)
    alone = files(tmp_path / "alone")
    assert {f"qf15/{name}": data for name, data in alone.items() if name != "manifest.csv"} == {
        name: data for name, data in files(out).items() if name.startswith("qf15/")
    }


def test_severities_are_those_of_imagenet_c(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "p.png").write_bytes(encoded(scene(24, 24), "PNG"))
    expected = [25, 18, 15, 10, 7]
    for typed in ("1,2,3,4,5", "1..5"):
        out = tmp_path / typed
        afd(tmp_path / "in", "--severity", typed, "--out", out)
        assert [row["qf"] for row in rows(out)] == [str(q) for q in expected]
        for q in expected:
            data = (out / f"qf{q}" / "p.jpg").read_bytes()
            assert luma_table(data) == luma_table(encoded(scene(24, 24), quality=q))
    afd(tmp_path / "in", "--severity", 4, "--out", tmp_path / "one")
    assert quality((tmp_path / "one" / "p.jpg").read_bytes()) == 10


def test_multi_compresses_again_on_the_same_grid(tmp_path: Path) -> None:
    pixels = scene(64, 80)
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "p.png").write_bytes(encoded(pixels, "PNG"))
    out = tmp_path / "out"
    afd(tmp_path / "in", "--qf", 10, "--multi", "--rounds", 4, "--seed", 3, "--out", out)
    (row,) = rows(out)
    qualities = [int(q) for q in row["qf"].split(";")]
    assert len(qualities) == 4
    assert qualities[-1] == 10
    assert set(qualities) <= set(PAPER_QUALITIES)
    data = b""
    for q in qualities:  # by hand, with Pillow alone
        image = Image.open(io.BytesIO(data)) if data else Image.fromarray(pixels)
        data = encoded(image, quality=q)
    assert (out / "p.jpg").read_bytes() == data


def test_multi_as_in_the_documentation(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for number in range(12):
        (tmp_path / "in" / f"{number}.png").write_bytes(encoded(scene(16, 16, number), "PNG"))
    afd(tmp_path / "in", "--qf", 10, "--multi", "--out", tmp_path / "fixed")
    assert all(re.fullmatch(r"\d+;10", row["qf"]) for row in rows(tmp_path / "fixed"))
    afd(tmp_path / "in", "--multi", "--out", tmp_path / "drawn")
    drawn = [row["qf"].split(";") for row in rows(tmp_path / "drawn")]
    assert all(len(pair) == 2 for pair in drawn)
    assert len({pair[1] for pair in drawn}) > 1
    for row in rows(tmp_path / "drawn"):
        last = float(row["qf"].split(";")[-1])
        assert quality((tmp_path / "drawn" / row["output"]).read_bytes()) == last


def test_without_options_quality_10_of_the_current_folder_into_degraded(
    photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(photos)
    (photos / "broken.jpg").unlink()
    afd()
    first = files(photos / "degraded")
    assert sorted(first) == sorted(
        ["a.jpg", "a-2.jpg", "manifest.csv", "sub/z.jpg", "sub/ünïcode, name.jpg"]
    )
    assert {row["qf"] for row in rows(photos / "degraded")} == {"10"}
    # Once more: what was written is no input, and the files are replaced by equal ones, if asked.
    assert "manifest.csv exists already: --overwrite" in afd(code=2).stderr
    result = afd("--overwrite")
    assert "4 files, 4 of them replaced older ones" in result.stdout
    assert files(photos / "degraded") == first


def test_same_seed_same_bytes_whatever_else(photos: Path, tmp_path: Path) -> None:
    def run(name: str, *arguments: Any, source: Path = photos, code: int = 1) -> dict[str, bytes]:
        afd(source, "--multi", "--rounds", 3, "--out", tmp_path / name, *arguments, code=code)
        return files(tmp_path / name)

    one = run("one")
    assert run("two") == one
    assert run("three", "--workers", 3) == one
    assert run("other", "--seed", 1) != one
    # Without its neighbours a photo becomes the same.
    (photos / "a.jpg").unlink()
    (photos / "broken.jpg").unlink()
    (photos / "0-new.png").write_bytes(encoded(scene(20, 20, 9), "PNG"))
    fewer = run("fewer", code=0)
    assert fewer["sub/z.jpg"] == one["sub/z.jpg"]
    assert fewer["a.jpg"] == one["a-2.jpg"]


def test_other_codecs_are_really_that(photos: Path, tmp_path: Path) -> None:
    for codec in ("avif", "webp"):
        out = tmp_path / codec
        afd(photos, "--codec", codec, "--qf", "10", "--out", out, code=1)
        made = [row for row in rows(out) if row["status"] == "ok"]
        assert [row["output"] for row in made] == [
            f"a.{codec}", f"a-2.{codec}", f"sub/z.{codec}", f"sub/ünïcode, name.{codec}",
        ]  # fmt: skip
        for row in made:
            photo = read_photo(out / row["output"])
            assert photo.codec == row["codec"] == codec
            assert (photo.width, photo.height) == (int(row["width"]), int(row["height"]))
        assert (out / f"a.{codec}").read_bytes() == compress(
            read_photo(photos / "a.jpg").pixels, [Compression(codec, 10)]
        )


@pytest.mark.shared
def test_real_photos_shrink_and_stay_readable(shared: Path, tmp_path: Path) -> None:
    photos = sorted((shared / "data" / "imagenet-val" / "images").rglob("*.*"))[:4]
    assert photos
    afd(*photos, "--severity", 4, "--crop", 224, "--out", tmp_path / "out")
    for row in rows(tmp_path / "out"):
        assert int(row["bytes_after"]) < 12_000
        assert quality((tmp_path / "out" / row["output"]).read_bytes()) == 10


@pytest.mark.parametrize("archive", [True, False])
def test_members_of_archives_and_urls(photos: Path, tmp_path: Path, archive: bool) -> None:
    """The same files as of the folder itself; the manifest names members as the results do."""
    afd(photos, "--qf", 10, "--out", tmp_path / "plain", code=1)
    names = sorted(str(p.relative_to(photos)) for p in photos.rglob("*") if p.is_file())
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as packed:
        for name in names:
            packed.write(photos / name, name)
    source, prefix = (tmp_path / "x.zip", "x.zip/") if archive else (f"file://{photos}", "")
    shown = afd(source, "--qf", 10, "--out", tmp_path / "out", code=1).stdout
    assert "1 skipped: 1 text" in shown
    found = rows(tmp_path / "out")
    assert [row["source"] for row in found] == [prefix + n for n in names if n[-4:] != ".txt"]
    for row, plain in zip(found, rows(tmp_path / "plain"), strict=True):
        if row["status"] != "ok" and archive:  # nothing says how large a broken member is
            plain["bytes_before"] = ""
        same = ("source", "output")
        assert {k: row[k] for k in row if k not in same} == {
            k: plain[k] for k in plain if k not in same
        }


def test_overwrite_leaves_only_what_the_manifest_lists(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    afd(photos, "--qf", "25,10", "--out", out, code=1)
    (out / "qf10" / "mine.txt").write_text("not of afd")
    afd(photos, "--qf", 15, "--out", out, "--overwrite", code=1)
    listed = {row["output"] for row in rows(out) if row["output"]}
    assert set(files(out)) == listed | {"manifest.csv", "qf10/mine.txt"}
    assert not (out / "qf25").exists()
