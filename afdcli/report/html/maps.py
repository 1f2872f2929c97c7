"""Where the module works on a picture: its feature drifting map, drawn as ``afd inspect`` does."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from afdcli.errors import PhotoError, UsageError
from afdcli.report.runs import Run

if TYPE_CHECKING:
    from afdcli.models.afd_file import LoadedModule
    from afdcli.models.loader import Backbone

_QUALITY = 82


@dataclass(frozen=True)
class Mapper:
    """The classifier, with the view of one run, and the module, loaded again."""

    backbone: Backbone
    module: LoadedModule

    @classmethod
    def of(cls, run: Run) -> Mapper:
        """What the metadata of *run* name; Python files that it imported are run again.

        Raises:
            UsageError: they name none, or the module is another one now.
            BackboneError, ModuleError: one cannot be loaded.
        """
        from afdcli.models.afd_file import find_module
        from afdcli.models.loader import load_backbone

        known = run.sources[0].metadata if run.sources else {}
        options, module = known.get("options"), known.get("afd")
        if not isinstance(options, Mapping) or not isinstance(module, Mapping):
            raise UsageError(f"--maps: no metadata say which module made {run.name}")
        backbone = load_backbone(
            str(options.get("backbone")),
            checkpoint=_path(options.get("checkpoint")),
            imports=tuple(map(str, options.get("imports") or ())),
            class_names=_path(options.get("class_names")),
        )
        if options.get("resize") == "always":
            backbone = replace(backbone, spec=replace(backbone.spec, near=None))
        if options.get("icc") is False:
            backbone = replace(backbone, spec=replace(backbone.spec, icc=False))
        loaded = find_module(str(options.get("afd")), backbone)
        if loaded is None or loaded.sha256 != module.get("sha256"):
            raise UsageError(f"--maps: the module that made {run.name} is not there any more")
        return cls(backbone, loaded)

    def draw(self, path: Path, side: int) -> bytes | None:
        """The map over what the classifier sees of a picture, as a JPEG of at most *side* pixels.

        None where there is nothing to draw. Decodes in this process: only for files that a worker
        has decoded before.
        """
        from afdcli.codec.read import read_photo
        from afdcli.inspect.figure import draw_fdm
        from afdcli.inspect.predict import predict

        try:
            photo = read_photo(path, salvage=True)
            image = draw_fdm(predict(photo, self.backbone, self.module))
        except PhotoError:
            return None
        if image is None:
            return None
        image.thumbnail((side, side))
        file = io.BytesIO()
        image.save(file, "JPEG", quality=_QUALITY, optimize=True)
        return file.getvalue()


def _path(name: object) -> Path | None:
    return Path(str(name)) if name else None
