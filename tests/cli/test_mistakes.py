"""What a hostile or clumsy user types: one line that says what is wrong, and exit code 2."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import get_args, get_type_hints

import pytest
from kit import small_models
from kit.classify import jpeg, of_kit
from kit.command import afd, one_line
from kit.results import compared, write
from safetensors.numpy import save_file

from afdcli.core.weights_file import save
from afdcli.train.loader import Pairs, validation_batches
from afdcli.train.settings import Mix
from afdcli.view.spec import ViewSpec

NUMBERS = {
    "classify": {
        "--topk": int, "--batch-size": int, "--workers": int, "--timeout": float, "--memory": int,
        "--max-pixels": int, "--rows-per-part": int, "--actors": int, "--actor-gpus": float,
        "--min-prob": float, "--limit": int, "--sample": int, "--seed": int,
    },
    "degrade": {
        "--rounds": int, "--crop": int, "--seed": int, "--workers": int, "--timeout": float,
    },
    "models": {"--limit": int},
    "sort": {"--min-prob": float},
    "train": {
        "--minutes": float, "--steps": int, "--batch-size": int, "--lr": float,
        "--divergence": float, "--deep": float, "--side": int, "--angle": float, "--reuse": int,
        "--validation": int, "--seed": int, "--workers": int,
    },
}  # fmt: skip
FIRST = {
    "sort": ["x.csv", "--to", "d"],
    "classify": ["x.jpg"],
    "degrade": ["x.jpg"],
    "models": ["x"],
    "train": ["--data", "x"],
}


@pytest.mark.parametrize(
    ("command", "option"), [(c, option) for c, options in NUMBERS.items() for option in options]
)
def test_numbers_out_of_range(command: str, option: str) -> None:
    for value in ("-1", "nan", "inf", "1e400", "9" * 40, "", "ten"):
        one_line(afd(command, *FIRST[command], f"{option}={value}"), 2, option)


def test_every_number_is_tried() -> None:
    from typer.main import get_command

    from afdcli.cli.main import app

    for name, command in get_command(app).commands.items():  # type: ignore[attr-defined]
        kinds = get_type_hints(inspect.unwrap(command.callback))
        numbers = {
            option
            for parameter in command.params
            if parameter.name in kinds
            if {int, float} & {kinds[parameter.name], *get_args(kinds[parameter.name])}
            for option in parameter.opts
        }
        assert numbers == set(NUMBERS.get(name, {})), name


@pytest.fixture
def places(here: Path) -> Path:
    """A file, a folder, a picture and a module."""
    (here / "file").write_text("mine")
    (here / "folder.csv").mkdir()
    (here / "a.jpg").write_bytes(jpeg(0))
    (here / "good").mkdir()
    for number in range(24):
        (here / "good" / f"{number}.jpg").write_bytes(jpeg(number, (120, 100)))
    save(small_models.module(), here / "m.safetensors", {"plug": "input", "where": ""})
    write("r.csv", compared())
    return here


OUTS = {
    "classify": ("--out", ".csv", ["a.jpg"]),
    "report": ("--html", ".html", ["r.csv"]),
    "inspect": ("--out", ".png", ["a.jpg"]),
    "train": ("--out", ".safetensors", ["--data", "good"]),
    "fuse": ("--out", ".safetensors", ["m.safetensors"]),
    "degrade": ("--out", "", ["good"]),
}


@pytest.mark.parametrize("where", ["file/x{}", "/proc/x{}", "/proc/y/x{}", "n{}", "d/n{}"])
@pytest.mark.parametrize("command", OUTS)
def test_out_is_tried_before_the_work(
    places: Path, monkeypatch: pytest.MonkeyPatch, command: str, where: str
) -> None:
    """Below a file, in a system's folder that takes no files, a name too long."""
    monkeypatch.setattr("afdcli.models.loader.load_backbone", None)  # the work would begin there
    option, suffix, words = OUTS[command]
    out = where.replace("n", 300 * "n").format(suffix)
    one_line(afd(command, *words, option, out), 2, out.split("/")[0], "cannot be written")
    assert not (places / "d").exists()


