"""``afd degrade``: names and content of the files that it writes, and its manifest."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kit import command
from kit.classify import launched
from kit.pictures import encoded, scene
from PIL import Image

from afdcli.codec.encode import PAPER_QUALITIES, Compression, Recipe, compress
from afdcli.codec.read import read_photo
from afdcli.degrade.output_dir import Names
from afdcli.errors import PhotoError, UsageError
from afdcli.storage.text import restore, unprintable

HEADER = (
    "source,output,status,error,codec,qf,subsampling,width,height,bytes_before,bytes_after,note\n"
)


def afd(*arguments: Any, code: int = 0, stdin: bytes | None = None) -> Any:
    result = command.afd("degrade", "--workers", "1", *arguments, stdin=stdin)
    assert result.exit_code == code, result.output
    return result


def rows(folder: Path) -> list[dict[str, str]]:
    text = (folder / "manifest.csv").read_bytes().decode()
    assert text.startswith(HEADER)
    return list(csv.DictReader(io.StringIO(text, newline="")))


def files(folder: Path) -> dict[str, bytes]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in found}


def quality(data: bytes) -> float | None:
    return read_photo(data).quality


def luma_table(data: bytes) -> list[int]:
    return Image.open(io.BytesIO(data)).quantization[0]  # type: ignore[attr-defined, no-any-return]


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Five inputs in a folder: one broken, two that compete for a name, one in a subfolder."""
    folder = tmp_path / "photos"
    (folder / "sub").mkdir(parents=True)
    (folder / "a.jpg").write_bytes(encoded(scene(40, 60, 1), quality=95))
    (folder / "a.png").write_bytes(encoded(scene(48, 32, 2), "PNG"))
    (folder / "broken.jpg").write_bytes(encoded(scene(40, 60, 3))[:400])
    (folder / "sub" / "ünïcode, name.webp").write_bytes(encoded(scene(33, 47, 4), "WEBP"))
    (folder / "sub" / "z.bmp").write_bytes(encoded(scene(16, 16, 5), "BMP"))
    (folder / "readme.txt").write_text("no image")
    return folder


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


def test_quality_counts_in_every_codec() -> None:
    pixels = scene(64, 64)
    for codec in ("jpeg", "avif", "webp"):
        sizes = [len(compress(pixels, [Compression(codec, q)])) for q in (5, 25, 90)]  # type: ignore[arg-type]
        assert sizes == sorted(set(sizes))


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


def test_no_target_ever_leaves_the_output_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = tmp_path / "a" / "work"
    (work / "x").mkdir(parents=True)
    picture = encoded(scene(16, 16), "PNG")
    (tmp_path / "up.png").write_bytes(picture)
    (work / "here.png").write_bytes(picture)
    monkeypatch.chdir(work)
    before = set(tmp_path.rglob("*"))
    listed = f"../../up.png\n{tmp_path}/up.png\n\n./x/../here.png\nhere.png\n../gone.png\n"
    afd("-", "--out", "out", stdin=listed.encode(), code=1)
    table = rows(work / "out")
    assert [row["output"] for row in table] == ["up.jpg", "up-2.jpg", "here.jpg", "here-2.jpg", ""]
    assert [row["error"] for row in table] == ["", "", "", "", "unreadable"]
    assert all(
        (work / "out") in p.parents for p in set(tmp_path.rglob("*")) - before - {work / "out"}
    )


def test_a_link_out_of_the_output_folder_is_not_followed(photos: Path, tmp_path: Path) -> None:
    (photos / "broken.jpg").unlink()
    out, elsewhere = tmp_path / "out", tmp_path / "elsewhere"
    afd(photos, "--out", out)
    elsewhere.mkdir()
    (elsewhere / "precious.jpg").write_text("mine")
    for path in (out / "sub").iterdir():
        path.unlink()
    (out / "sub").rmdir()
    (out / "sub").symlink_to(elsewhere)
    (out / "a.jpg").unlink()
    (out / "a.jpg").symlink_to(elsewhere / "precious.jpg")
    (out / "manifest.csv").rename(elsewhere / "list.csv")
    (out / "manifest.csv").symlink_to(elsewhere / "list.csv")
    old = (elsewhere / "list.csv").read_bytes()
    result = afd(photos, "--qf", 25, "--out", out, "--overwrite", code=2)
    assert "leads out of" in result.stderr
    assert (elsewhere / "precious.jpg").read_text() == "mine"
    assert (elsewhere / "list.csv").read_bytes() == old
    assert sorted(p.name for p in elsewhere.iterdir()) == ["list.csv", "precious.jpg"]
    assert quality((out / "a.jpg").read_bytes()) == 25  # the link itself was replaced


