"""The Python API gives the rows of `afd classify`."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from kit import classify as kit_classify
from kit.classify import afd, options, table
from PIL import Image

from afdcli import Classifier
from afdcli.classify.options import UNSUPPORTED, Options
from afdcli.classify.settings import Settings
from afdcli.errors import UsageError


@pytest.fixture
def classifier(kit: Path) -> Classifier:
    return kit_classify.classifier(kit)


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


def test_every_option_of_the_command_is_one_of_the_classifier_or_is_not() -> None:
    """A new field of `Settings` belongs into `Options` or `UNSUPPORTED` of classify/options.py."""
    known = {"backbone", *UNSUPPORTED, *Options.__annotations__}
    assert known == {field.name for field in fields(Settings)}


def test_one_import_and_paths_as_text(kit: Path, photos: Path, classifier: Classifier) -> None:
    files = sorted(photos.rglob("*.jpg"))[:1]
    more = options(kit) | {"imports": kit / "tiny_models.py"}
    more |= {"class_names": str(more["class_names"]), "afd": Path(more["afd"])}
    assert Classifier("tiny_test_net", **more)(files) == classifier(files)


def test_a_string_is_one_picture(photos: Path, classifier: Classifier) -> None:
    path = photos / "red" / "01.jpg"
    expected = classifier([path])
    assert len(expected) == 1
    assert classifier(path) == classifier(str(path)) == expected
    assert classifier(path.read_bytes(), [str(path)]) == expected
    assert classifier(iter([path])) == expected
    assert len(classifier.frame(str(path))) == 1
    assert [row["error"] for row in classifier("nowhere.jpg")] == ["unreadable"]


def test_arrays_and_pil_images_are_pictures(photos: Path, classifier: Classifier) -> None:
    image = Image.open(photos / "red" / "01.jpg")
    pixels = np.asarray(image)
    rgb, grey = classifier(pixels)[0], classifier(pixels[..., 0])[0]
    assert (rgb["status"], rgb["codec"], rgb["width"], rgb["height"]) == ("ok", "", 96, 72)
    mixed = [
        *(photos / "red" / "01.jpg", pixels, image, image.convert("CMYK"), image.convert("P")),
        *(pixels[..., 0], pixels[..., :1], image.getchannel(0), pixels[::-1, ::-1]),
        *(pixels / 255, pixels[0, 0], pixels[:0], None, 7, Image.new("RGB", (0, 5)), b""),
    ]
    rows = classifier(mixed, ["0"] * len(mixed))
    assert [row["status"] for row in rows] == ["ok"] * 9 + ["failed"] * 7
    assert rows[1] == rows[2] == {**rgb, "path": "0"}
    assert rows[5] == rows[6] == rows[7] == {**grey, "path": "0"}
    assert "shape (72, 96, 3) and dtype float64" in str(rows[9]["note"])
    assert len(classifier(np.stack([pixels] * 3))) == 3


def test_it_goes_on_after_an_interrupted_call(photos: Path, classifier: Classifier) -> None:
    files = sorted(photos.rglob("*.jpg"))
    expected = classifier(files)

    def interrupted() -> Iterator[Path]:
        yield from files[:5]
        raise KeyboardInterrupt

    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            classifier(interrupted())
        assert classifier(files) == expected
    with pytest.raises(ValueError, match="2 names"):
        classifier(files, ["a", "b"])
    assert classifier(files) == expected


def test_two_threads_get_their_own_rows(photos: Path, classifier: Classifier) -> None:
    files = sorted(photos.rglob("*.jpg"))
    expected = {True: classifier(files), False: classifier(files[::-1])}
    with ThreadPoolExecutor(2) as pool:
        orders = [True, False] * 4
        rows = pool.map(lambda order: classifier(files if order else files[::-1]), orders)
        for order, found in zip(orders, rows, strict=True):
            assert found == expected[order]


def test_it_needs_no_place_for_results(kit: Path, photos: Path) -> None:
    """It writes none, so a folder of the default name is none of its business."""
    Path("results.csv").mkdir()
    classifier = kit_classify.classifier(kit)
    assert len(classifier(photos / "red" / "01.jpg")) == 1