@pytest.mark.parametrize("command", [name for name in OUTS if name != "degrade"])
def test_a_folder_is_no_file(places: Path, command: str) -> None:
    option, suffix, words = OUTS[command]
    (places / f"x{suffix}").mkdir()
    one_line(afd(command, *words, option, f"x{suffix}"), 2, "is a folder")


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (("degrade", "good", "--out", "good"), ("is in the output folder", "another --out")),
        (("degrade", "good/1.jpg", "--out", "good"), ("is in the output folder",)),
        (("degrade", "good", "--out", "file"), ("is not a folder",)),
        (("fuse", "m.safetensors", "--out", "m.safetensors"), ("would overwrite m.safetensors",)),
        (("fuse", "m.safetensors", "--out", "x.onnx"), ("--format onnx",)),
        (("fuse", "m.safetensors", "--format", "tflite"), ("choose safetensors, pt2, onnx",)),
        (("fuse", "m.safetensors", "--backbone", "resnet18"), ("with --format pt2 or onnx",)),
        (("fuse", "no.safetensors"), ("no.safetensors", "does not exist")),
        (("fuse", "file"), ("file", "safetensors")),
        (("fuse", "good"), ("good",)),
        (("fuse", "foreign.safetensors"), ("holds no AFD module",)),
        (("train", "--data", "nowhere"), ("--data nowhere", "no such folder")),
        (("train", "--data", "a.jpg"), ("--data a.jpg",)),
        (("train", "--data", "few"), ("at least 24 photos", "few has 2")),
        (("train", "--data", "broken"), ("at least 24 photos", "skipped 30")),
        (("train", "--data", "good", "--side", "100"), ("--side 100", "multiple of 8")),
        (("train", "--data", "good", "--out", "m.pt"), ("must end in .safetensors",)),
        (("train", "--data", "good", "--exclude", "no.txt"), ("--exclude-list", "cannot be read")),
        (("train", "--data", "good", "--init", "no.safetensors"), ("no.safetensors",)),
        (("train", "--data", "good", "--preset", "huge"), ("no preset 'huge'",)),
        (("train", "--data", "good", "--plug", "tail"), ("--plug tail", "choose stem or input")),
        (("train", "--data", "good", "--plug-at", "nowhere"), ("no such module",)),
        (("train", "--data", "good", "--resume"), ("no checkpoint",)),
        (("train", "--data", "good", "--checkpoint", "no.pth"), ("--checkpoint no.pth",)),
        (("train", "--data", "good", "--import", "no.py"), ("--import no.py",)),
        (("train", "--data", "good", "--device", "tpu"), ("--device tpu",)),
        (("classify", "a.jpg", "--device", "cpu:1"), ("--device cpu:1", "cpu:0 to cpu:0")),
        (("classify", "a.jpg", "--device", "cpu:x"), ("--device cpu:x",)),
        (
            ("train", "--data", "good", "--checkpoint", "m.safetensors", "--out", "m.safetensors"),
            ("would overwrite m.safetensors",),
        ),
        (
            ("train", "--data", "good", "--checkpoint", "x.ckpt", "--out", "x.safetensors"),
            ("would overwrite x.ckpt",),
        ),
        (("classify", "a.jpg", "--afd", "no.safetensors"), ("no.safetensors",)),
        (("classify", "a.jpg", "--afd", "good"), ("good",)),
        (("classify", "a.jpg", "--checkpoint", "good"), ("--checkpoint good",)),
        (("classify", "a.jpg", "--class-names", "no.txt"), ("--class-names no.txt",)),
        (("classify", "a.jpg", "--class-names", "good"), ("--class-names good",)),
        (("classify", "a.jpg", "--labels", "no.csv"), ("no.csv",)),
        (("classify", "a.jpg", "--labels", "good"), ("good",)),
        (("classify", "a.jpg", "--import", "good"), ("--import good",)),
        (("classify", "nowhere"), ("nowhere",)),
        (("classify", "s3://bucket/x.tar"), ("s3://bucket/x.tar", "download it first")),
        (
            ("classify", "a.jpg", "--out", "x.csv", "--export-failed", "x.csv"),
            ("--export-failed x.csv", "would overwrite x.csv"),
        ),
        (
            ("classify", "a.jpg", "--export-failed", "a.jpg"),
            ("--export-failed a.jpg", "would overwrite"),
        ),
        (
            ("classify", "a.jpg", "--export-failed", "s3://bucket/f.txt"),
            ("--export-failed s3:/bucket/f.txt", "give a local file"),
        ),
        (
            ("classify", "a.jpg", "--embeddings", "e.npy", "--export-failed", "e.npy"),
            ("--export-failed e.npy", "would overwrite e.npy"),
        ),
        (("inspect", "nowhere.jpg"), ("nowhere.jpg",)),
        (("inspect", "good"), ("good",)),
        (("inspect", "file"), ("file",)),
        (("report", "no.csv"), ("no.csv", "no such file")),
        (("report", "file"), ("file",)),
        (("report", "a.jpg"), ("a.jpg",)),
        (("report", "r.csv", "--clean", "no.csv"), ("no.csv",)),
        (("report", "r.csv", "--html", "file/x.html"), ("--html", "cannot be written")),
    ],
)
def test_files_and_folders(
    places: Path, kit: Path, words: tuple[str, ...], parts: tuple[str, ...]
) -> None:
    (places / "x.ckpt").write_text("weights")
    save_file({}, places / "foreign.safetensors", {"format": "pt"})
    for folder, content in (("few", jpeg(0, (120, 100))), ("broken", b"\xff\xd8 no picture")):
        (places / folder).mkdir()
        for number in range(2 if folder == "few" else 30):
            (places / folder / f"{number}.jpg").write_bytes(content)
    quiet = ("-q",) if words[0] != "report" else ()
    own = {"--checkpoint", "--import"} & set(words)  # a classifier that loads soon will do
    small = of_kit(kit)[:4] if words[0] in ("classify", "train") and not own else []
    small += ["--runtime", "torch"] if words[0] == "classify" else []
    one_line(afd(*words, *quiet, *small), 2, *parts)
    assert (places / "file").read_text() == "mine"
    assert (places / "x.ckpt").read_text() == "weights"


