"""Pictures and maps on the page of ``afd report --html``."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from kit.html_page import changed_pictures, page
from kit.profiles import ADOBE_RGB, rgb_profile
from kit.reporting import report
from kit.results import row, write
from PIL import Image
from rich.console import Console

from afdcli.cli import live
from afdcli.constants import WORDS
from afdcli.models.shipped import DEFAULT, sha256, verified
from afdcli.report.html.images import find
from afdcli.results.metadata import metadata_path


def test_pictures_that_changed_are_shown_both_ways(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed_pictures(tmp_path)
    shown: list[tuple[int, int]] = []  # by the progress bar

    @contextmanager
    def counting(screen: Console, what: str) -> Iterator[Callable[[int, int], None]]:
        yield lambda done, total: shown.append((done, total))

    monkeypatch.setattr(live, "counting", counting)
    got = page("r.csv", "--photos", "photos")
    assert shown == [(n, len(shown)) for n in range(1, len(shown) + 1)]
    assert len(shown) >= 4
    images = got.all("img")
    assert sorted(a["alt"] for a in images) == ["0<b>.jpg", "1<b>.jpg", "2<b>.jpg", "3.jpg"]
    for image in images:
        data = base64.b64decode(image["src"].removeprefix("data:image/jpeg;base64,"))
        assert max(Image.open(io.BytesIO(data)).size) == 240
    kinds = [t for (_, a, text) in got.found if a.get("class", "").startswith("kind")
             for t in ["".join(text).strip()]]  # fmt: skip
    assert kinds[0] == "right → wrong"
    assert kinds.count("wrong → right") == 3
    assert "Shown: 4 of 7" in got.source


def test_page_without_photos_says_so(tmp_path: Path) -> None:
    changed_pictures(tmp_path)
    (tmp_path / "empty").mkdir()
    assert "--photos DIR" in page("r.csv").source
    got = page("r.csv", "--photos", "empty")
    assert "None of them could be read from empty" in got.source
    assert not got.all("img")


def shipped(digest: str = "") -> dict[str, object]:
    """Metadata of a run of the classifier and module that ship with afd."""
    name = f"{DEFAULT}.stem.safetensors"
    digest = digest or sha256(verified(name))
    return {"options": {"backbone": DEFAULT, "afd": "auto"}, "afd": {"sha256": digest}}


def test_maps_are_shown_below_the_pictures(tmp_path: Path) -> None:
    changed_pictures(tmp_path)
    metadata_path(Path("r.csv")).write_text(json.dumps(shipped()))
    got = page("r.csv", "--photos", "photos", "--maps")
    names = [a["alt"] for a in got.all("img")]
    assert len(names) == 8
    assert names[1::2] == [f"map of {name}" for name in names[::2]]
    assert WORDS["FDM"] in got.source
    assert "linear-gradient(to right, #440154" in got.source  # the legend


@pytest.mark.parametrize("option", [{"near": "resize"}, {"icc": False}])
def test_maps_show_the_view_of_the_run(tmp_path: Path, option: dict[str, object]) -> None:
    """A picture near the classifier's size, with a wide colour profile."""
    (tmp_path / "photos").mkdir()
    pixels = np.random.default_rng(1).integers(0, 255, (238, 238, 3), np.uint8)
    profile = rgb_profile("Adobe RGB (1998)", ADOBE_RGB)
    Image.fromarray(pixels).save(tmp_path / "photos" / "a.jpg", quality=20, icc_profile=profile)
    write("r.csv", [row("a.jpg", "cat", "dog", "cat")])
    maps = []
    for options in ({}, option):
        metadata = shipped()
        metadata["options"] = {"backbone": DEFAULT, "afd": "auto", "near": "crop", **options}
        metadata_path(Path("r.csv")).write_text(json.dumps(metadata))
        got = page("r.csv", "--photos", "photos", "--maps")
        maps.append(got.all("img")[1]["src"])
    assert maps[0] != maps[1]


def test_maps_of_another_module_are_refused(tmp_path: Path) -> None:
    changed_pictures(tmp_path)
    for metadata, message in (
        ({}, "do not name its module"),
        (shipped("0" * 64), "is missing or has changed"),
    ):
        metadata_path(Path("r.csv")).write_text(json.dumps(metadata))
        result = report("r.csv", "--html", "x.html", "--photos", "photos", "--maps")
        assert result.exit_code == 2
        assert message in result.stderr
        assert not Path("x.html").exists()


def test_names_do_not_lead_out_of_the_folder(tmp_path: Path) -> None:
    inside = tmp_path / "in"
    (inside / "a").mkdir(parents=True)
    for path in (inside / "a" / "b.jpg", tmp_path / "out.jpg", tmp_path / "in2.jpg"):
        path.touch()
    assert find(inside, "a/b.jpg") == inside / "a" / "b.jpg"
    assert find(inside, str(inside / "a" / "b.jpg")) == inside / "a" / "b.jpg"
    for name in ("../out.jpg", "a/../../out.jpg", str(tmp_path / "out.jpg"), "../in2.jpg",
                 "a", "a/none.jpg", "a\0b", ""):  # fmt: skip
        assert find(inside, name) is None, name
