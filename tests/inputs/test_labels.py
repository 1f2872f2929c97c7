"""True classes from folders and from CSV files."""

from __future__ import annotations

import os
import unicodedata
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from afdcli.classify.settings import Settings
from afdcli.errors import UsageError
from afdcli.inputs.class_finder import ClassFinder
from afdcli.inputs.found import Found
from afdcli.inputs.inputs import Inputs, Shard
from afdcli.inputs.kinds import Rule
from afdcli.inputs.labels import load_labels
from afdcli.inputs.members import Archive
from afdcli.inputs.remote import Remote
from afdcli.inputs.tars import TarMember

NAMES = ("stop sign", "Yin_Yang", "crane", "crane", "7", "café")


def found(path: str, relative: str | None = None) -> Found:
    return Found(Path(path), path if relative is None else relative)


def write(tmp_path: Path, text: str) -> str:
    file = tmp_path / "labels.csv"
    file.write_text(text, encoding="utf-8")
    return str(file)


@pytest.mark.parametrize(
    ("text", "index"),
    [
        ("stop sign", 0),
        ("Stop_Sign", 0),
        ("stopsign", 0),
        ("yin-yang", 1),
        ("crane", None),  # two classes share the name
        ("2", 2),
        ("7", 4),  # a name before a number
        ("6", None),  # no such class
        ("9" * 5000, None),
        ("cafe\u0301", 5),  # the same letters in Unicode's other form
        ("dog", None),
        ("", None),
    ],
)
def test_find(text: str, index: int | None) -> None:
    assert ClassFinder(NAMES).find(text) == index


def test_an_index_column_takes_numbers_first() -> None:
    finder = ClassFinder(("1", "0"))
    assert finder.find("1") == 0
    assert finder.find("1", index_first=True) == 1


def test_imagenet_synsets_and_words() -> None:
    from timm.data import ImageNetInfo

    info = ImageNetInfo("imagenet-1k")
    names = [info.index_to_description(i).split(",")[0] for i in range(1000)]
    finder = ClassFinder.of(names)
    assert finder.find("n01440764") == 0
    assert finder.find("tench") == 0
    assert finder.find("Tinca tinca") == 0
    assert finder.find("Carassius_auratus") == 1
    assert finder.find("crane") is None  # the bird, 134, and the machine, 517
    assert finder.find("n02012849") == 134
    assert finder.find("n03126707") == 517


def test_a_thousand_classes_are_not_always_imagenet() -> None:
    finder = ClassFinder.of([f"product {i}" for i in range(1000)])
    assert finder.find("n01440764") is None
    assert finder.find("tench") is None
    assert finder.find("product 12") == 12


def test_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    labels = load_labels("folders", NAMES)
    assert labels.target(found("x/stop sign/1.jpg", "1.jpg")) == 0
    assert labels.target(found("x/YIN YANG/1.jpg", "YIN YANG/1.jpg")) == 1
    assert labels.target(found("x/dogs/1.jpg")) is None
    assert labels.warning() == (
        "--labels folders: 1 with a label that is not a class of this classifier (e.g. 'dogs')"
    )
    folder = tmp_path / "stop sign"
    folder.mkdir()
    monkeypatch.chdir(folder)
    assert labels.target(found("1.jpg")) == 0


@pytest.mark.parametrize("column", ["class_index", "index", "target"])
def test_index_columns(tmp_path: Path, column: str) -> None:
    labels = load_labels(write(tmp_path, f"file,{column}\na.jpg,2\nb.jpg,99\n"), NAMES)
    assert labels.target(found("a.jpg")) == 2
    assert labels.target(found("b.jpg")) is None
    assert labels.target(found("c.jpg")) is None
    assert "1 with a label that is not a class" in labels.warning()
    assert "1 without a label" in labels.warning()


@pytest.mark.parametrize("column", ["label", "class", "class_name", "synset", " Label "])
@pytest.mark.parametrize("path", ["path", "file", "filename", "image", "name"])
def test_name_columns(tmp_path: Path, path: str, column: str) -> None:
    labels = load_labels(write(tmp_path, f"{column},x,{path}\nstop sign,,a.jpg\n"), NAMES)
    assert labels.target(found("in/a.jpg", "a.jpg")) == 0
    assert labels.warning() == ""


def test_the_index_wins_over_the_synset(tmp_path: Path) -> None:
    labels = load_labels(write(tmp_path, "file,synset,class_index\na.jpg,n01440764,3\n"), NAMES)
    assert labels.target(found("a.jpg")) == 3


def test_paths_match_exactly_then_by_name(tmp_path: Path) -> None:
    file = write(
        tmp_path,
        "path,class_index\n./a/1.jpg,0\nb/1.jpg,1\nc/2.jpg,2\n3.jpeg,3\nd\\4.jpg,4\n5.jpg,0\n5.png,1\n"
        f"{tmp_path}/e/6.jpg,5\n",
    )
    labels = load_labels(file, NAMES)
    assert labels.target(found("in/a/1.jpg", "a/1.jpg")) == 0
    assert labels.target(found("in/b/1.jpg", "b/1.jpg")) == 1
    assert labels.target(found("in/c/1.jpg", "c/1.jpg")) is None  # two entries named 1.jpg
    assert labels.target(found("in/2.jpg", "2.jpg")) == 2
    assert labels.target(found("in/3.avif", "3.avif")) == 3  # converted
    assert labels.target(found("in/d/4.jpg", "d/4.jpg")) == 4  # written on Windows
    assert labels.target(found("in/5.jpg", "5.jpg")) == 0
    assert labels.target(found("in/5.png", "5.png")) == 1
    assert labels.target(found("in/5.webp", "5.webp")) is None
    assert labels.target(found(f"{tmp_path}/e/6.jpg", "6.jpg")) == 5


