"""Mistakes, broken files, full disks and Ctrl-C."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from kit.classify import launched
from kit.degrading import afd, rows
from kit.pictures import encoded, scene
from PIL import Image

from afdcli.storage.text import restore, unprintable


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
