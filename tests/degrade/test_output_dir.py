"""Where copies are written, and what is never overwritten."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kit.degrading import afd, files, quality, rows
from kit.pictures import encoded, scene

from afdcli.degrade.output_dir import Names


def test_no_target_ever_leaves_the_output_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = tmp_path / "a" / "work"
    (work / "x").mkdir(parents=True)
    picture = encoded(scene(16, 16), "PNG")
    (tmp_path / "up.png").write_bytes(picture)
    (work / "here.png").write_bytes(picture)
    monkeypatch.chdir(work)
    before = set(tmp_path.rglob("*"))
    listed = f"../../up.png\n{tmp_path}/up.png\n\n./x/../here.png\nhere.png\n../gone.png\n"
    afd("-", "--out", "out", stdin=listed.encode(), code=1)
    table = rows(work / "out")
    up = f"{tmp_path.as_posix()[1:]}/up"  # by its full path, since it is outside
    outputs = [f"{up}.jpg", f"{up}-2.jpg", "here.jpg", "here-2.jpg", ""]
    assert [row["output"] for row in table] == outputs
    assert [row["error"] for row in table] == ["", "", "", "", "unreadable"]
    assert all(
        (work / "out") in p.parents for p in set(tmp_path.rglob("*")) - before - {work / "out"}
    )


def test_a_link_out_of_the_output_folder_is_not_followed(photos: Path, tmp_path: Path) -> None:
    (photos / "broken.jpg").unlink()
    out, elsewhere = tmp_path / "out", tmp_path / "elsewhere"
    afd(photos, "--out", out)
    elsewhere.mkdir()
    (elsewhere / "precious.jpg").write_text("mine")
    for path in (out / "sub").iterdir():
        path.unlink()
    (out / "sub").rmdir()
    (out / "sub").symlink_to(elsewhere)
    (out / "a.jpg").unlink()
    (out / "a.jpg").symlink_to(elsewhere / "precious.jpg")
    (out / "manifest.csv").rename(elsewhere / "list.csv")
    (out / "manifest.csv").symlink_to(elsewhere / "list.csv")
    old = (elsewhere / "list.csv").read_bytes()
    result = afd(photos, "--qf", 25, "--out", out, "--overwrite", code=2)
    assert "leads out of" in result.stderr
    assert (elsewhere / "precious.jpg").read_text() == "mine"
    assert (elsewhere / "list.csv").read_bytes() == old
    assert sorted(p.name for p in elsewhere.iterdir()) == ["list.csv", "precious.jpg"]
    assert quality((out / "a.jpg").read_bytes()) == 25  # the link itself was replaced


def test_files_of_others_are_not_overwritten(photos: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "a.jpg").write_text("precious")
    assert "not from afd degrade" in afd(photos, "--out", mine, code=2).stderr
    assert files(mine) == {"a.jpg": b"precious"}
    before = files(photos)
    for sources in ([photos], [photos / "a.jpg"], [photos / "sub", photos / "a.jpg"]):
        afd(*sources, "--out", photos, code=2)
    assert files(photos) == before
    afd(photos, "--out", photos / "a.jpg", code=2)
    assert files(photos) == before


def test_sources_in_an_older_output_folder_are_refused(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    afd(photos, "--qf", "25,10", "--out", out, code=1)
    before = files(out)
    assert "choose another --out" in afd(out / "qf25", "--out", out, code=2).stderr
    assert files(out) == before
    name = f"{out}/qf25/a.jpg\n{photos}/a.jpg\n".encode()
    afd("-", "--qf", 7, "--out", out, "--overwrite", stdin=name, code=1)
    refused, done = rows(out)
    assert (refused["status"], done["status"]) == ("failed", "ok")
    assert "output folder" in refused["note"]
    assert (out / "qf25" / "a.jpg").read_bytes() == before["qf25/a.jpg"]
    assert set(files(out)) == {"manifest.csv", "qf25/a.jpg", done["output"]}


@settings(derandomize=True, max_examples=60, deadline=None)
@given(
    st.lists(
        st.text(st.sampled_from("aAé́.-2/jpgn\\x"), min_size=1, max_size=9), min_size=1, max_size=12
    )
)
def test_names_are_distinct_inside_and_repeatable(relatives: list[str]) -> None:
    names = Names(".jpg")
    taken = [names.take(relative) for relative in relatives]
    assert len({str(path).casefold() for path in taken}) == len(taken)
    folders = {parent for path in taken for parent in path.parents}
    for path in taken:
        assert path not in folders  # a name is a file or a folder
        assert not path.is_absolute()
        assert ".." not in path.parts
        assert path.suffix == ".jpg"
    again = Names(".jpg")
    assert [again.take(relative) for relative in relatives] == taken


@pytest.mark.parametrize(
    ("relatives", "outputs"),
    [
        (["a.png", "a.jpg", "a.gif"], ["a.jpg", "a-2.jpg", "a-3.jpg"]),
        (["a.png", "a-2.png", "a.jpg"], ["a.jpg", "a-2.jpg", "a-3.jpg"]),
        (["a.png", "a.jpg", "a-2.jpg"], ["a.jpg", "a-2.jpg", "a-2-2.jpg"]),
        (["A.png", "a.jpg"], ["A.jpg", "a-2.jpg"]),
        (["a.jpg/b.png", "a.png"], ["a.jpg/b.jpg", "a-2.jpg"]),
        (["a.png", "a.jpg/b.png", "a.jpg/c.png"], ["a.jpg", "a.jpg-2/b.jpg", "a.jpg-2/c.jpg"]),
        (["scan", "b.v2", "c.tar.png"], ["scan.jpg", "b.v2.jpg", "c.tar.jpg"]),
        (["x" * 254 + ".gif"], ["x" * 251 + ".jpg"]),
    ],
)
def test_names(relatives: list[str], outputs: list[str]) -> None:
    names = Names(".jpg")
    assert [str(names.take(relative)) for relative in relatives] == outputs


def test_many_inputs_of_one_name_take_no_longer_each() -> None:
    names = Names(".jpg")
    assert [str(names.take("a.png")) for _ in range(5_000)][-1] == "a-5000.jpg"
