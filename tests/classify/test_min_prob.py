"""`--min-prob`: the label stays, and a column says that it is unsure."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from kit.classify import CLASSES, afd, classifier, jpeg, table
from kit.command import afd as command

from afdcli import Classifier, read_results
from afdcli.errors import UsageError


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
def test_unsure_rows_keep_their_label(kit: Path, photos: Path, ending: str) -> None:
    out = Path(f"r{ending}")
    afd(kit, "photos", "--out", "plain.csv")
    plain = read_results("plain.csv")
    middle = float(plain["prob"].median())
    result = afd(kit, "photos", "--out", out, "--min-prob", str(middle), "--compare")
    rows = read_results(out)
    pd.testing.assert_frame_equal(rows[["path", "label", "prob"]], plain[["path", "label", "prob"]])
    expected = (rows["prob"] < middle).astype(float).where(rows["status"] != "failed")
    pd.testing.assert_series_equal(rows["unsure"], expected, check_names=False)
    count = int(expected.sum())
    assert 0 < count < len(rows)
    assert json.loads(Path(f"{out}.meta.json").read_text())["counts"]["unsure"] == count
    assert f"{count} images" in " ".join(result.stdout.split())
    assert f", {count} unsure" in command("report", out).stdout
    assert f"unsure,14,14,{count}" in command("report", out, "--format", "csv").stdout
    if ending == ".parquet":
        assert str(pd.read_parquet(out)["unsure"].dropna().map(type).iloc[0]) == "<class 'bool'>"
    else:
        assert set(table(out)["unsure"].dropna()) == {0, 1}


def test_a_resumed_run_marks_the_same_rows(kit: Path, photos: Path) -> None:
    options = ("photos", "--min-prob", "0.3", "--batch-size", "4")
    afd(kit, *options)
    whole = Path("results.csv").read_bytes()
    Path("results.csv").write_bytes(whole[:700])
    assert afd(kit, *options, "--resume").exit_code == 1
    assert Path("results.csv").read_bytes() == whole
    result = afd(kit, "photos", "--min-prob", "0.4", "--resume")
    assert result.exit_code == 2
    assert "--min_prob 0.3, this run has 0.4" in result.stderr


def test_no_probability(kit: Path, photos: Path) -> None:
    for value in ("1.5", "nan"):
        assert afd(kit, "photos", "--min-prob", value).exit_code == 2
    with pytest.raises(UsageError, match="from 0 to 1"):
        Classifier(min_prob=2.0)


def test_in_python(kit: Path, tmp_path: Path) -> None:
    frame = classifier(kit, min_prob=1.0).frame([jpeg(1), b""])
    assert frame["unsure"].dtype == "boolean"
    assert frame["unsure"].tolist() == [True, pd.NA]
    assert frame["label"][0] in CLASSES
