"""`afd classify --exif`: columns with time and place, however the results are written."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pandas as pd
import pytest
from kit import command
from kit.classify import afd, classifier, jpeg, table
from kit.pictures import after_start, segment
from PIL import Image
from PIL.ExifTags import GPS, IFD, Base

from afdcli import read_results

COLUMNS = ["exif_time", "exif_latitude", "exif_longitude"]


def taken(seed: int) -> bytes:
    block = Image.Exif()
    block.get_ifd(IFD.Exif)[Base.DateTimeOriginal] = f"2024:05:{seed + 1:02d} 12:30:59"
    block.get_ifd(IFD.GPSInfo).update(
        {
            GPS.GPSLatitudeRef: "S",
            GPS.GPSLatitude: (float(seed), 30.0, 0.0),
            GPS.GPSLongitudeRef: "E",
            GPS.GPSLongitude: (100.0, 0.0, 36.0),
        }
    )
    return after_start(jpeg(seed), segment(0xE1, block.tobytes()))


@pytest.fixture
def album(here: Path) -> Path:
    """Six photos with time and place, one without, one broken."""
    folder = here / "album"
    folder.mkdir()
    for n in range(6):
        (folder / f"{n}.jpg").write_bytes(taken(n))
    (folder / "6.jpg").write_bytes(jpeg(6))
    (folder / "7.jpg").write_bytes(taken(7)[:40])
    return folder


def expected(rows: pd.DataFrame) -> None:
    rows = rows.fillna({"exif_time": ""})
    assert rows["exif_time"].tolist() == [f"2024-05-0{n + 1}T12:30:59" for n in range(6)] + ["", ""]
    assert rows["exif_latitude"].tolist()[:6] == [-(n + 0.5) for n in range(6)]
    assert rows["exif_longitude"].tolist()[:6] == [100.01] * 6
    assert rows[COLUMNS[1:]][6:].isna().all(axis=None)


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
def test_columns_in_every_kind_of_results(kit: Path, album: Path, ending: str) -> None:
    assert afd(kit, "album", "--exif", "--out", f"one{ending}").exit_code == 1
    rows = read_results(f"one{ending}")
    assert [name for name in rows.columns if name.startswith("exif")] == COLUMNS
    expected(rows)
    parts = ("album", "--exif", "--out", f"many{ending}", "--rows-per-part", "3")
    assert afd(kit, *parts, "--workers", "2").exit_code == 1
    pd.testing.assert_frame_equal(read_results(f"many{ending}"), rows)
    (Path(f"many{ending}") / f"part-00002{ending}").unlink()
    assert afd(kit, *parts, "--resume").exit_code == 1
    pd.testing.assert_frame_equal(read_results(f"many{ending}"), rows)
    shown = command.afd("report", f"one{ending}", "--by", "exif_time", "--by", "exif_latitude")
    assert shown.exit_code == 0, shown.output
    assert "2024-05" in shown.stdout and "2024-05-01" not in shown.stdout  # by months
    assert "-5.5" in shown.stdout


def test_archives_and_what_is_not_asked_for(kit: Path, album: Path) -> None:
    with zipfile.ZipFile("album.zip", "w") as file:
        for path in sorted(album.iterdir()):
            file.write(path, path.name)
    assert afd(kit, "album.zip", "--exif").exit_code == 1
    expected(table())
    assert afd(kit, "album").exit_code == 1
    assert not set(COLUMNS) & set(table().columns)


def test_in_python(kit: Path, album: Path) -> None:
    rows = classifier(kit, exif=True).frame(sorted(album.iterdir()))
    expected(rows.fillna({"exif_time": ""}))