def test_files_of_others_are_not_overwritten(photos: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "a.jpg").write_text("precious")
    assert "not from afd degrade" in afd(photos, "--out", mine, code=2).stderr
    assert files(mine) == {"a.jpg": b"precious"}
    before = files(photos)
    for sources in ([photos], [photos / "a.jpg"], [photos / "sub", photos / "a.jpg"]):
        afd(*sources, "--out", photos, code=2)
    assert files(photos) == before
    afd(photos, "--out", photos / "a.jpg", code=2)
    assert files(photos) == before


def test_sources_in_an_older_output_folder_are_refused(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    afd(photos, "--qf", "25,10", "--out", out, code=1)
    before = files(out)
    assert "choose another --out" in afd(out / "qf25", "--out", out, code=2).stderr
    assert files(out) == before
    name = f"{out}/qf25/a.jpg\n{photos}/a.jpg\n".encode()
    afd("-", "--qf", 7, "--out", out, "--overwrite", stdin=name, code=1)
    refused, done = rows(out)
    assert (refused["status"], done["status"]) == ("failed", "ok")
    assert "output folder" in refused["note"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["--qf", "0"], ["--qf", "101"], ["--qf", "ten"], ["--qf", ""], ["--qf", "10,"],
        ["--severity", "6"], ["--severity", "0"], ["--severity", "3..1"],
        ["--qf", "10", "--severity", "3"], ["--codec", "gif"], ["--subsampling", "4:1:0"],
        ["--codec", "webp", "--subsampling", "4:4:4"], ["--rounds", "0"], ["--crop", "0"],
        ["nowhere"],
    ],
)  # fmt: skip
def test_wrong_usage_is_one_line_and_leaves_nothing(
    photos: Path, tmp_path: Path, arguments: list[str]
) -> None:
    result = afd(photos, "--out", tmp_path / "out", *arguments, code=2)
    assert result.stderr
    assert "Traceback" not in result.output
    assert not (tmp_path / "out").exists()


def test_nothing_to_do_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "x.txt").touch()
    assert "no images" in afd(tmp_path / "in", "--out", tmp_path / "out", code=2).stderr
    assert not (tmp_path / "out").exists()


