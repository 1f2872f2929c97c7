"""`afd inspect`: facts of a file, hint of an earlier save, screen and picture."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from kit import command, small_models
from kit.pictures import encoded, scene, without_middle
from matplotlib.colors import Normalize
from PIL import Image
from safetensors.torch import save_file
from typer.testing import Result

from afdcli.codec import read_photo
from afdcli.codec.jpeg_quality import chroma_quality, standard_tables
from afdcli.codec.photo import Photo
from afdcli.core import weights_file
from afdcli.inspect.axes import COLOURS, one_line, overlay
from afdcli.inspect.facts import FileFacts, find_facts, spectrum
from afdcli.inspect.figure import draw, make_figure
from afdcli.inspect.maps import MapScale, draw_map
from afdcli.inspect.patch import choose_patch
from afdcli.inspect.predict import TOP, Drift, Inspection, framing, predict
from afdcli.models.afd_classifier import AFDClassifier
from afdcli.models.afd_file import LoadedModule, find_module
from afdcli.models.loader import Backbone
from afdcli.view.geometry import geometry
from afdcli.view.orientation import turn
from afdcli.view.spec import ViewSpec

NAMES = ("red", "green", "blue", "stop sign", "grey")


@pytest.fixture(scope="module")
def kit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a small classifier of random weights, and a module that changes something."""
    from afdcli.models.imports import import_source

    folder = tmp_path_factory.mktemp("kit")
    (folder / "inspect_models.py").write_text(
        small_models.source("inspect_test_net", crop_pct=0.875)
    )
    import_source(str(folder / "inspect_models.py"))
    torch.manual_seed(0)
    net = timm.create_model("inspect_test_net")
    save_file(net.state_dict(), folder / "net.safetensors", {"class_names": json.dumps(NAMES)})
    broken = {name: value * torch.nan for name, value in net.state_dict().items() if "fc" in name}
    save_file(net.state_dict() | broken, folder / "nan.safetensors")
    weights_file.save(
        small_models.module(), folder / "module.safetensors", {"plug": "input", "where": ""}
    )
    return folder


def afd(kit: Path, *args: str | Path, width: int = 140) -> Result:
    """Run ``afd inspect`` with the test's classifier and module."""
    words = [str(arg) for arg in args]
    if "--checkpoint" not in words:
        words += ["--checkpoint", str(kit / "net.safetensors")]
    if "--afd" not in words:
        words += ["--afd", str(kit / "module.safetensors")]
    words += ["--backbone", "inspect_test_net", "--import", str(kit / "inspect_models.py")]
    return command.afd("inspect", *words, columns=width)


def saved(*qualities: int, seed: int = 0) -> Photo:
    """A drawn photo, saved as JPEG once or more often."""
    pixels = scene(240, 320, seed)
    for quality in qualities:
        data = encoded(pixels, quality=quality)
        pixels = np.asarray(Image.open(io.BytesIO(data)))
    return read_photo(data)


def facts_of(data: bytes, path: Path) -> FileFacts:
    path.write_bytes(data)
    return find_facts(path, read_photo(data))


# --- facts -------------------------------------------------------------------------------------


