"""The figure of `afd inspect`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from kit.inspecting import afd, facts_and_photo, facts_of, loaded, saved
from kit.pictures import encoded, scene
from matplotlib.colors import Normalize
from PIL import Image

from afdcli.codec.read import read_photo
from afdcli.inspect.axes import COLOURS, one_line, overlay
from afdcli.inspect.figure import draw, make_figure
from afdcli.inspect.maps import MapScale, draw_map
from afdcli.inspect.patch import choose_patch
from afdcli.inspect.predict import TOP, Drift, Inspection, predict
from afdcli.view.orientation import turn


def lit(inspection: Inspection, row: int, col: int, cells: int = 8) -> Inspection:
    """*inspection* with drift in one cell only."""
    angles = np.zeros((cells, cells), np.float32)
    angles[row, col] = 40
    return replace(inspection, drift=Drift(angles, (64, 64), None))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_patch_lies_under_the_largest_drift(kit: Path, orientation: int) -> None:
    backbone, _ = loaded(kit)
    photo = replace(saved(30), orientation=orientation)
    inspection = lit(predict(photo, backbone, None), 1, 6)
    patch = choose_patch(photo, inspection)
    top, left, bottom, right = patch.stored
    assert top % 8 == left % 8 == 0
    assert (bottom - top, right - left) == (48, 48)
    upright = turn(orientation).pixels(photo.pixels)
    cut = turn(orientation).pixels(photo.pixels[top:bottom, left:right])
    top, left, bottom, right = patch.upright
    assert np.array_equal(upright[top:bottom, left:right], cut)
    frame = inspection.framing
    y, x = (
        (place + origin) / scale
        for place, origin, scale in zip((12, 52), frame.origin, frame.scale, strict=True)
    )
    assert top <= y <= bottom and left <= x <= right


@pytest.mark.parametrize(("row", "col"), [(0, 0), (2, 5), (7, 3)])
def test_heat_lies_over_its_place(row: int, col: int) -> None:
    angles = np.zeros((8, 8), np.float32)
    angles[row, col] = 40
    grey = np.full((64, 64, 3), 128, np.uint8)
    brightness = np.asarray(overlay(grey, angles, (64, 64), Normalize(0, 40))).astype(float).sum(2)
    y, x = np.nonzero(brightness > brightness.max() - 1)
    assert (y.mean() // 8, x.mean() // 8) == (row, col)


def test_heat_of_a_view_that_cuts_its_last_cells() -> None:
    angles = np.zeros((8, 8), np.float32)
    angles[7, 7] = 40
    image = overlay(np.full((60, 60, 3), 128, np.uint8), angles, (64, 64), Normalize(0, 40))
    assert image.size == (60, 60)
    brightness = np.asarray(image).astype(float).sum(axis=2)
    # The middle of the last cell is view pixel 60 of 60: the heat rises up to the very edge.
    assert np.unravel_index(brightness.argmax(), brightness.shape) == (59, 59)


def test_colours_rise_evenly() -> None:
    lightness = COLOURS(np.linspace(0, 1, 65))[:, :3] @ np.array([0.2126, 0.7152, 0.0722])
    assert (np.diff(lightness) > 0).all()


def test_letters_that_the_font_lacks() -> None:
    assert one_line("parapluie-été 3 × 4° 漢\x1b…", 40) == "parapluie-été 3 × 4° \ufffd\ufffd…"
    assert one_line("abcdef", 4) == "abc…"


@pytest.mark.parametrize("with_module", [True, False])
@pytest.mark.parametrize("format", ["JPEG", "AVIF"])
def test_figure_shows_everything(kit: Path, tmp_path: Path, format: str, with_module: bool) -> None:
    backbone, module = loaded(kit)
    path = tmp_path / "a $x$ _b_.img"
    facts, photo = facts_and_photo(encoded(Image.fromarray(scene(96, 128)), format), path)
    inspection = predict(photo, backbone, module if with_module else None)
    figure = make_figure(facts, inspection)
    titles = [ax.get_title(loc="left") for ax in figure.axes]
    assert len(set(titles) - {""}) == 11, titles
    svg = draw(facts, inspection, "svg").decode()
    words = ["a $x$ _b_.img", "Classifier input", "64 x 64 pixels", "without AFD"]
    words += [top.label for top in inspection.direct[:TOP]]
    words += [f"{100 * top.prob:.1f} %" for top in inspection.direct[:TOP]]
    if with_module:
        assert inspection.drift is not None and inspection.drift.fdm is not None
        words += ["with AFD", f"largest {inspection.drift.angles.max():.1f}°"]
        words += ["0 not at all, 1 fully", "colours: percentile 2 to 98 of the cells"]
        words += [f"{100 * top.prob:.1f} %" for top in inspection.restored[:TOP]]
    else:
        words += ["not known without an"]
    if format == "JPEG":
        words += ["Quantisation steps, luma (Y)", "steps, chroma (Cb, Cr)", "16x16 chroma block"]
    else:
        words += ["quantisation: AV1 chooses"]
    for word in words:
        assert word in svg, word
    assert ("with AFD" in svg) == with_module


@pytest.mark.parametrize("orientation", range(1, 9))
def test_block_edges_are_those_of_the_stored_picture(
    kit: Path, tmp_path: Path, orientation: int
) -> None:
    """A JPEG whose blocks have one colour each: every edge on the figure is an edge of colour."""
    backbone, _ = loaded(kit)
    colours = np.random.default_rng(0).integers(0, 256, (15, 19, 3), dtype=np.uint8)
    pixels = colours.repeat(8, 0).repeat(8, 1)[:117, :149]
    data = encoded(pixels, quality=95, subsampling="4:4:4")
    photo = replace(read_photo(data), orientation=orientation)
    inspection = lit(predict(photo, backbone, None), 7, 7)
    figure = make_figure(replace(facts_of(data, tmp_path / "a.jpg"), photo=photo), inspection)
    ax = next(ax for ax in figure.axes if ax.get_title(loc="left").startswith("Blocks"))
    upright = turn(orientation).pixels(photo.pixels).astype(int)
    horizontal, vertical = (c for c in ax.collections[:2])
    ys = [int(path.vertices[0, 1]) for path in horizontal.get_paths()]
    xs = [int(path.vertices[0, 0]) for path in vertical.get_paths()]
    assert len(ys) >= 5 and len(xs) >= 5
    steps_y = np.abs(np.diff(upright, axis=0)).mean((1, 2))
    steps_x = np.abs(np.diff(upright, axis=1)).mean((0, 2))
    assert min(steps_y[y - 1] for y in ys) > 20
    assert min(steps_x[x - 1] for x in xs) > 20


def test_fdm_as_a_picture(kit: Path, tmp_path: Path) -> None:
    backbone, module = loaded(kit)
    inspection = predict(saved(20), backbone, module)
    assert inspection.drift is not None
    scale = MapScale.of([inspection.drift])
    image = draw_map(inspection, scale)
    assert image is not None and image.size == (64, 64)
    assert draw_map(replace(inspection, drift=None), scale) is None
    gateless = replace(inspection, drift=replace(inspection.drift, fdm=None))
    assert gateless.drift is not None
    assert MapScale.of([gateless.drift]).unit == "°"
    assert draw_map(gateless, MapScale.of([gateless.drift])) is not None
    make_figure(facts_of(encoded(scene(64, 64)), tmp_path / "x.jpg"), gateless)


def test_colours_of_an_fdm_span_its_values_without_extremes(kit: Path) -> None:
    """Gates of a real module lie between 0.06 and 0.11; on a scale of 0 to 1 nothing is seen."""
    cells = np.linspace(0.06, 0.11, 64, dtype=np.float32).reshape(8, 8)
    cells[0, 0] = 0.9
    inspection = predict(saved(20), *loaded(kit))
    drift = Drift(np.zeros((8, 8), np.float32), (64, 64), cells)
    scale = MapScale.of([drift])
    assert 0.06 < scale.low < 0.065
    assert 0.105 < scale.high <= 0.11
    assert scale.gradient[0] == "#440154"
    assert scale.gradient[-1] == "#fde725"
    image = draw_map(replace(inspection, drift=drift), scale)
    assert np.ptp(np.asarray(image).reshape(-1, 3), axis=0).max() > 100
    flat = replace(drift, fdm=np.full((8, 8), 0.2, np.float32))
    assert MapScale.of([flat]).high > MapScale.of([flat]).low
    assert MapScale.of([drift, flat]).high == pytest.approx(0.2)  # one scale for both


@pytest.mark.parametrize(("ending", "start"), [("svg", b"<?xml"), ("PDF", b"%PDF")])
def test_vector_figures_are_the_same_each_time(
    kit: Path, here: Path, ending: str, start: bytes
) -> None:
    Path("photo.jpg").write_bytes(encoded(scene(64, 96), quality=30))
    files = []
    for name in (f"a.{ending}", f"b.{ending}"):
        result = afd(kit, "photo.jpg", "--out", name)
        assert result.exit_code == 0, result.output
        files.append(Path(name).read_bytes())
    assert files[0] == files[1]
    assert files[0].startswith(start)