def test_hostile_names_are_harmless_in_the_manifest(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    names = [
        "=1+1.png",
        "@x.png",
        "a\rb.png",
        'q"uote,.png',
        os.fsdecode(b"caf\xe9.png"),
        "n\nl.png",
    ]
    names += ["-rf.png", "[bold].png", "x" * 250 + ".png"]
    for name in names:
        (folder / name).write_bytes(encoded(scene(16, 16), "PNG"))
    afd(folder, "--codec", "webp", "--out", tmp_path / "out")
    table = rows(tmp_path / "out")
    assert not any(cell[:1] in tuple("=+-@\t\r") and cell for row in table for cell in row.values())
    assert {unprintable(restore(row["source"])) for row in table} == set(names)
    for row in table:
        path = tmp_path / "out" / unprintable(restore(row["output"]))
        assert path.stat().st_size == int(row["bytes_after"])


def test_too_large_for_the_codec_is_a_failed_row(tmp_path: Path) -> None:
    picture = tmp_path / "wide.png"
    picture.write_bytes(encoded(Image.new("RGB", (16_384, 1)), "PNG"))
    afd(picture, "--codec", "webp", "--out", tmp_path / "out", code=2)
    (row,) = rows(tmp_path / "out")
    assert (row["status"], row["error"]) == ("failed", "too-large")


def test_transparency_and_other_remarks_are_in_the_note(tmp_path: Path) -> None:
    picture = tmp_path / "p.png"
    picture.write_bytes(encoded(Image.new("RGBA", (20, 20), (255, 0, 0, 9)), "PNG"))
    afd(picture, "--out", tmp_path / "out")
    (row,) = rows(tmp_path / "out")
    assert row["note"] == "transparency laid over white"


def test_quiet_prints_nothing_and_the_summary_fits_80_columns(photos: Path, tmp_path: Path) -> None:
    assert afd(photos, "-q", "--out", tmp_path / "q", code=1).output == ""
    result = afd(photos, "--out", tmp_path / "out", code=1)
    assert "4 files" in result.stdout
    assert "1 failed (truncated 1)" in result.stdout
    *lines, last = result.stdout.splitlines()
    assert all(len(line) <= 80 for line in lines)
    assert last == f"next: afd classify {tmp_path / 'out'} --compare"  # in one line, to be copied


def test_the_summary_counts_images_also_as_json(photos: Path, tmp_path: Path) -> None:
    result = afd(photos, "--out", tmp_path / "out", "--qf", "10,25", "--json", code=1)
    summary = json.loads(result.stdout)
    assert (summary["images"], summary["compressed"], summary["files"]) == (5, 4, 8)
    assert summary["failed"] == {"truncated": 1}
    assert [row["path"] for row in summary["first_failed"]] == ["broken.jpg"]
    assert summary["exit_code"] == 1
    assert summary["next"] == f"afd classify {tmp_path / 'out'} --compare"


def test_a_full_disk_ends_the_run_with_one_line(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_space(self: Path, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", no_space)
    result = afd(photos, "--out", tmp_path / "out", code=3)
    assert "a.jpg: No space left on device" in result.stderr
    assert rows(tmp_path / "out") == []


def test_ctrl_c_stops_at_once_and_leaves_whole_rows(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "0.png").write_bytes(encoded(scene(500, 500), "PNG"))
    for number in range(1, 400):
        os.link(folder / "0.png", folder / f"{number}.png")
    out = tmp_path / "out"
    command = ["degrade", str(folder), "--out", str(out), "--workers", "2", "--multi"]
    process = subprocess.Popen(
        launched([sys.executable, "-c", "from afdcli.cli.main import main; main()", *command]),
        stderr=subprocess.PIPE,
        start_new_session=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    try:
        deadline = time.monotonic() + 90
        while not (out / "1.jpg").exists():  # the row of the first is written before that
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does: the workers get it too
        _, message = process.communicate(timeout=20)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 130
    assert b"interrupted" in message
    assert b"Traceback" not in message
    table = rows(out)
    assert 1 <= len(table) < 400
    made = [path.name for path in out.iterdir() if path.name != "manifest.csv"]
    assert set(made) >= {row["output"] for row in table}
    assert len(made) <= len(table) + 1  # a file may be there whose row is not
    deadline = time.monotonic() + 10  # Python's own helper process ends a little later
    with pytest.raises(ProcessLookupError):  # nobody of its group is left
        while time.monotonic() < deadline:
            os.killpg(process.pid, 0)
            time.sleep(0.05)


def test_all_failed_is_one_line_and_exit_2(tmp_path: Path) -> None:
    """It counts the images, not the rows that each of them has for every quality factor."""
    (tmp_path / "a.jpg").write_bytes(b"")
    result = afd(tmp_path / "a.jpg", "--out", tmp_path / "o", "--qf", "10,25", code=2)
    message = "afd: nothing was written: the only image failed (not-an-image 1); see"
    assert result.stderr.splitlines() == [f"{message} {tmp_path / 'o' / 'manifest.csv'}"]
    assert "not-an-image" in result.stdout
    (tmp_path / "b.jpg").write_bytes(b"no picture")
    result = afd(tmp_path, "--out", tmp_path / "o2", "--exclude", tmp_path / "o", code=2)
    assert "all 2 images failed (not-an-image 2)" in result.stderr
    assert len(rows(tmp_path / "o2")) == 2


@settings(derandomize=True, max_examples=60, deadline=None)
@given(
    st.lists(
        st.text(st.sampled_from("aAé́.-2/jpgn\\x"), min_size=1, max_size=9), min_size=1, max_size=12
    )
)
def test_names_are_distinct_inside_and_repeatable(relatives: list[str]) -> None:
    names = Names(".jpg")
    taken = [names.take(relative) for relative in relatives]
    assert len({str(path).casefold() for path in taken}) == len(taken)
    folders = {parent for path in taken for parent in path.parents}
    for path in taken:
        assert path not in folders  # a name is a file or a folder
        assert not path.is_absolute()
        assert ".." not in path.parts
        assert path.suffix == ".jpg"
    again = Names(".jpg")
    assert [again.take(relative) for relative in relatives] == taken


@pytest.mark.parametrize(
    ("relatives", "outputs"),
    [
        (["a.png", "a.jpg", "a.gif"], ["a.jpg", "a-2.jpg", "a-3.jpg"]),
        (["a.png", "a-2.png", "a.jpg"], ["a.jpg", "a-2.jpg", "a-3.jpg"]),
        (["a.png", "a.jpg", "a-2.jpg"], ["a.jpg", "a-2.jpg", "a-2-2.jpg"]),
        (["A.png", "a.jpg"], ["A.jpg", "a-2.jpg"]),
        (["a.jpg/b.png", "a.png"], ["a.jpg/b.jpg", "a-2.jpg"]),
        (["a.png", "a.jpg/b.png", "a.jpg/c.png"], ["a.jpg", "a.jpg-2/b.jpg", "a.jpg-2/c.jpg"]),
        (["scan", "b.v2", "c.tar.png"], ["scan.jpg", "b.v2.jpg", "c.tar.jpg"]),
        (["x" * 254 + ".gif"], ["x" * 251 + ".jpg"]),
    ],
)
def test_names(relatives: list[str], outputs: list[str]) -> None:
    names = Names(".jpg")
    assert [str(names.take(relative)) for relative in relatives] == outputs


def test_many_inputs_of_one_name_take_no_longer_each() -> None:
    names = Names(".jpg")
    assert [str(names.take("a.png")) for _ in range(5_000)][-1] == "a-5000.jpg"


@settings(derandomize=True, max_examples=50)
@given(st.integers(0, 2**64), st.text(max_size=8), st.integers(1, 5))
def test_draws_depend_on_seed_and_name_alone(seed: int, name: str, rounds: int) -> None:
    drawn = Recipe(quality=None, rounds=rounds).draw(seed, name)
    assert drawn == Recipe(quality=None, rounds=5).draw(seed, name)[:rounds]
    assert all(step.quality in PAPER_QUALITIES for step in drawn)
    fixed = Recipe(quality=42, rounds=rounds).draw(seed, name)
    assert fixed[:-1] == drawn[:-1]
    assert fixed[-1].quality == 42


def test_draws_are_even_and_never_change() -> None:
    drawn = [Recipe(quality=None).draw(0, f"{n}.jpg")[0].quality for n in range(5000)]
    counts = [drawn.count(q) for q in PAPER_QUALITIES]
    assert max(abs(count - 1000) for count in counts) < 120  # 4 standard deviations
    three = Recipe(quality=None, rounds=3).draw(0, "a.jpg")
    assert [step.quality for step in three] == [15, 25, 7]


def test_recipes_refuse_nonsense() -> None:
    for wrong in ({"rounds": 0}, {"quality": 0}, {"codec": "gif"}, {"subsampling": "4:2:1"}):
        with pytest.raises(UsageError):
            Recipe(**wrong)  # type: ignore[arg-type]
    with pytest.raises(PhotoError, match="too-large"):
        compress(np.zeros((1, 65_501, 3), np.uint8), [Compression("jpeg", 10)])


@pytest.mark.shared
def test_real_photos_shrink_and_stay_readable(shared: Path, tmp_path: Path) -> None:
    photos = sorted((shared / "data" / "imagenet-val" / "images").rglob("*.*"))[:4]
    assert photos
    afd(*photos, "--severity", 4, "--crop", 224, "--out", tmp_path / "out")
    for row in rows(tmp_path / "out"):
        assert int(row["bytes_after"]) < 12_000
        assert quality((tmp_path / "out" / row["output"]).read_bytes()) == 10


def test_members_of_archives_and_urls(photos: Path, tmp_path: Path) -> None:
    """The same files as of the folder itself; the manifest names members as the results do."""
    import tarfile
    import zipfile

    afd(photos, "--qf", 10, "--out", tmp_path / "plain", code=1)
    plain = [{**row, "source": "", "output": ""} for row in rows(tmp_path / "plain")]
    names = sorted(str(p.relative_to(photos)) for p in photos.rglob("*") if p.is_file())
    with (
        tarfile.open(tmp_path / "x.tgz", "w:gz") as file,
        zipfile.ZipFile(tmp_path / "x.zip", "w") as packed,
    ):
        for name in names:
            file.add(photos / name, name)
            packed.write(photos / name, name)
    for source, prefix in (("x.tgz", "x.tgz/"), ("x.zip", "x.zip/"), (f"file://{photos}", "")):
        out = tmp_path / f"out-{source[:5].replace('/', '')}"
        where = tmp_path / source if prefix else source
        shown = afd(where, "--qf", 10, "--out", out, code=1).stdout
        assert "1 skipped: 1 text" in shown
        found = rows(out)
        assert [row["source"] for row in found] == [
            prefix + name for name in names if not name.endswith(".txt")
        ]
        failed = {"bytes_before": ""}  # nothing says how large a broken member is
        for row, same in zip(found, plain, strict=True):
            is_known = row["status"] == "ok" or not prefix
            expected = same if is_known else same | failed
            assert {**row, "source": "", "output": ""} == expected
