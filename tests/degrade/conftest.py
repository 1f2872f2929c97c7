"""Fixtures of the tests of `afd degrade`."""

from __future__ import annotations

from pathlib import Path

import pytest
from kit.pictures import encoded, scene


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Five inputs in a folder: one broken, two that compete for a name, one in a subfolder."""
    folder = tmp_path / "photos"
    (folder / "sub").mkdir(parents=True)
    (folder / "a.jpg").write_bytes(encoded(scene(40, 60, 1), quality=95))
    (folder / "a.png").write_bytes(encoded(scene(48, 32, 2), "PNG"))
    (folder / "broken.jpg").write_bytes(encoded(scene(40, 60, 3))[:400])
    (folder / "sub" / "ünïcode, name.webp").write_bytes(encoded(scene(33, 47, 4), "WEBP"))
    (folder / "sub" / "z.bmp").write_bytes(encoded(scene(16, 16, 5), "BMP"))
    (folder / "readme.txt").write_text("no image")
    return folder