def test_names_that_are_not_utf8(tmp_path: Path) -> None:
    file = tmp_path / "labels.csv"
    file.write_bytes(b"file,target\na\xff.jpg,2\n")
    labels = load_labels(str(file), NAMES)
    assert labels.target(Found(Path(os.fsdecode(b"a\xff.jpg")), "a\\xff.jpg")) == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,2\n", "needs a header with a column of paths .* it has a, b"),
        ("", "it has none"),
        ("file,target\n", "it has no rows"),
        ("file,label\na.jpg,unicorn\n", "no label is a class of this classifier .*unicorn"),
    ],
)
def test_useless_files_are_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        load_labels(write(tmp_path, text), NAMES)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    """Before the classifier is loaded, too."""
    with pytest.raises(UsageError, match="No such file"):
        load_labels(str(tmp_path / "no.csv"), NAMES)
    with pytest.raises(UsageError, match="No such file"):
        Settings(labels=str(tmp_path / "no.csv")).check()
    with pytest.raises(UsageError, match="it has none"):
        Settings(labels=write(tmp_path, "")).check()


def test_a_bare_name_labels_only_a_unique_picture(tmp_path: Path) -> None:
    labels = load_labels(write(tmp_path, "file,target\n1.jpg,0\n2.jpg,1\n3.jpg,2\n"), NAMES)
    paths = ["3.jpg", "a/1.jpg", "a/2.jpg", "b/1.jpg", "b/3.jpg", "b/2.png"]
    inputs = list(labels.prepare([found(f"in/{path}", path) for path in paths]))
    assert [item.relative for item in inputs] == paths
    assert [labels.target(item) for item in inputs] == [2, None, 1, None, None, None]
    assert "4 not labelled, because other pictures have the same file name" in labels.warning()
    with pytest.raises(UsageError, match=r"'1\.jpg' is the name of several pictures"):
        raise labels.no_match(inputs[1:2])


def test_a_picture_of_another_shard_counts_too(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "1.jpg").write_bytes(b"x")
    labels = load_labels(write(tmp_path, "file,target\n1.jpg,0\n"), NAMES)
    for n in (1, 2, 3):
        inputs = Inputs([tmp_path], shard=Shard(n, 3))
        assert {labels.target(item) for item in labels.prepare(inputs)} <= {None}


def test_an_entry_of_another_folder_labels_nothing(tmp_path: Path) -> None:
    labels = load_labels(write(tmp_path, "file,target\nval/a/1.jpg,0\n"), NAMES)
    assert labels.target(found("in/a/1.jpg", "a/1.jpg")) == 0  # the input folder was val
    assert labels.target(found("in/b/1.jpg", "b/1.jpg")) is None
    assert labels.target(found("in/a/1.webp", "a/1.webp")) == 0


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_names_match_in_either_form_of_unicode(tmp_path: Path, form: Any) -> None:
    file = write(tmp_path, unicodedata.normalize(form, "path,target\nété/café.jpg,3\n"))
    labels = load_labels(file, NAMES)
    for other in ("NFC", "NFD"):
        path = unicodedata.normalize(other, "été/café.jpg")
        assert labels.target(found(f"in/{path}", path)) == 3


def test_folders_of_urls_and_archives_are_not_those_of_this_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "stop sign"
    folder.mkdir()
    monkeypatch.chdir(folder)
    labels = load_labels("folders", NAMES)
    top = Found(Path("1.jpg"), "1.jpg", Remote("s3://bucket/cats/1.jpg"))
    assert labels.target(top) is None
    named = Found(Path("1.jpg"), "1.jpg", Remote("https://host/x/stop%20sign/1.jpg"))
    assert labels.target(named) == 0
    deep = Found(Path("yin yang/1.jpg"), "yin yang/1.jpg", Remote("s3://b/x/yin yang/1.jpg"))
    assert labels.target(deep) == 1
    member = TarMember(Archive(Path("x.tar"), 0, 0), 1, ((0, 0, 1),))
    assert labels.target(Found(Path("x.tar/1.jpg"), "x.tar/1.jpg", member)) is None
    inside = "x.tar/yin yang/1.jpg"
    assert labels.target(Found(Path(inside), inside, member)) == 1
    assert "1 without a label" in labels.warning()


def test_bare_names_in_a_compressed_tar_keep_nothing_unpacked(tmp_path: Path) -> None:
    """Whether a bare name is that of one picture only is known after the last member."""
    (tmp_path / "x.tar.gz").write_bytes(b"")
    pages: list[weakref.ref[_Unpacked]] = []
    most = 0

    def lister(archive: Path, rule: Rule) -> Iterator[Found]:
        nonlocal most
        for name in ("a/1.jpg", "a/2.jpg", *(f"b/{n}.jpg" for n in range(2, 40))):
            page = _Unpacked()
            pages.append(weakref.ref(page))
            yield Found(archive, f"x.tar.gz/{name}", page)  # type: ignore[arg-type]
            most = max(most, sum(each() is not None for each in pages))

    file = write(tmp_path, "file,label\n1.jpg,stop sign\n2.jpg,7\n3.jpg,7\n")
    labels = load_labels(file, NAMES)
    inputs = Inputs([str(tmp_path / "x.tar.gz")], lister=lister)
    targets = {item.relative: labels.target(item) for item in labels.prepare(inputs)}
    assert targets["x.tar.gz/a/1.jpg"] == 0
    assert targets["x.tar.gz/b/3.jpg"] == 4
    assert targets["x.tar.gz/a/2.jpg"] is targets["x.tar.gz/b/2.jpg"] is None  # which one?
    assert len(targets) == 40
    assert len(pages) == 80 and most < 5


class _Unpacked:
    """Stands for the file that holds a member's bytes."""
