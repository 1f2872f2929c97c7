"""`afd classify` over HEIC and JPEG XL, in folders and archives."""

from __future__ import annotations

import zipfile
from pathlib import Path

from kit.classify import afd, jpeg, table
from kit.pictures import encoded, heic, jxl_of_jpeg, scene


def test_rows_of_heic_and_jpeg_xl(kit: Path, here: Path) -> None:
    photo = jpeg(1, quality=12)
    files = {
        "a.heic": heic(scene(64, 80)),
        "b": heic(scene(64, 80)),  # known by its first bytes
        "c.jpg": photo,
        "d.jxl": jxl_of_jpeg(photo),
        "e.jxl": encoded(scene(64, 80), "JXL"),
        "f.heic": heic(scene(64, 80))[:500],
        "g.jxl": encoded(scene(64, 80), "JXL")[:200],
    }
    with zipfile.ZipFile("all.zip", "w") as file:
        for name, data in files.items():
            file.writestr(name, data)
    assert afd(kit, "all.zip").exit_code == 1
    rows = table()
    assert rows["path"].tolist() == [f"all.zip/{name}" for name in files]
    assert rows["status"].tolist() == ["ok"] * 5 + ["failed"] * 2
    assert rows["codec"].tolist()[:5] == ["heic", "heic", "jpeg", "jxl", "jxl"]
    assert rows["error"].tolist()[5:] == ["truncated", "corrupt"]
    same = ["width", "height", "quality", "drift", "label", "prob"]
    assert rows.loc[3, same].equals(rows.loc[2, same])  # the JPEG inside is the same
