"""From the names in results back to files; lists of failed files for another try."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from kit import results
from kit.classify import afd, jpeg, table
from kit.results import row

from afdcli.errors import UsageError
from afdcli.inputs.inputs import Inputs
from afdcli.results.origins import Origins
from afdcli.results.retry import list_failed


def made(*names: str) -> None:
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_bytes(b"")


def origins(*inputs: str) -> Origins:
    return Origins([name if "://" in name else str(Path(name).absolute()) for name in inputs])


def test_folders_files_archives_and_urls(here: Path) -> None:
    made("a/x.jpg", "b/y.jpg", "c/odd\udcff.jpg", "c/z.jpg", "shards/s.tar")
    found = origins("a", "b", "c/odd\udcff.jpg", "c/z.jpg", "shards/s.tar", "s3://bucket/photos")
    assert found.find("x.jpg").file == here / "a/x.jpg"
    assert found.find("y.jpg").file == here / "b/y.jpg"
    for name in ("z.jpg", "c/z.jpg"):  # given explicitly: as seen from where afd was started
        assert found.find(name).file == here / "c/z.jpg"
    assert found.find("c/odd\\xff.jpg").file == here / "c/odd\udcff.jpg"
    assert found.find("s.tar/x.jpg").archive == here / "shards/s.tar"
    assert found.find("s.tar").file == here / "shards/s.tar"
    assert found.find("deep/w.jpg").url == "s3://bucket/photos/deep/w.jpg"
    assert origins("https://x.org/a.jpg").find("a.jpg").url == "https://x.org/a.jpg"


def test_what_cannot_be_told_is_said(here: Path) -> None:
    made("a/x.jpg", "b/x.jpg", "secret.jpg")
    assert "several inputs" in origins("a", "b").find("x.jpg").problem
    assert origins("a", "a").find("x.jpg").file == here / "a/x.jpg"
    assert "no such file" in origins("a").find("y.jpg").problem
    for name in ("../secret.jpg", str(here / "secret.jpg"), "a\0b"):
        assert origins("a").find(name).file is None


def test_the_metadata_name_the_inputs(here: Path) -> None:
    made("a/x.jpg")
    places = Inputs(["a", "-"], stdin=[]).places
    assert places == (str(here / "a"), str(here))
    results.write("r.csv", [], metadata={"options": {"inputs": places}})
    assert Origins.of(Path("r.csv")).find("x.jpg").file == here / "a/x.jpg"
    Path("a").rename("moved")
    assert Origins.of(Path("r.csv"), [Path("moved")]).find("x.jpg").file == here / "moved/x.jpg"
    with pytest.raises(UsageError, match="--photos other: no such"):
        Origins.of(Path("r.csv"), [Path("other")])
    for metadata in ({}, {"options": 3}, {"options": {"inputs": []}}, {"options": {"inputs": [1]}}):
        results.write("r.csv", [], metadata=metadata)
        with pytest.raises(UsageError, match="give --photos DIR"):
            Origins.of(Path("r.csv"))


def test_failed_files_are_tried_again(kit: Path, photos: Path) -> None:
    result = afd(kit, "photos", "--export-failed", "failed.txt")
    assert "retry: afd classify - < failed.txt (3 failed files)" in " ".join(result.output.split())
    lines = Path("failed.txt").read_text().splitlines()
    assert lines == [str(photos / "red" / name) for name in ("00.jpg", "04.jpg", "05.jpg")]
    later = afd(kit, "photos", "--resume", "--export-failed", "again.txt")
    assert later.exit_code == 1
    assert Path("again.txt").read_text() == Path("failed.txt").read_text()
    for path in lines:
        Path(path).unlink()
        Path(path).write_bytes(jpeg(1))
    retry = afd(kit, "-", "--export-failed", "failed.txt", stdin="\n".join(lines))
    assert retry.exit_code == 0, retry.output
    assert Path("failed.txt").read_text() == ""


def test_what_is_not_in_the_list_is_said(here: Path) -> None:
    made("a/line\nbreak.jpg", "a/x.jpg")
    with zipfile.ZipFile("z.zip", "w") as archive:
        archive.writestr("m.jpg", b"")
    names = ["line\nbreak.jpg", "x.jpg", "z.zip/m.jpg", "gone.jpg"]
    rows = [row(name, error="corrupt") for name in names]
    inputs = [str(here / "a"), str(here / "z.zip")]
    results.write("r.csv", rows, metadata={"options": {"inputs": inputs}})
    retry = list_failed(Path("r.csv"), Origins.of(Path("r.csv")), Path("failed.txt"))
    assert "3 failed rows are not in the list" in retry.remark
    for part in ("a line break", "z.zip, which can only be classified as a whole", "no such file"):
        assert part in retry.remark
    assert Path("failed.txt").read_text() == str(here / "a/x.jpg") + "\n"


def test_names_of_a_list_lead_back_to_its_files(
    kit: Path, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also if the current folder has files of the same names."""
    listed = [photos / "red" / "04.jpg", photos / "red" / "01.jpg", Path("near.jpg").absolute()]
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    for path in ("04.jpg", "01.jpg", "near.jpg"):
        Path(path).write_bytes(jpeg(9))
    lines = [*map(str, listed[:2]), "near.jpg", str(photos / "Stop_Sign")]
    result = afd(kit, "-", "--export-failed", "failed.txt", stdin="\n".join(lines))
    assert result.exit_code == 1, result.output
    names = table()["path"].tolist()
    folder = [str(path) for path in sorted((photos / "Stop_Sign").iterdir())]
    assert names == [*lines[:2], "near.jpg", *folder]
    assert Path("failed.txt").read_text() == lines[0] + "\n"
    found = Origins.of(Path("results.csv"))
    assert found.find("near.jpg").file == elsewhere / "near.jpg"
    assert "give --photos /" in found.find(names[1]).problem
    assert "no such file" in Origins(["/"]).find("/nowhere/x.jpg").problem
    assert Origins.of(Path("results.csv"), [Path("/")]).find(names[1]).file == Path(names[1])


def test_pictures_of_several_inputs_never_share_a_name(kit: Path, here: Path) -> None:
    for number, folder in enumerate(("cam1", "cam2", "a/photos", "b/photos")):
        Path(folder).mkdir(parents=True)
        Path(folder, "1.jpg").write_bytes(jpeg(number))
    folders = ["cam1", "cam2", "a/photos", "b/photos"]
    assert afd(kit, *folders).exit_code == 0
    names = table()["path"].tolist()
    assert names == [f"{folder}/1.jpg" for folder in folders]
    found = Origins.of(Path("results.csv"))
    assert [found.find(name).file for name in names] == [here / name for name in names]
    Path("cam1/1.jpg").unlink()
    assert "no such file" in found.find("cam1/1.jpg").problem
    Path("cam2").rename("moved")
    assert Origins.of(Path("results.csv"), [here]).find("a/photos/1.jpg").file == here / names[2]
    assert Origins.of(Path("results.csv"), [Path("cam1")]).find("cam2/1.jpg").file is None


def test_several_urls_are_told_apart_by_their_names() -> None:
    found = Origins(["s3://a/x", "s3://b/x"])
    assert found.find("b/x/1.jpg").url == "s3://b/x/1.jpg"


def test_several_urls_cannot_be_told_apart() -> None:
    found = Origins(["s3://a/x", "s3://b/x"]).find("1.jpg")
    assert "several URLs" in found.problem
