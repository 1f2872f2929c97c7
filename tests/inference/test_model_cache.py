"""Converted models are found again only where everything that they depend on is the same."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
from kit import small_models
from torch import nn

from afdcli.inference import model_cache
from afdcli.inference.model_cache import cache_folder, derived_key, kept, key_of, shrink
from afdcli.models.afd_classifier import AFDClassifier
from afdcli.models.loader import load_backbone


@pytest.fixture(autouse=True)
def cache(here: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(here / "cache"))
    return here / "cache"


def network(name: str = "cached_net", seed: int = 0) -> AFDClassifier:
    Path(f"{name}.py").write_text(small_models.source(name, seed=seed))
    return AFDClassifier(load_backbone(name, imports=[f"{name}.py"]), None).eval()


def test_the_key_holds_weights_settings_and_code(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = network()
    key = key_of(plain)
    assert key_of(network()) == key
    first = next(m for m in plain.backbone.net.modules() if isinstance(m, nn.Conv2d))
    with torch.no_grad():
        first.weight[0, 0, 0, 0] += 1e-6
    assert key_of(plain) != key
    other = network()
    other.backbone.mean += 0.1
    assert key_of(other) != key_of(network())
    other = network()
    next(m for m in other.backbone.net.modules() if isinstance(m, nn.Conv2d)).stride = (1, 1)
    assert key_of(other) != key
    monkeypatch.setattr(model_cache, "_sources", lambda _: [Path("cached_net.py")])
    own = key_of(network())
    Path("cached_net.py").write_text("# changed")
    assert key_of(plain) != own


def test_the_key_of_a_quantised_model_holds_its_source_its_tool_and_its_photos(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    photos, source = [Path("a.jpg"), Path("b.jpg")], Path("models/key/model.xml")
    for number, photo in enumerate(photos):
        photo.write_bytes(bytes([number]))
    key = derived_key(source, "nncf", photos)
    assert derived_key(source, "nncf", photos) == key
    assert derived_key(Path("models/other/model.xml"), "nncf", photos) != key
    assert derived_key(source, "nncf", photos[:1]) != key
    photos[1].write_bytes(b"other")
    assert derived_key(source, "nncf", photos) != key
    photos[1].write_bytes(bytes([1]))
    monkeypatch.setattr(model_cache, "version", lambda _: "another")
    assert derived_key(source, "nncf", photos) != key


def make(folder: Path, size: int = 1000) -> None:
    (folder / "model.xml").write_bytes(bytes(size))


def test_a_model_is_made_once(cache: Path) -> None:
    made: list[Path] = []

    def once(folder: Path) -> None:
        made.append(folder)
        make(folder)

    assert kept("a", once) == kept("a", once) == cache / "afd" / "models" / "a" / "model.xml"
    assert len(made) == 1
    assert [path.name for path in cache_folder().iterdir()] == ["a"]


def test_a_model_that_is_there_in_part_is_made_again() -> None:
    (cache_folder() / "a" / "f32").mkdir(parents=True)
    (cache_folder() / "a" / "start.json").touch()
    assert kept("a", make).is_file()


def test_what_cannot_be_made_leaves_nothing() -> None:
    def fail(folder: Path) -> None:
        make(folder)
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        kept("a", fail)
    assert not list(cache_folder().iterdir())


def test_the_least_recently_used_models_go_first() -> None:
    for age, name in enumerate(("new", "middle", "old")):
        kept(name, make)
        os.utime(cache_folder() / name, (1e9 - age, 1e9 - age))
    kept("old", make)  # used again
    shrink(cache_folder(), keep=cache_folder() / "old", limit=2500)
    assert {path.name for path in cache_folder().iterdir()} == {"old", "new"}
    shrink(cache_folder(), keep=cache_folder() / "new", limit=10)
    assert {path.name for path in cache_folder().iterdir()} == {"new"}


def test_a_cache_that_cannot_be_written_is_replaced_by_a_temporary_folder(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(here / "file"))
    assert not kept("a", make).is_relative_to(here)
