"""`afd inspect` over JPEGs of several saves, and what is known of them."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image
from typer.testing import Result

from afdcli.codec.photo import Photo
from afdcli.codec.read import read_photo
from afdcli.inspect.facts import FileFacts, find_facts
from afdcli.models.afd_file import LoadedModule, find_module
from afdcli.models.loader import Backbone, load_backbone
from kit import command
from kit.classify import of_kit
from kit.pictures import encoded, scene


def afd(kit: Path, *args: str | Path, width: int = 140) -> Result:
    """Run ``afd inspect`` with the kit's classifier and module."""
    words = of_kit(kit)[:-2] if "--afd" in args else of_kit(kit)
    return command.afd("inspect", *args, *words, columns=width)


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


def loaded(kit: Path) -> tuple[Backbone, LoadedModule]:
    imports, names = [str(kit / "tiny_models.py")], kit / "names.txt"
    backbone = load_backbone("tiny_test_net", imports=imports, class_names=names)
    module = find_module(str(kit / "module.safetensors"), backbone)
    assert module is not None
    return backbone, module


def facts_and_photo(data: bytes, path: Path) -> tuple[FileFacts, Photo]:
    return facts_of(data, path), read_photo(data)
