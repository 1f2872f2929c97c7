"""Labels and members' names as names of folders and files: inside, valid, and distinct."""

from __future__ import annotations

import itertools
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from afdcli.sort.names import class_folder, free_name, safe_name

HOSTILE = [
    *("a/b", "..", ".", "../../etc", "/abs", "a\\b", "C:\\x", "a\0b", "a\nb", "\x1b[31m", "", " "),
    *("CON", "con.txt", "Nul ", "COM1", "lpt¹.x", ".hidden", "x.", "x ", " x", "a:b", "?*|<>", '"'),
    *(
        "%2F",
        "a%2Fb",
        "100 % wool",
        "\u202eexe",
        "é" * 300,
        "x" * 5000,
        "\udcff",
        "unsure",
        "UNSURE",
    ),
]


@pytest.mark.parametrize("label", HOSTILE)
def test_hostile_labels_make_plain_folders(tmp_path: Path, label: str) -> None:
    name = class_folder(label)
    folder = tmp_path / name
    folder.mkdir()
    assert [p.name for p in tmp_path.iterdir()] == [name]
    assert folder.parent == tmp_path and os.path.normpath(folder) == str(folder)
    assert name.isprintable() and name[0] not in ". " and name[-1] not in ". "
    assert len(name.encode()) <= 200
    assert name.split(".")[0].strip().lower() not in ("con", "nul", "com1", "lpt¹", "unsure")


def test_plain_labels_stay() -> None:
    for label in ("cat", "tasse de café", "漢字", "100 % wool", "jack-o'-lantern", "a.b", "-x"):
        assert class_folder(label) == label


def test_different_labels_get_different_folders() -> None:
    for one, other in itertools.combinations(HOSTILE, 2):
        assert class_folder(one) != class_folder(other) or {one, other} <= {"", "%"}


@given(st.text(max_size=60))
def test_any_text(text: str) -> None:
    name = safe_name(text)
    assert name not in ("", ".", "..") and not set(name) & set("/\\\0") and name.isprintable()
    assert len(name.encode()) <= 200


def test_a_taken_name_gets_the_next_number() -> None:
    taken: set[str] = set()
    for expected in ("a.jpg", "a-2.jpg", "a-3.jpg", "a-4.jpg"):
        assert free_name("a.jpg", taken.__contains__) == expected
        taken.add(expected)
    asked = []
    many = {"a.jpg", *(f"a-{n}.jpg" for n in range(2, 10_001))}
    assert free_name("a.jpg", lambda n: (asked.append(n), n in many)[1]) == "a-10001.jpg"
    assert len(asked) < 40
    longest = "x" * 251 + ".jpg"
    assert len(free_name(longest, {longest}.__contains__)) == 255