def test_facts_of_a_jpeg(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encoded(scene(100, 140), quality=30, progressive=True, subsampling="4:2:2", exif=exif)
    facts = facts_of(data, tmp_path / "a.jpg")
    assert (facts.codec, facts.process, facts.subsampling) == ("jpeg", "progressive", "4:2:2")
    assert (facts.stored, facts.upright, facts.orientation) == ((140, 100), (100, 140), 6)
    assert (facts.quality, facts.luma_quality, facts.chroma_quality) == (30, 30, 30)
    assert (facts.size, facts.bits_per_pixel) == (len(data), 8 * len(data) / 14000)
    assert [table.name for table in facts.tables] == ["Y", "Cb, Cr"]
    for table, standard in zip(facts.tables, standard_tables(30), strict=True):
        assert np.array_equal(table.steps, standard)
    levels = read_photo(data).coefficients.planes[0].levels.reshape(-1, 64)
    assert facts.zeros[0] == pytest.approx((levels[:, 1:] == 0).mean())
    assert facts.zeros[1] is not None and facts.zeros[1] > facts.zeros[0]
    assert facts.exact and facts.unknown == ()


def test_facts_of_a_grey_jpeg(tmp_path: Path) -> None:
    facts = facts_of(encoded(scene(64, 64)[:, :, 0], quality=50), tmp_path / "grey.jpg")
    assert [table.name for table in facts.tables] == ["Y"]
    assert (facts.luma_quality, facts.chroma_quality, facts.zeros[1]) == (50, None, None)


def test_tables_are_told_even_where_coefficients_are_not(tmp_path: Path) -> None:
    cmyk = Image.fromarray(scene(64, 64)).convert("CMYK")
    facts = facts_of(encoded(cmyk, quality=40), tmp_path / "cmyk.jpg")
    assert not facts.exact and facts.zeros == (None, None)
    assert np.array_equal(facts.tables[0].steps, standard_tables(40)[0])
    assert "CMYK" in facts.notes[0]


def test_luma_and_chroma_quality_apart(tmp_path: Path) -> None:
    tables = {
        0: standard_tables(80)[0].ravel().tolist(),
        1: standard_tables(20)[1].ravel().tolist(),
    }
    data = encoded(scene(64, 64), qtables=tables)
    photo = read_photo(data)
    assert np.array_equal(photo.coefficients.planes[1].steps, standard_tables(20)[1])
    facts = facts_of(data, tmp_path / "mixed.jpg")
    assert (facts.luma_quality, facts.chroma_quality) == (80, 20)


def test_chroma_quality() -> None:
    # Below 4 all steps are 255, the most that 8 bits hold.
    for quality in range(4, 101):
        assert chroma_quality(standard_tables(quality)[1]) == quality
    assert chroma_quality(np.full((8, 8), 255)) == 3
    assert chroma_quality(standard_tables(50)[1] + 1) == pytest.approx(50, abs=2)


@pytest.mark.parametrize("format", ["PNG", "BMP", "TIFF", "GIF", "WEBP", "AVIF"])
def test_other_codecs_say_what_is_not_known(format: str, tmp_path: Path) -> None:
    facts = facts_of(encoded(Image.fromarray(scene(48, 64)), format), tmp_path / "x")
    assert facts.codec == format.lower()
    assert (facts.quality, facts.tables, facts.exact) == (None, (), False)
    assert facts.zeros == (None, None)
    assert facts.unknown
    assert facts.spectrum.bands is not None


def test_energy_of_one_cosine() -> None:
    wave = np.cos((2 * np.arange(8) + 1) * np.pi / 16)
    row = np.rint(128 + 100 * np.tile(wave, 5)).astype(np.uint8)
    found = spectrum(
        Photo.from_pixels(np.repeat(np.tile(row, (24, 1))[:, :, None], 3, axis=2), "png")
    )
    expected = np.zeros((8, 8))
    expected[0, 1] = 100 * 4 * np.sqrt(2)  # amplitude x 8 rows x sum of squares / norms
    assert np.abs(found.rms - expected).max() < 4  # 8 pixels, each rounded by at most a half
    assert found.bands is not None
    assert found.bands[0] > 0.999
    assert sum(found.bands) == pytest.approx(1)


def test_energy_of_nothing() -> None:
    flat = spectrum(Photo.from_pixels(np.full((20, 20, 3), 128, np.uint8), "png"))
    assert flat.bands is None
    assert np.abs(flat.rms).max() < 1e-3


def test_energy_does_not_depend_on_the_strips(monkeypatch: pytest.MonkeyPatch) -> None:
    own, pixels = saved(40), Photo.from_pixels(scene(100, 90), "png")
    whole = [spectrum(photo).rms for photo in (own, pixels)]
    monkeypatch.setattr("afdcli.inspect.facts._STRIP", 1)
    for photo, expected in zip((own, pixels), whole, strict=True):
        assert np.allclose(spectrum(photo).rms, expected)


# --- the classifier's part ---------------------------------------------------------------------


def loaded(kit: Path) -> tuple[Backbone, LoadedModule]:
    from afdcli.models.loader import load_backbone

    backbone = load_backbone("inspect_test_net", checkpoint=kit / "net.safetensors")
    module = find_module(str(kit / "module.safetensors"), backbone)
    assert module is not None
    return backbone, module


def test_opinion_is_what_the_network_says(kit: Path) -> None:
    backbone, module = loaded(kit)
    inspection = predict(saved(20), backbone, module)
    network = AFDClassifier(backbone, module, compare=True)
    arrays = (inspection.view.pixels, inspection.view.grid, inspection.view.file_context)
    with torch.inference_mode():
        said = network(*(torch.from_numpy(array)[None] for array in arrays))
    assert inspection.drift is not None and inspection.drift.fdm is not None
    assert inspection.drift.angles.mean() == pytest.approx(said.drift.item(), rel=1e-4)
    assert inspection.drift.angles.shape == inspection.drift.fdm.shape == (8, 8)
    assert 0 < inspection.drift.fdm.min() <= inspection.drift.fdm.max() < 1
    for top_classes, logits in (
        (inspection.direct, said.direct),
        (inspection.restored, said.logits),
    ):
        probs, order = logits.softmax(1)[0].sort(descending=True)
        assert [top.label for top in top_classes] == [NAMES[i] for i in order]
        assert [top.prob for top in top_classes] == pytest.approx(probs.tolist(), rel=1e-4)


def test_energy_of_the_view_is_the_same_for_a_module_that_reads_no_means_and_without_one(
    kit: Path,
) -> None:
    backbone, module = loaded(kit)
    lean = replace(module, module=small_models.module(grid_channels=192).eval())
    seen = [predict(saved(20), backbone, m) for m in (module, lean, None)]
    assert [len(inspection.view.grid) for inspection in seen] == [384, 384, 384]
    whole, part, without = (inspection.view.grid[192:] for inspection in seen)
    assert np.array_equal(whole, part)
    assert np.array_equal(whole, without)
    assert np.unique(part).size > 9


def test_without_a_module_there_is_one_answer_and_no_drift(kit: Path) -> None:
    backbone, module = loaded(kit)
    photo = saved(20)
    inspection = predict(photo, backbone, None)
    assert (inspection.restored, inspection.drift) == ((), None)
    with_module = predict(photo, backbone, module).direct
    assert [g.label for g in inspection.direct] == [g.label for g in with_module]
    assert [g.prob for g in inspection.direct] == pytest.approx([g.prob for g in with_module])


def test_framing() -> None:
    centre = framing(geometry(512, 1024, ViewSpec(224, 224, crop_pct=0.875)))
    assert centre.scale == (0.5, 0.5)
    assert centre.box == (32, 288, 480, 736)
    assert centre.share == 448 * 448 / (512 * 1024)
    assert centre.padding == 0
    border = framing(geometry(112, 224, ViewSpec(224, 224, crop_pct=1.0, crop_mode="border")))
    assert (border.box, border.share, border.padding) == ((0, 0, 112, 224), 1, 0.5)
    assert border.origin == (-56, 0)
    squash = framing(geometry(100, 50, ViewSpec(200, 200, crop_pct=1.0, crop_mode="squash")))
    assert (squash.scale, squash.share) == ((2, 4), 1)


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


def facts_and_photo(data: bytes, path: Path) -> tuple[FileFacts, Photo]:
    return facts_of(data, path), read_photo(data)


@pytest.mark.parametrize("with_module", [True, False])
@pytest.mark.parametrize("format", ["JPEG", "AVIF"])
def test_figure_shows_everything(kit: Path, tmp_path: Path, format: str, with_module: bool) -> None:
    backbone, module = loaded(kit)
    path = tmp_path / "a $x$ _b_.img"
    facts, photo = facts_and_photo(encoded(Image.fromarray(scene(96, 128)), format), path)
    inspection = predict(photo, backbone, module if with_module else None)
    figure = make_figure(photo, facts, inspection)
    titles = [ax.get_title(loc="left") for ax in figure.axes]
    assert len(set(titles) - {""}) == 11, titles
    svg = draw(photo, facts, inspection, "svg").decode()
    words = ["a $x$ _b_.img", "Classifier input", "64 x 64 pixels", "without AFD"]
    words += [top.label for top in inspection.direct[:TOP]]
    words += [f"{100 * top.prob:.1f} %" for top in inspection.direct[:TOP]]
    if with_module:
        assert inspection.drift is not None and inspection.drift.fdm is not None
        words += ["with AFD", f"largest {inspection.drift.angles.max():.1f}°"]
        words += ["0 not at all, 1 fully", "colours: 2 to 98 % of the cells"]
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
    figure = make_figure(photo, facts_of(data, tmp_path / "a.jpg"), inspection)
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
    make_figure(saved(20), facts_of(encoded(scene(64, 64)), tmp_path / "x.jpg"), gateless)


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


# --- the command -------------------------------------------------------------------------------


def test_command_prints_and_draws(kit: Path, here: Path) -> None:
    pixels = np.asarray(Image.open(io.BytesIO(encoded(scene(200, 300), quality=60))))
    Path("photo.jpg").write_bytes(encoded(pixels, quality=90))
    result = afd(kit, "photo.jpg")
    assert result.exit_code == 0, result.output
    for words in (
        "JPEG, baseline",
        "300 × 200",
        "4:2:0",
        "90, estimated (luma 90, chroma 90)",
        "the file's own",
        "inspect_test_net, 5 classes",
        "without AFD",
        "with AFD",
        "in front of the classifier",
        "drift",
        "feature drifting map",
        "steps, luma (Y)",
        "steps, chroma (Cb, Cr)",
        "figure: photo.inspect.png",
    ):
        assert words in result.output, words
    with Image.open("photo.inspect.png") as sheet:
        assert sheet.format == "PNG"
        assert sheet.size == (1420, 1280)
    assert sorted(path.name for path in here.iterdir()) == ["photo.inspect.png", "photo.jpg"]


def test_panels_fit_the_terminal(kit: Path, here: Path) -> None:
    Path("photo.jpg").write_bytes(encoded(scene(64, 96), quality=20))
    for width, together in ((60, False), (80, False), (140, True)):
        lines = afd(kit, "photo.jpg", "--no-picture", width=width).stdout.splitlines()
        assert max(map(len, lines)) <= width
        assert any("─ file" in line and "─ classifier" in line for line in lines) == together
        assert any("luma (Y)" in line and "chroma" in line for line in lines) == together
    assert list(here.iterdir()) == [here / "photo.jpg"]


@pytest.mark.parametrize(
    ("format", "words"),
    [("AVIF", "AV1 chooses steps per block"), ("PNG", "a lossless file does not record it")],
)
def test_command_says_what_is_not_known(kit: Path, here: Path, format: str, words: str) -> None:
    Path("x").write_bytes(encoded(Image.fromarray(scene(64, 96)), format))
    result = afd(kit, "x", width=200)
    assert result.exit_code == 0, result.output
    assert words in result.output
    assert "not known: no quantisation tables at hand" in result.output
    assert "steps, luma" not in result.output
    assert Path("x.inspect.png").is_file()


def test_off_flat_and_quiet(kit: Path, here: Path) -> None:
    Path("flat.png").write_bytes(encoded(np.full((9, 700, 3), 77, np.uint8), "PNG"))
    result = afd(kit, "flat.png", "--afd", "off")
    assert result.exit_code == 0, result.output
    assert "none, so no drift is known" in result.output
    assert "with AFD" not in result.output
    assert "none: the picture is flat" in result.output
    result = afd(kit, "flat.png", "--quiet", "--out", "deep/er/sheet.png")
    assert (result.exit_code, result.output) == (0, "")
    assert Path("deep/er/sheet.png").is_file()


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


def test_damage_is_shown(kit: Path, here: Path) -> None:
    Path("hurt.jpg").write_bytes(without_middle(encoded(scene(120, 160), quality=80)))
    result = afd(kit, "hurt.jpg", "--no-picture")
    assert result.exit_code == 0, result.output
    assert "damaged: " in result.output


@pytest.mark.parametrize(
    ("data", "code"),
    [(b"", "not-an-image"), (encoded(scene(64, 64))[:300], "truncated"), (None, "unreadable")],
)
def test_broken_file_is_one_line(kit: Path, here: Path, data: bytes | None, code: str) -> None:
    if data is not None:
        Path("bad.jpg").write_bytes(data)
    result = afd(kit, "bad.jpg")
    assert result.exit_code == 2
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"afd: bad.jpg: {code}: ")
    assert not Path("bad.inspect.png").exists()


