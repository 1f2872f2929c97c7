"""Class names: which files are read, and which names a classifier gets where none are given."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from afdcli.errors import BackboneError
from afdcli.models.class_names import NUMBERS, find_class_names, read_class_names

ABC = ("ant", "bee", "cat")


def written(tmp_path: Path, content: object, name: str = "names.json") -> Path:
    file = tmp_path / name
    file.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return file


READ: list[Any] = [
    ["ant", "bee", "cat"],
    [["n1", "ant"], ["n2", "bee"], ["n3", "cat"]],
    {"cat": 2, "ant": 0, "bee": 1},
    {"cat": "2", "ant": "0", "bee": "1"},
    {"2": "cat", "0": "ant", "1": "bee"},
    {"2": ["n3", "cat"], "0": ["n1", "ant"], "1": ["n2", "bee"]},
    {"architectures": ["ViT"], "id2label": {"0": "ant", "1": "bee", "2": "cat"}, "x": {"y": 1}},
    {"label2id": {"cat": 2, "ant": 0, "bee": 1}, "hidden_size": 768},
    {"architecture": "resnet50", "num_classes": 3, "label_names": ["ant", "bee", "cat"]},
    {
        "label_names": ["n00000001", "n00000002", "n00000003"],
        "label_descriptions": {
            "n00000001": "ant, pismire",
            "n00000002": "bee",
            "n00000003": "cat, true cat",
        },
    },
    "﻿ant\nbee\n\ncat\n",
    '﻿["ant", "bee", "cat"]',
]


@pytest.mark.parametrize("content", READ)
def test_lists_and_mappings_are_read(tmp_path: Path, content: object) -> None:
    text = isinstance(content, str) and "[" not in content
    assert read_class_names(written(tmp_path, content, "n.txt" if text else "n.json")) == ABC


def test_numbers_can_be_names(tmp_path: Path) -> None:
    assert read_class_names(written(tmp_path, {"7": 0, "3": 1})) == ("7", "3")
    assert read_class_names(written(tmp_path, {"0": "7", "1": "3"})) == ("7", "3")


REFUSED: list[tuple[Any, str]] = [
    ({"ant": 0, "bee": 0}, "two names have the index 0"),
    ({"ant": 1, "bee": 2}, "none with index 0"),
    ({"0": "ant", "2": "cat"}, "none with index 1"),
    ({"0": "ant", "00": "cat"}, "two names have the index 0"),
    ('{"0": "ant", "0": "cat"}', "stands in it twice"),
    ({"ant": 0.5, "bee": 1}, "no mapping between"),
    ({"ant": True, "bee": 1}, "no mapping between"),
    ({"ant": -1, "bee": 0}, "no mapping between"),
    ({"0": {"name": "ant"}}, "not text"),
    ({"0": None}, "not text"),
    ({}, "names no class"),
    ([], "names no class"),
    (7, "neither a list"),
    ("[" * 100_000, "nested too deep"),
    ('{"0": "ant"', "cannot be read"),
]


@pytest.mark.parametrize(("content", "message"), REFUSED)
def test_what_names_no_class_for_sure_is_refused(
    tmp_path: Path, content: object, message: str
) -> None:
    with pytest.raises(BackboneError, match=message) as caught:
        read_class_names(written(tmp_path, content))
    assert "\n" not in str(caught.value)
    assert "names.json" in str(caught.value)


def test_the_number_of_names_must_fit(tmp_path: Path) -> None:
    file = written(tmp_path, list(ABC))
    assert find_class_names(3, {}, file=file, stored=("x", "y", "z")).names == ABC
    with pytest.raises(BackboneError, match="3 names, the backbone 4 classes"):
        find_class_names(4, {}, file=file)
    with pytest.raises(BackboneError, match="checkpoint names 3 classes, but the backbone has 4"):
        find_class_names(4, {}, stored=ABC)


def test_the_model_s_own_names_come_before_imagenet_s() -> None:
    birds = [f"bird {i}" for i in range(1000)]
    found = find_class_names(1000, {"label_names": birds, "tag": "a1_in1k"}, own_weights=True)
    assert found.names == tuple(birds)
    assert found.note == ""
    assert find_class_names(3, {"label_names": birds}, own_weights=True).source == NUMBERS


def test_imagenet_is_said_to_be_assumed_unless_timm_says_so() -> None:
    known = find_class_names(1000, {"tag": "a1_in1k"}, own_weights=True)
    assert (known.names[0], known.note) == ("tench", "")
    guessed = find_class_names(1000, {"tag": "a1_in1k"})
    assert guessed.names == known.names
    assert "assumed" in guessed.source
    assert "assuming ImageNet-1k class names" in guessed.note and "--class-names" in guessed.note
    other = find_class_names(1000, {"tag": "places"}, own_weights=True)
    assert (other.names[0], other.source) == ("0", NUMBERS)
    assert find_class_names(7, {"tag": "a1_in1k"}, own_weights=True).source == NUMBERS


def test_no_two_classes_have_the_same_name(tmp_path: Path) -> None:
    names = find_class_names(1000, {}).names
    assert len(set(names)) == 1000
    assert (names[134], names[517]) == ("crane (class 134)", "crane (class 517)")
    file = tmp_path / "names.txt"
    file.write_text("cat\ndog\ncat\n")
    names = find_class_names(3, {}, file=file).names
    assert names == ("cat (class 0)", "dog", "cat (class 2)")
