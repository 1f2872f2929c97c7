"""Cache of converted models in the user's cache folder.

The key is a hash of everything that a model depends on: weights, the code and settings of each
layer, this package's code, and the versions of torch, timm and OpenVINO; for a quantised model also
the version of NNCF and the photos it was calibrated on. The folder has a size limit: the least
recently used models are deleted first.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn

    from afdcli.models.afd_classifier import AFDClassifier

#: Size limit of the cache, bytes.
LIMIT = 2 << 30
_PACKAGES = ("torch", "timm", "openvino")
#: Packages of afdcli whose code decides what a model computes.
_ROOMS = ("core", "models", "inference")


def kept(key: str, make: Callable[[Path], None]) -> Path:
    """The cached file ``model.xml`` of *key*; *make* creates it if it is missing.

    Args:
        make: writes ``model.xml`` and its other files into an existing folder.
    """
    folder = cache_folder() / key
    file = folder / "model.xml"
    if file.exists():
        touch(folder)
        return file
    part = Path(tempfile.mkdtemp(prefix=".part-", dir=folder.parent))
    try:
        make(part)
        try:
            part.rename(folder)
        except OSError:
            if not file.exists():  # else another run has just written the same model
                shutil.rmtree(folder, ignore_errors=True)  # it holds a part of one
                part.rename(folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    shrink(folder.parent, keep=folder)
    return file


def touch(folder: Path) -> None:
    """Mark the model in *folder* as used just now."""
    with suppress(OSError):  # it only looks less recently used
        os.utime(folder)


def cache_folder() -> Path:
    """The user's cache folder for models, or a temporary one if it is not writable."""
    from platformdirs import user_cache_path

    folder = user_cache_path("afd", appauthor=False) / "models"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except OSError:
        return _temporary()


@cache
def _temporary() -> Path:
    """A folder that is removed at exit."""
    import atexit

    folder = Path(tempfile.mkdtemp(prefix="afd-models-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def shrink(folder: Path, keep: Path, limit: int | None = None) -> None:
    """Delete the least recently used models in *folder* until *limit* bytes remain.

    Args:
        keep: a model that is never deleted.
        limit: bytes; default `LIMIT`.
    """
    limit = LIMIT if limit is None else limit
    models = []
    for path in folder.iterdir():
        with suppress(OSError):  # another run may delete it first
            size = sum(file.stat().st_size for file in path.rglob("*"))
            models.append((path.stat().st_mtime, size, path))
    total = sum(size for _, size, _ in models)
    for _, size, path in sorted(models):
        if total <= limit:
            return
        if path != keep:
            shutil.rmtree(path, ignore_errors=True)
            total -= size


def derived_key(file: Path, package: str, inputs: Iterable[Path]) -> str:
    """The cache key of a model that *package* makes of the cached model *file* and of *inputs*."""
    digest = hashlib.sha256(repr((file.parent.name, package, version_of(package))).encode())
    for path in inputs:
        add_file(digest, path.name, path)
    return digest.hexdigest()[:32]


def add_file(digest: hashlib._Hash, name: str, file: Path) -> None:
    """Add *name*, size and bytes of *file* to *digest*; the size keeps two files apart."""
    content = file.read_bytes()
    digest.update(repr((name, len(content))).encode() + content)


def key_of(network: AFDClassifier) -> str:
    """The cache key of *network* in float32: equal only if everything it computes is equal."""
    import torch  # not above: cached models are found without it

    digest = hashlib.sha256()

    def add(*values: object) -> None:
        digest.update(repr(values).encode())

    add([(name, version_of(name)) for name in _PACKAGES])
    add(network.view, network.compare, network.takes_log_grid, network.backbone.plug)
    add(network.features and network.features.layer)
    for file in _sources(network):
        digest.update(file.read_bytes())
    for name, layer in network.named_modules():
        add(name, type(layer).__qualname__, sorted(_settings(layer)))
    # Buffers that are not in the state, too: the means and deviations of the input.
    for name, value in (*network.state_dict().items(), *network.named_buffers()):
        add(name, value.dtype, value.shape)
        digest.update(value.contiguous().flatten().view(torch.uint8).numpy())
    return digest.hexdigest()[:32]


def version_of(package: str) -> str:
    """The version of an installed *package*, which is not imported; "" if there is none."""
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _sources(network: nn.Module) -> list[Path]:
    """Source files that decide what *network* computes; torch is covered by its version."""
    package = Path(__file__).parents[1]
    files = {file for room in _ROOMS for file in (package / room).glob("*.py")}
    for layer in network.modules():
        module = sys.modules.get(type(layer).__module__)
        file = getattr(module, "__file__", None)
        if file and not type(layer).__module__.startswith("torch."):
            files.add(Path(file))
    return sorted(file for file in files if file.is_file())


def _settings(layer: nn.Module) -> Iterator[tuple[str, str]]:
    """Attributes of *layer* with plain values, such as strides and slopes."""
    for name, value in vars(layer).items():
        values = value if isinstance(value, tuple) else (value,)
        # The repr of other objects may contain an address, which differs between runs.
        if all(isinstance(each, (bool, int, float, str)) for each in values):
            yield name, repr(value)
