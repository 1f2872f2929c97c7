"""Finding images under paths: order, names, links, unreadable folders."""

from __future__ import annotations

import inspect
import itertools
import os
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from afdcli.errors import UsageError
from afdcli.inputs.discover import discover
from afdcli.inputs.kinds import SUFFIXES


def _make(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")


def _relative(*paths: Path | str, **options: object) -> list[str]:
    return [found.relative for found in discover(paths, **options)]  # type: ignore[arg-type]


def test_folders_are_searched_recursively_in_sorted_order(tmp_path: Path) -> None:
    _make(tmp_path, "b.jpg", "a/z.png", "a/b/c.webp", "a.jpg", "c/1.AVIF", "B.Tif")
    assert _relative(tmp_path) == ["B.Tif", "a/b/c.webp", "a/z.png", "a.jpg", "b.jpg", "c/1.AVIF"]
    assert all(found.path == tmp_path / found.relative for found in discover([tmp_path]))


def test_only_images_in_folders_but_every_named_file(tmp_path: Path) -> None:
    _make(tmp_path, *(f"x{suffix}" for suffix in SUFFIXES))
    _make(tmp_path, "x.txt", "x.jpg.bak", "jpg", "manifest.csv", ".jpg", ".hidden.png")
    _make(tmp_path, ".git/x.png")
    assert _relative(tmp_path) == sorted(f"x{suffix}" for suffix in SUFFIXES)
    named = [tmp_path / name for name in ("x.txt", ".hidden.png", "jpg")]
    assert _relative(*named) == ["x.txt", ".hidden.png", "jpg"]
    assert _relative(tmp_path / ".git") == ["x.png"]  # a hidden folder that is asked for


def test_first_bytes_make_a_file_an_image_whatever_its_name(tmp_path: Path) -> None:
    jpeg, heic = b"\xff\xd8\xff\xe0" + bytes(60), b"\0\0\0\x18ftypheic" + bytes(60)
    for name, data in (
        ("noext", jpeg),
        ("x.jpg_large", jpeg),
        ("photo.heic", heic),
        ("x.txt", b"text"),
        ("empty", b""),
        (".noext", jpeg),
    ):
        (tmp_path / name).write_bytes(data)
    os.mkfifo(tmp_path / "pipe")
    assert _relative(tmp_path) == ["noext", "photo.heic", "x.jpg_large"]


def test_explicit_files_are_named_relative_to_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _make(tmp_path, "here/cat/a.jpg", "here/dog/a.jpg", "there/a.jpg")
    monkeypatch.chdir(tmp_path / "here")
    assert _relative("cat/a.jpg", "./dog/../dog/a.jpg") == ["cat/a.jpg", "dog/a.jpg"]
    assert _relative(tmp_path / "here" / "cat" / "a.jpg") == ["cat/a.jpg"]
    assert _relative("../there/a.jpg", tmp_path / "there" / "a.jpg") == ["a.jpg", "a.jpg"]


def test_the_same_name_from_two_paths_is_two_inputs(tmp_path: Path) -> None:
    _make(tmp_path, "one/a.jpg", "two/a.jpg")
    found = list(discover([tmp_path / "one", tmp_path / "two", tmp_path / "one"]))
    assert [f.relative for f in found] == ["a.jpg"] * 3
    assert [f.path.parent.name for f in found] == ["one", "two", "one"]


def test_missing_paths_are_refused_before_anything_is_yielded(tmp_path: Path) -> None:
    _make(tmp_path, "a.jpg")
    with pytest.raises(UsageError, match=r"gone\.jpg: no such file"):
        discover([tmp_path, tmp_path / "gone.jpg"])
    lax = discover([tmp_path / "gone.jpg", tmp_path], strict=False)
    assert [found.path.name for found in lax] == ["gone.jpg", "a.jpg"]


def test_excluded_folders_are_left_out_under_any_name(tmp_path: Path) -> None:
    _make(tmp_path, "a.jpg", "degraded/a.jpg", "degraded/qf10/a.jpg", "sub/degraded/b.jpg")
    (tmp_path / "link").symlink_to(tmp_path / "degraded")
    expected = ["a.jpg", "sub/degraded/b.jpg"]
    assert _relative(tmp_path, exclude=[tmp_path / "degraded"]) == expected
    assert _relative(tmp_path, exclude=[tmp_path / "sub" / ".." / "degraded"]) == expected
    assert _relative(tmp_path / "degraded", exclude=[tmp_path / "degraded"]) == []


def test_links_are_followed_and_loops_of_links_end(tmp_path: Path) -> None:
    _make(tmp_path, "real/a.jpg", "real/deep/b.jpg", "elsewhere/c.jpg")
    (tmp_path / "real" / "deep" / "up").symlink_to(tmp_path / "real")
    (tmp_path / "real" / "self").symlink_to("self")
    (tmp_path / "real" / "self.jpg").symlink_to("self.jpg")
    (tmp_path / "real" / "other").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "real" / "gone.png").symlink_to("nowhere.png")
    assert _relative(tmp_path / "real") == [
        "a.jpg",
        "deep/b.jpg",
        "gone.png",
        "other/c.jpg",
        "self.jpg",
    ]