def test_other_errors_name_the_cure(kit: Path, here: Path) -> None:
    Path("a.png").write_bytes(encoded(scene(64, 64), "PNG"))
    before = Path("a.png").read_bytes()
    for args, words in (
        (("--out", "a.jpg"), "must end in .png, .svg or .pdf"),
        (("--out", "../" + here.name + "/a.png"), "would overwrite the image itself"),
        (("--out", "a.png/b.png"), "a.png/b.png cannot be written"),
        (("--afd", "no.safetensors"), "no.safetensors does not exist"),
        (("--checkpoint", kit / "nan.safetensors"), "bad-output: "),
    ):
        result = afd(kit, "a.png", *args)
        assert (result.exit_code, result.stdout.count("figure:")) == (2, 0)
        assert words in result.stderr
        assert len(result.stderr.splitlines()) == 1
    assert Path("a.png").read_bytes() == before


def test_hostile_names_are_shown_as_they_are(kit: Path, here: Path) -> None:
    name = "[red]\x1b[2J\n.jpg"
    Path(name).write_bytes(encoded(scene(64, 64)))
    result = afd(kit, name)
    assert result.exit_code == 0, result.output
    assert "[red]" in result.output
    assert "\x1b[2J" not in result.output


def test_plain_command_with_the_default(here: Path) -> None:
    Path("photo.jpg").write_bytes(encoded(scene(240, 320), quality=10))
    result = command.afd("inspect", "photo.jpg", columns=140)
    assert result.exit_code == 0, result.output
    assert "tf_efficientnet_lite0" in result.output
    assert "drift" in result.output
    assert Path("photo.inspect.png").is_file()


def test_a_damaged_photo_is_shown_with_its_damage(kit: Path, tmp_path: Path) -> None:
    whole = encoded(scene(160, 200))
    (tmp_path / "cut.jpg").write_bytes(whole[: len(whole) * 3 // 4] + bytes(3000))
    result = afd(kit, tmp_path / "cut.jpg", "--no-picture")
    assert result.exit_code == 0, result.output
    assert "damaged: the jpeg file ends too early" in " ".join(result.stdout.split())
