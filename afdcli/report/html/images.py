"""Images of the HTML page: thumbnails of pictures, and feature drifting maps."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
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
Look = npt.NDArray[np.int16]

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


def thumbnails(
    paths: Sequence[Path], on_done: Callable[[int], None] = lambda _: None
) -> list[bytes | None]:
    """Make a JPEG of at most `SIDE` pixels per side for each of *paths*.

    Worker processes decode the files, because they may be malicious.

    Args:
        paths: of the pictures.
        on_done: called with the number of pictures done so far.

    Returns:
        One JPEG file per path; None for each file that cannot be read.
    """
    if not paths:
        return []
    with WorkerPool(min(2, len(paths)), timeout_s=_TIMEOUT_S) as pool:
        results = pool.ordered(_thumbnail, paths, in_flight=4)
        images: list[bytes | None] = []
        for _, result in results:
            images.append(None if isinstance(result, PhotoError) else result)
            on_done(len(images))
        return images


def look(jpeg: bytes) -> Look:
    """What `alike` compares: a thumbnail, reduced to (8, 8, 3) int16, 0 to 255."""
    with Image.open(io.BytesIO(jpeg)) as image:
        return np.asarray(image.resize(_COARSE, Image.Resampling.BOX), np.int16)


def alike(first: Look, second: Look) -> bool:
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


@dataclass(frozen=True)
class Mapper:
    """Draws feature drifting maps with the classifier and module of a run.

    Attributes:
        backbone: the classifier, with the view of the run.
        module: the AFD module.
    """

    backbone: Backbone
    module: LoadedModule

    @classmethod
    def from_run(cls, run: Run) -> Mapper:
        """Load the classifier and module that the metadata of *run* name.

        Python files that the run imported are executed again.

        Raises:
            UsageError: the metadata name none, or the module file has changed.
            BackboneError, ModuleError: classifier or module cannot be loaded.
        """
        from afdcli.models.afd_file import find_module
        from afdcli.models.loader import load_backbone

        metadata = run.sources[0].metadata if run.sources else {}
        options, module = metadata.get("options"), metadata.get("afd")
        if not isinstance(options, Mapping) or not isinstance(module, Mapping):
            raise UsageError(f"--maps: the metadata of {run.name} do not name its module")
        backbone = load_backbone(
            str(options.get("backbone")),
            checkpoint=_path(options.get("checkpoint")),
            imports=tuple(map(str, options.get("imports") or ())),
            class_names=_path(options.get("class_names")),
        )
        if options.get("near") == "resize":
            backbone = replace(backbone, spec=replace(backbone.spec, near=None))
        if options.get("icc") is False:
            backbone = replace(backbone, spec=replace(backbone.spec, icc=False))
        loaded = find_module(str(options.get("afd")), backbone)
        if loaded is None or loaded.sha256 != module.get("sha256"):
            raise UsageError(f"--maps: the module that made {run.name} is missing or has changed")
        return cls(backbone, loaded)

    def draw(
        self, paths: Sequence[Path], on_done: Callable[[int], None] = lambda _: None
    ) -> tuple[list[bytes | None], MapScale | None]:
        """Draw maps over the classifier's view of pictures, all on one scale.

        Decodes in this process, so only for files that a worker has decoded before.

        Returns:
            A JPEG file of at most `SIDE` pixels per side for each of *paths*, None if it cannot be
            read; and the scale, None without any map.
        """
        from afdcli.inspect.maps import MapScale, draw_map

        found = []
        for path in paths:
            found.append(self._inspect(path))
            on_done(len(found))
        drifts = [i.drift for i in found if i is not None and i.drift is not None]
        if not drifts:
            return [None] * len(paths), None
        scale = MapScale.of(drifts)
        images = [None if i is None else draw_map(i, scale) for i in found]
        return [None if image is None else _small_jpeg(image) for image in images], scale

    def _inspect(self, path: Path) -> Inspection | None:
        from afdcli.codec.read import read_photo
        from afdcli.inspect.predict import predict

        try:
            return predict(read_photo(path, salvage=True), self.backbone, self.module)
        except PhotoError:
            return None


def _path(name: object) -> Path | None:
    return Path(str(name)) if name else None
