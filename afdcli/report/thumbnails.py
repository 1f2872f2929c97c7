"""Small copies of hostile pictures, made in processes of their own."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from pathlib import Path

from afdcli.errors import PhotoError
from afdcli.storage.text import unprintable
from afdcli.workers.pool import WorkerPool

SIDE = 240  # pixels of the longer side
_QUALITY = 82
_TIMEOUT_S = 60.0


def find(folder: Path, name: str) -> Path | None:
    """The file that results call *name*, looked for in *folder* and nowhere else.

    A name that leads out of *folder* is not followed, for results may come from strangers.
    """
    base = os.path.abspath(folder)  # noqa: PTH100  # links inside the folder are the user's own
    path = os.path.normpath(os.path.join(base, unprintable(name)))  # noqa: PTH118
    if os.path.commonpath([base, path]) != base or "\0" in path:
        return None
    found = Path(path)
    return found if found.is_file() else None


def thumbnails(paths: Sequence[Path]) -> list[bytes | None]:
    """A JPEG of at most `SIDE` pixels for each of *paths*, None where one cannot be read."""
    if not paths:
        return []
    with WorkerPool(min(2, len(paths)), timeout_s=_TIMEOUT_S) as pool:
        made = pool.ordered(_thumbnail, paths, in_flight=4)
        return [None if isinstance(result, PhotoError) else result for _, result in made]


def _thumbnail(path: Path) -> bytes:
    """Runs in a worker. Raises PhotoError for a file that cannot be read."""
    from PIL import Image

    from afdcli.codec.read import read_photo
    from afdcli.view.crop import upright

    photo = read_photo(path, salvage=True)
    image = Image.fromarray(upright(photo))
    image.thumbnail((SIDE, SIDE))
    file = io.BytesIO()
    image.save(file, "JPEG", quality=_QUALITY, optimize=True)
    return file.getvalue()