def test_photos_that_break_off_are_no_endless_loop(here: Path) -> None:
    """Their headers are fine, so that they count as photos until they are read."""
    (here / "good").mkdir()
    paths = [here / "good" / f"{number}.jpg" for number in range(24)]
    for path in paths:
        path.write_bytes(jpeg(1, (300, 300), 95)[:2000])
    spec = ViewSpec(64, 64)
    with pytest.raises(Exception, match="no photo to train on can be read"):
        next(iter(Pairs([paths], spec, Mix(), 0)))
    with pytest.raises(Exception, match="held out for validation can be read"):
        validation_batches(paths, spec, 0, 4)
    one_line(afd("train", "--data", "good", "--steps", "1", "-q"), 2, "held out for validation")


@pytest.mark.usefixtures("pairs_made_here")
def test_folders_of_fewer_than_five_photos(places: Path, kit: Path) -> None:
    """Some are held out all the same, and the run goes through."""
    folders = []
    for number in range(24):
        folder = places / f"f{number // 3}"
        folder.mkdir(exist_ok=True)
        (places / "good" / f"{number}.jpg").rename(folder / f"{number}.jpg")
        folders += ["--data", folder]
    net = [str(word) for word in of_kit(kit)[:4]]
    words = ("--steps", "1", "--batch-size", "2", "--preset", "light", "--out", "n.safetensors")
    result = afd("train", *folders, *net, *words)
    assert result.exit_code == 0, result.output
    assert "4 held-out photos" in result.stdout