def test_special_files_become_inputs_and_do_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "folder.jpg").mkdir()
    _make(tmp_path, "folder.jpg/a.png")
    assert _relative(tmp_path) == ["folder.jpg/a.png", "pipe.jpg"]
    assert _relative(tmp_path / "pipe.jpg") == ["pipe.jpg"]


def test_a_folder_that_cannot_be_listed_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _make(tmp_path, "a.jpg", "locked/b.jpg", "z.jpg")
    listing = os.scandir

    def scandir(path: Path) -> object:  # root may list anything, so permissions cannot be used
        if Path(path).name == "locked":
            raise PermissionError(13, "Permission denied")
        return listing(path)

    monkeypatch.setattr(os, "scandir", scandir)
    reported: list[str] = []
    found = _relative(tmp_path, on_folder_error=lambda path, _: reported.append(path.name))
    assert found == ["a.jpg", "z.jpg"]
    assert reported == ["locked"]
    with pytest.raises(UsageError, match="cannot list this folder: Permission denied"):
        discover([tmp_path / "locked"])


def test_a_tree_deeper_than_the_recursion_limit_is_searched(tmp_path: Path) -> None:
    _make(tmp_path, "d/" * 200 + "a.jpg")
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(len(inspect.stack()) + 100)
    try:
        found = list(discover([tmp_path]))
    finally:
        sys.setrecursionlimit(limit)
    assert [f.relative for f in found] == ["d/" * 200 + "a.jpg"]


def test_names_that_are_not_utf8_can_be_written_down(tmp_path: Path) -> None:
    _make(tmp_path, "été.jpg")
    (tmp_path / os.fsdecode(b"caf\xe9.jpg")).touch()
    found = list(discover([tmp_path]))
    assert sorted(f.relative for f in found) == ["caf\\xe9.jpg", "été.jpg"]
    assert all(f.path.exists() and f.relative.encode() for f in found)


def test_folders_are_listed_lazily(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _make(tmp_path, *(f"{number:03}/a.jpg" for number in range(200)))
    listed = 0
    listing = os.scandir

    def scandir(path: Path) -> object:
        nonlocal listed
        listed += 1
        return listing(path)

    monkeypatch.setattr(os, "scandir", scandir)
    assert len(list(itertools.islice(discover([tmp_path]), 3))) == 3
    assert listed <= 6


_NAMES = st.sampled_from(["a.jpg", "b", "b.jpg", "c.txt", ".x", ".y.png", "D.JPEG"])


@settings(derandomize=True, max_examples=40, deadline=None)
@given(st.lists(st.lists(_NAMES, min_size=1, max_size=3), max_size=12))
def test_equals_a_plain_sorted_walk(
    tmp_path_factory: pytest.TempPathFactory, paths: list[list[str]]
) -> None:
    root = tmp_path_factory.mktemp("tree")
    for parts in paths:
        path = root.joinpath(*parts)
        if not path.exists() and all(not p.is_file() for p in path.parents):
            _make(root, "/".join(parts))
    plain = [
        path.relative_to(root)
        for path in sorted(root.rglob("*"), key=lambda p: p.parts)
        if path.is_file() and path.suffix.lower() in SUFFIXES
    ]
    shown = [str(p) for p in plain if not any(part.startswith(".") for part in p.parts)]
    assert _relative(root) == shown
