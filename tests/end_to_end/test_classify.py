"""`afd classify`, through the command: rows, order, failures, files, screen and exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from kit.classify import CLASSES, LOADING, afd, jpeg, table

from afdcli.inputs.inputs import Inputs
from afdcli.results.rows import Columns


def test_one_true_row_per_file_in_order(kit: Path, photos: Path) -> None:
    result = afd(kit, "photos")
    assert result.exit_code == 1, result.output
    assert result.stderr == LOADING  # and no progress bar outside a terminal
    assert "\x1b" not in result.stdout
    rows = table()
    assert list(rows.columns) == Columns().names
    assert list(rows["path"]) == sorted(
        path.relative_to(photos).as_posix() for path in photos.rglob("*.jpg")
    )
    errors = dict(zip(rows["path"], rows["error"], strict=True))
    assert errors["red/00.jpg"] == errors["red/04.jpg"] == "not-an-image"
    assert errors["red/05.jpg"] == "unreadable"
    good = rows[rows["status"] == "ok"]
    assert len(good) == 11
    assert good["error"].isna().all()
    assert (good["codec"] == "jpeg").all()
    assert (good["width"] == 96).all()
    assert (good["height"] == 72).all()
    assert good["prob"].between(0.2, 1).all()
    assert (good["drift"] > 0).all()
    assert list(good["label"]) == [CLASSES[int(index)] for index in good["index"]]
    # The quality factor was 10 + 5 n for photo n: no row has its neighbour's facts.
    numbers = good["path"].str[-6:-4].astype(int)
    assert (good["quality"] - (10 + 5 * numbers)).abs().max() <= 1
    bad = rows[rows["status"] == "failed"]
    assert bad[["label", "index", "prob", "drift", "codec"]].isna().all(axis=None)
    assert bad["note"].str.len().min() > 5


def test_good_rows_do_not_depend_on_broken_neighbours(kit: Path, photos: Path) -> None:
    afd(kit, "photos", "--batch-size", "4", "--out", "with.csv", "--topk", "3")
    for name in ("00", "04", "05"):
        (photos / "red" / f"{name}.jpg").unlink()
    result = afd(kit, "photos", "--batch-size", "4", "--out", "without.csv", "--topk", "3")
    assert result.exit_code == 0, result.output
    with_them = [
        line for line in Path("with.csv").read_text().splitlines() if ",failed," not in line
    ]
    assert with_them == Path("without.csv").read_text().splitlines()


def test_rows_do_not_depend_on_order_or_place(kit: Path, photos: Path) -> None:
    """Bit for bit: every pass has the same size, the last one too."""
    names = sorted(str(path) for path in (photos / "Stop_Sign").iterdir())
    afd(kit, *names, "--batch-size", "4", "--out", "a.jsonl")
    afd(kit, *names[::-1], "--batch-size", "4", "--out", "b.jsonl")
    lines = Path("a.jsonl").read_text().splitlines()
    assert len(lines) == 6
    assert lines == Path("b.jsonl").read_text().splitlines()[::-1]


def test_compare_is_the_run_without_afd(kit: Path, photos: Path) -> None:
    result = afd(kit, "photos", "--compare", "--topk", "2", "--out", "both.csv")
    afd(kit, "photos", "--topk", "2", "--out", "on.csv")
    afd(kit, "photos", "--afd", "off", "--topk", "2", "--out", "off.csv")
    both, on, off = (table(Path(f"{name}.csv")) for name in ("both", "on", "off"))
    for column in ("label", "index", "prob", "label_2", "index_2", "prob_2"):
        for mine, theirs in ((both[column], on[column]), (both[f"direct_{column}"], off[column])):
            if "prob" in column:
                assert (mine - theirs).abs().max() < 1e-5
            else:
                assert mine.equals(theirs)
    assert (on["prob"] - off["prob"]).abs().max() > 1e-4
    assert off["drift"].isna().all()
    assert "changed by AFD" in result.stdout


def test_labels_from_folders(kit: Path, photos: Path) -> None:
    (photos / "unicorn").mkdir()
    (photos / "unicorn" / "x.jpg").write_bytes(jpeg(50))
    result = afd(kit, "photos", "--labels", "folders", "--compare")
    rows = table()
    assert list(rows.columns) == Columns(labels=True, compare=True).names
    wanted = rows["path"].str.split("/").str[0].map({"red": 0.0, "Stop_Sign": 3.0})
    assert rows["target"].equals(wanted.rename("target"))
    assert set(rows["target_label"].dropna()) == {"red", "stop sign"}
    known = rows[(rows["status"] == "ok") & rows["target"].notna()]
    assert (known["correct"] == (known["index"] == known["target"])).all()
    assert (known["direct_correct"] == (known["direct_index"] == known["target"])).all()
    assert rows[~rows.index.isin(known.index)]["correct"].isna().all()
    assert "top-1 with AFD" in result.stdout
    assert "1 with a label that is not a class" in " ".join(result.stdout.split())
    counts = json.loads(Path("results.csv.meta.json").read_text())["counts"]
    assert counts["labelled"] == len(known)
    assert counts["correct"] == known["correct"].sum()
    assert counts["direct_correct"] == known["direct_correct"].sum()


def test_labels_from_a_file(kit: Path, photos: Path) -> None:
    Path("truth.csv").write_text("file,class_index\nred/01.jpg,0\n03.jpg,2\nred/07.jpg,77\n")
    result = afd(kit, "photos", "--labels", "truth.csv")
    targets = table().set_index("path")["target"].dropna()
    assert dict(targets) == {"red/01.jpg": 0.0, "red/03.jpg": 2.0}
    assert "1 with a label that is not a class" in " ".join(result.stdout.split())


@pytest.mark.parametrize("labels", ["folders", "truth.csv"])
def test_labels_that_fit_nothing_are_refused(kit: Path, here: Path, labels: str) -> None:
    (here / "x").mkdir()
    (here / "x" / "a.jpg").write_bytes(jpeg(1))
    (here / "truth.csv").write_text("file,label\nb.jpg,red\n")
    result = afd(kit, "x", "--labels", labels)
    assert result.exit_code == 2
    assert f"--labels {labels}" in result.stderr
    assert result.stderr.removeprefix(LOADING).count("\n") == 1
    assert not Path("results.csv").exists()


def test_formats_agree(kit: Path, photos: Path) -> None:
    (photos / "=1+1.jpg").write_bytes(jpeg(30))
    for ending in ("csv", "jsonl", "parquet"):
        assert afd(kit, "photos", "--out", f"out/r.{ending}", "--compare").exit_code == 1
    csv_rows = table(Path("out/r.csv"))
    jsonl = pd.DataFrame(map(json.loads, Path("out/r.jsonl").read_text().splitlines()))
    parquet = pd.read_parquet("out/r.parquet")
    assert csv_rows["path"][0] == "'=1+1.jpg"
    assert jsonl["path"][0] == parquet["path"][0] == "=1+1.jpg"
    assert list(jsonl["path"]) == list(parquet["path"])
    for column in ("prob", "direct_prob", "index", "drift", "quality"):
        for other in (jsonl, parquet):
            np.testing.assert_array_equal(csv_rows[column], other[column].astype(float))


def test_a_list_on_standard_input(kit: Path, photos: Path) -> None:
    listed = "photos/red/03.jpg\n\nphotos/gone.jpg\r\nphotos/Stop_Sign/02.jpg\n" + "x" * 5000
    result = afd(kit, "-", stdin=listed)
    assert result.exit_code == 1, result.output
    rows = table()
    assert list(rows["path"]) == [*listed.split()[:3], "x" * 5000]
    assert list(rows["status"]) == ["ok", "failed", "ok", "failed"]
    assert rows["error"][1] == rows["error"][3] == "unreadable"


def test_quiet_prints_nothing(kit: Path, photos: Path) -> None:
    result = afd(kit, "photos", "--quiet")
    assert (result.stdout, result.stderr, result.exit_code) == ("", "", 1)
    assert len(table()) == 14


@pytest.mark.parametrize("columns", [80, 140])
def test_the_table_fits(
    kit: Path, photos: Path, monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    result = afd(kit, "photos", "--labels", "folders", "--compare", "--out", "some/longer/r.csv")
    lines = result.stdout.splitlines()
    assert max(map(len, lines)) <= columns
    text = " ".join(" ".join(lines).replace("│", " ").split())
    assert "14: 11 classified, 3 failed (not-an-image 2, unreadable 1)" in text
    assert "on: module.safetensors, in front of the classifier" in text
    assert "some/longer/r.csv" in text


def test_topk_beyond_the_classes(kit: Path, photos: Path) -> None:
    assert afd(kit, photos / "Stop_Sign", "--topk", "50").exit_code == 0
    rows = table()
    assert list(rows.columns) == Columns(topk=5).names
    probs = rows[["prob", "prob_2", "prob_3", "prob_4", "prob_5"]]
    assert (probs.sum(axis=1) - 1).abs().max() < 1e-5
    assert (probs.diff(axis=1).iloc[:, 1:] <= 0).all(axis=None)


def test_nothing_to_do_is_one_line_and_exit_2(kit: Path, here: Path) -> None:
    (here / "empty").mkdir()
    (here / "a.jpg").write_bytes(jpeg(1))
    for args, words in [
        (["empty"], "no images in empty"),
        (["gone"], "gone: no such file or folder"),
        (["a.jpg", "--out", "r.txt"], "must end in .csv, .jsonl, .parquet"),
        (["a.jpg", "--afd", "off", "--compare"], "--compare"),
        (["a.jpg", "--device", "tpu"], "--device tpu"),
        (["a.jpg", "--afd", "no.safetensors"], "no.safetensors"),
    ]:
        result = afd(kit, *args)
        assert result.exit_code == 2, args
        assert words in result.stderr
        assert result.stderr.removeprefix(LOADING).count("\n") == 1
        assert result.stdout == ""
    assert afd(kit, "-", stdin="\n").exit_code == 2
    assert not list(here.glob("*r*.csv*"))


def test_all_failed_is_exit_2_with_results(kit: Path, here: Path) -> None:
    (here / "a.jpg").write_bytes(b"")
    result = afd(kit, "a.jpg")
    assert result.exit_code == 2
    message = "afd: nothing was classified: the only image failed (not-an-image 1); see results.csv"
    assert result.stderr == f"{LOADING}{message}\n"
    assert list(table()["error"]) == ["not-an-image"]
    (here / "b.jpg").write_bytes(jpeg(1)[:300])
    result = afd(kit, "a.jpg", "b.jpg", "--quiet", "--debug", "--strict")
    assert result.exit_code == 2
    assert "all 2 images failed (not-an-image 1, truncated 1)" in result.stderr
    assert "Traceback" not in result.stderr


def test_metadata(kit: Path, photos: Path) -> None:
    afd(kit, "photos", "--out", "r.jsonl", "--compare")
    meta = json.loads(Path("r.jsonl.meta.json").read_text())
    assert meta["status"] == "finished"
    assert meta["started"] <= meta["ended"]
    assert meta["backbone"]["name"] == "tiny_test_net"
    assert meta["backbone"]["classes"] == 5
    assert meta["afd"]["plug"] == "input"
    assert len(meta["afd"]["sha256"]) == 64
    assert meta["versions"]["torch"] == torch.__version__.split("+")[0]
    assert {"afd", "python", "timm"} <= set(meta["versions"])
    assert meta["options"]["compare"] is True
    assert meta["columns"] == Columns(compare=True).names
    assert meta["counts"]["rows"] == 14
    assert meta["counts"]["failed"] == {"not-an-image": 2, "unreadable": 1}
    assert meta["command"].split()[0] == "afd"
    afd(kit, "photos", "--afd", "off", "--out", "off.csv")
    off = json.loads(Path("off.csv.meta.json").read_text())
    assert off["afd"] is None
    assert "--afd off" in off["afd_note"]


def test_pixel_limit(kit: Path, photos: Path) -> None:
    assert afd(kit, photos / "red" / "01.jpg", "--max-pixels", "5000").exit_code == 2
    assert list(table()["error"]) == ["too-large"]


def test_the_count_runs_beside(photos: Path) -> None:
    inputs = Inputs([photos, photos / "red" / "01.jpg"])
    with inputs.counter() as counter:
        assert len(list(inputs)) == 15
        counter._thread.join()
        assert counter.total == 15
    with Inputs(["-"], stdin=[b"x.jpg\n"]).counter() as counter:
        assert counter.total is None
