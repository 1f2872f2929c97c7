"""Images of the HTML page: thumbnails of pictures, and feature drifting maps."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from PIL import Image

from afdcli.errors import PhotoError, UsageError
from afdcli.report.runs import Run
from afdcli.results.origins import inside
from afdcli.storage.text import unprintable
from afdcli.workers.pool import WorkerPool

if TYPE_CHECKING:
    from afdcli.inspect.maps import MapScale
    from afdcli.inspect.predict import Inspection
    from afdcli.models.afd_file import LoadedModule
    from afdcli.models.loader import Backbone

#: Called with how many pictures are done, and how many there are.
OnPicture = Callable[[int, int], None]

SIDE = 240  # pixels of the longer side
_QUALITY = 82
_TIMEOUT_S = 60.0
#: Size at which pictures are compared, and the mean difference (0 to 255) below which they are the
#: same. Copies of a photo at quality factors 7 and 25 differ by 4.5 at most, the most similar of 40
#: photos by 12.
_COARSE = (8, 8)
_ALIKE = 7.0


def find(folder: Path, name: str) -> Path | None:
    """Find the file of a row in *folder*; None if there is none.

    Names that lead out of *folder* are refused, because results may come from strangers.

    Args:
        folder: the folder that was classified.
        name: path in the results, in the form of `afdcli.storage.text.printable`.
    """
    path = inside(folder, unprintable(name))
    return Path(path) if path is not None and os.path.isfile(path) else None  # noqa: PTH113


def thumbnails(paths: Sequence[Path]) -> Iterator[bytes | None]:
    """Yield a JPEG file of at most `SIDE` pixels per side for each of *paths*; None if unreadable.

    Worker processes decode the files, because they may be malicious.
    """
    if not paths:
        return
    with WorkerPool(min(2, len(paths)), timeout_s=_TIMEOUT_S) as pool:
        for _, result in pool.ordered(_thumbnail, paths, in_flight=4):
            yield None if isinstance(result, PhotoError) else result


def thumbprint(jpeg: bytes) -> npt.NDArray[np.int16]:
    """What `alike` compares: a thumbnail, reduced to (8, 8, 3) int16, 0 to 255."""
    with Image.open(io.BytesIO(jpeg)) as image:
        return np.asarray(image.resize(_COARSE, Image.Resampling.BOX), np.int16)


def alike(first: npt.NDArray[np.int16], second: npt.NDArray[np.int16]) -> bool:
    """True if two thumbnails show the same picture, also if one is compressed worse."""
    return float(np.abs(first - second).mean()) < _ALIKE


def _thumbnail(path: Path) -> bytes:
    """Runs in a worker. Raises PhotoError if the file cannot be read."""
    from afdcli.codec.read import read_photo
    from afdcli.view.crop import upright

    return _small_jpeg(Image.fromarray(upright(read_photo(path, salvage=True))))


def _small_jpeg(image: Image.Image) -> bytes:
    image.thumbnail((SIDE, SIDE))
    file = io.BytesIO()
    image.save(file, "JPEG", quality=_QUALITY, optimize=True)
    return file.getvalue()


def draw_maps(
    run: Run, paths: Sequence[Path], on_done: Callable[[int], None]
) -> tuple[list[bytes | None], MapScale | None]:
    """Draw feature drifting maps over the classifier's view of pictures, all on one scale.

    Loads the classifier and module that the metadata of *run* name. Decodes in this process, so
    only for files that a worker has decoded before.

    Calls *on_done* with the number of pictures done so far.

    Returns:
        A JPEG file of at most `SIDE` pixels per side for each of *paths*, None if it cannot be
        read; and the scale, None without any map.

    Raises:
        UsageError: the metadata name no classifier and module, or the module file has changed.
        BackboneError, ModuleError: classifier or module cannot be loaded.
    """
    from afdcli.codec.read import read_photo
    from afdcli.inspect.maps import MapScale, draw_map
    from afdcli.inspect.predict import predict

    backbone, module = _load(run)
    found: list[Inspection | None] = []
    for path in paths:
        try:
            found.append(predict(read_photo(path, salvage=True), backbone, module))
        except PhotoError:
            found.append(None)
        on_done(len(found))
    drifts = [i.drift for i in found if i is not None and i.drift is not None]
    if not drifts:
        return [None] * len(paths), None
    scale = MapScale.of(drifts)
    images = [None if i is None else draw_map(i, scale) for i in found]
    return [None if image is None else _small_jpeg(image) for image in images], scale


def _load(run: Run) -> tuple[Backbone, LoadedModule]:
    """The classifier and module of *run*. Python files that it imported are executed again."""
    from afdcli.models.afd_file import find_module
    from afdcli.models.loader import load_backbone

    metadata = run.sources[0].metadata
    options, module = metadata.get("options"), metadata.get("afd")
    if not isinstance(options, Mapping) or not isinstance(module, Mapping):
        raise UsageError(f"--maps: the metadata of {run.name} do not name its module")
    backbone = load_backbone(
        str(options.get("backbone")),
        checkpoint=_path(options.get("checkpoint")),
        imports=tuple(map(str, options.get("imports") or ())),
        class_names=_path(options.get("class_names")),
    )
    spec = backbone.spec
    spec = replace(spec, near=None) if options.get("near") == "resize" else spec
    spec = replace(spec, icc=False) if options.get("icc") is False else spec
    backbone = replace(backbone, spec=spec)
    loaded = find_module(str(options.get("afd")), backbone)
    if loaded is None or loaded.sha256 != module.get("sha256"):
        raise UsageError(f"--maps: the module that made {run.name} is missing or has changed")
    return backbone, loaded


def _path(name: object) -> Path | None:
    return Path(str(name)) if name else None
