"""The Python API gives the rows of `afd classify`."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from kit.classify import afd, table

from afdcli import Classifier, read_results
from afdcli.errors import UsageError


@pytest.fixture
def classifier(kit: Path) -> Classifier:
    return Classifier("tiny_test_net", **options(kit))


def options(kit: Path) -> dict[str, Any]:
    return {
        "imports": (str(kit / "tiny_models.py"),),
        "class_names": kit / "names.txt",
        "afd": str(kit / "module.safetensors"),
        "runtime": "torch",
    }


def test_the_rows_are_those_of_the_command(kit: Path, photos: Path, classifier: Classifier) -> None:
    afd(kit, photos)
    expected = table()
    paths = [photos / name for name in expected["path"]]
    by_path = classifier.frame(paths, expected["path"].tolist())
    by_path.to_csv("api.csv", index=False)
    pd.testing.assert_frame_equal(table(Path("api.csv")), expected)
    there = [path for path in paths if path.is_file()]
    contents = classifier([path.read_bytes() for path in there], [str(p) for p in there])
    direct = classifier(there)
    assert contents == direct
    assert [row["path"] for row in classifier([b"", b"x"])] == ["0", "1"]


def test_it_pickles(kit: Path, photos: Path, classifier: Classifier) -> None:
    files = sorted(photos.rglob("*.jpg"))[:3]
    before = classifier(files)
    copy = pickle.loads(pickle.dumps(classifier))
    assert copy(files) == before
    assert len(pickle.dumps(classifier)) < 4096


def test_unknown_options_are_refused() -> None:
    with pytest.raises(UsageError, match="no option labels; it has afd, batch_size"):
        Classifier(labels="folders")


def test_results_come_back_as_they_were(kit: Path, photos: Path) -> None:
    afd(kit, photos)
    rows = read_results("results.csv")
    assert rows["path"].tolist() == table()["path"].tolist()
    assert rows["prob"].notna().sum() == (rows["status"] != "failed").sum()
