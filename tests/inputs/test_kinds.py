"""Which files in folders become rows, and that all others are counted."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from kit.classify import jpeg
from kit.pictures import encoded, scene

from afdcli.codec.read import read_photo
from afdcli.codec.sniff import sniff, sniff_foreign
from afdcli.errors import ErrorCode, PhotoError, UsageError
from afdcli.inputs.inputs import Inputs, skipped_text
from afdcli.inputs.kinds import Rule

FILES = {
    "noext": jpeg(1),
    "x.jpg_large": jpeg(1),
    "UP.JPG": jpeg(1),
    "x.heic": b"\0\0\0\x18ftypheic\0\0\0\0mif1",
    "heic": b"\0\0\0\x18ftypheic\0\0\0\0mif1",
    "z.jxl": b"\xff\x0a\xfa",
    "IMG_1.jpg": b"",
    "scan.dng": b"",
    "notes.md": b"# x",
    "LICENSE": b"text \xc3\xa9",
    "film.MOV": b"",
    "film": b"\0\0\0\x18ftypqt  ",
    "a.zip": b"PK\3\4",
    "random": bytes(range(256)),
    "nothing": b"",
    ".hidden.jpg": jpeg(1),
    "._x.jpg": b"\0\5\x16\7",
    ".git/a/x.jpg": jpeg(1),
    "__MACOSX/x.jpg": jpeg(1),
}
ROWS = ["IMG_1.jpg", "UP.JPG", "dead.png", "heic", "noext", "scan.dng", "x.heic", "x.jpg_large"]


@pytest.fixture
def folder(here: Path) -> Path:
    for name, data in FILES.items():
        path = here / "p" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    Path("p/dead.png").symlink_to("nowhere")
    os.mkfifo("p/pipe")
    return here / "p"


def test_rows_and_counts_together_are_all_files(folder: Path) -> None:
    inputs = Inputs([folder])
    assert [found.relative for found in inputs] == [*ROWS, "z.jxl"]
    assert inputs.skipped == {
        "hidden": 4,
        "text": 2,
        "video": 2,
        "archive": 1,
        "other": 1,
        "empty": 1,
        "special": 1,
    }
    assert len(ROWS) + 1 + inputs.skipped.total() == len(FILES) + 2
    assert skipped_text({"video": 2, "text": 3, "none": 0}) == "5 skipped: 3 text, 2 video"


def test_suffixes_alone_decide(folder: Path) -> None:
    inputs = Inputs([folder], rule=Rule.parse("jpg, .MD"))
    assert [found.relative for found in inputs] == ["IMG_1.jpg", "UP.JPG", "notes.md"]
    assert inputs.skipped.total() == len(FILES) + 2 - 3
    with pytest.raises(UsageError, match="--suffixes takes only names that end in"):
        Inputs([folder], rule=Rule.parse("xyz"))
    for text in ("", " , ", "a/b"):
        with pytest.raises(UsageError, match="--suffixes"):
            Rule.parse(text)


def test_counting_opens_no_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inputs = Inputs([folder])
    with inputs.counter() as counter:
        counter._thread.join()
        before = counter.total
        rows = len(list(inputs))
        assert before is not None
        assert before < rows == counter.total  # the others showed what they are when opened


def test_a_file_that_goes_away_is_a_failed_row(folder: Path) -> None:
    found = list(Inputs([folder / "UP.JPG", folder / "noext"]))
    found[0].path.unlink()
    with pytest.raises(PhotoError) as caught:
        read_photo(found[0].path)
    assert caught.value.code is ErrorCode.UNREADABLE


@pytest.mark.parametrize(
    "format",
    "JPEG2000 ICO PPM PCX SGI TGA DDS QOI ICNS MSP XBM EPS".split(),  # noqa: SIM905
)
def test_every_format_of_pillow_is_an_image(format: str) -> None:
    from PIL import Image

    picture = Image.fromarray(scene(32, 48)).convert("1" if format in ("MSP", "XBM") else "RGB")
    head = encoded(picture, format)[:512]
    assert not sniff(head)
    assert sniff_foreign(head)


@pytest.mark.parametrize(
    "head", [b"<html><svg ></svg>", b"<?xml?><note/>", b"P6 is a name", b"MMO"]
)
def test_similar_first_bytes_are_not_an_image(head: bytes) -> None:
    assert not sniff(head)
    assert not sniff_foreign(head)


def test_a_raw_file_is_not_read_as_its_preview() -> None:
    """A TIFF whose first picture is a thumbnail, with tags as a DNG has them."""
    tiff = bytearray(encoded(scene(16, 16), "TIFF"))
    assert read_photo(bytes(tiff)).width == 16
    at = int.from_bytes(tiff[4:8], "little")
    count = int.from_bytes(tiff[at : at + 2], "little")
    entries = tiff[at + 2 : at + 2 + 12 * count]
    version = (50706).to_bytes(2, "little") + b"\1\0\4\0\0\0\1\4\0\0"
    new = (count + 1).to_bytes(2, "little") + entries + version + bytes(4)
    tiff[4:8] = len(tiff).to_bytes(4, "little")
    with pytest.raises(PhotoError, match="camera RAW"):
        read_photo(bytes(tiff + new))


@pytest.mark.parametrize(
    ("url", "module", "package"),
    [("https://x.org/a.jpg", "aiohttp", "aiohttp"), ("s3://b/a", "s3fs", "afdcli[s3]")],
)
def test_a_missing_package_is_one_line(here: Path, url: str, module: str, package: str) -> None:
    code = f"import sys; sys.modules[{module!r}] = None; from afdcli.cli.main import main; main()"
    for command in ("classify", "degrade"):
        run = subprocess.run(
            [sys.executable, "-c", code, command, url], capture_output=True, text=True, timeout=120
        )
        assert run.returncode == 2
        lines = run.stderr.splitlines()
        assert lines[:-1] in ([], ["looking for images …"])
        assert "pip install" in run.stderr
        assert package in run.stderr
