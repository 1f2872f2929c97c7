"""`afd sort`: into folders and back, without ever losing or replacing a file."""

from __future__ import annotations

import json
import os
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from kit.command import afd, one_line
from typer.testing import Result

from afdcli.constants import FAILED
from afdcli.errors import UsageError
from afdcli.results.metadata import metadata_path
from afdcli.results.origins import Origins
from afdcli.results.parts import PartsSink
from afdcli.results.rows import Columns, Row, TopClass
from afdcli.results.writers import open_sink
from afdcli.sort import files, run
from afdcli.sort.moves import MOVE, MoveList
from afdcli.sort.plan import Plan
from afdcli.sort.run import Sorting
from afdcli.sort.undo import undo
from afdcli.storage.folders import Folder
from afdcli.storage.lock import locked

LIST = "sorted/afd-moves.jsonl"


def row(path: str, label: str = "", prob: float = 0.8, quality: float | None = None) -> Row:
    if not label:
        return Row(path, FAILED, "truncated", note="ends early")
    best = (TopClass(label, 0, prob),)
    return Row(path, codec="jpeg", quality=quality, top_classes=best, direct=best)


def write(rows: list[Row], out: str = "r.csv", inputs: tuple[str, ...] = ("photos",)) -> None:
    """Results *out* of *rows*, and a file for each row that has none."""
    columns = Columns(compare=True)
    if Path(out).suffix == ".parquet":
        with PartsSink(Folder(Path(out)), columns, 2) as sink:
            sink.write(rows)
    else:
        with open_sink(Path(out), columns) as lines:
            lines.write(rows)
    places = [str(Path(name).absolute()) for name in inputs]
    metadata_path(Path(out)).write_text(json.dumps({"options": {"inputs": places}}))


def photos(*names: str) -> None:
    for name in names:
        path = Path("photos", name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode("utf-8", "surrogateescape"))


def tree(top: str) -> dict[str, bytes]:
    """Path -> content of all files below *top*, without lists of moves."""
    found = (p for p in Path(top).rglob("*") if not p.is_dir() and p.suffix != ".jsonl")
    return {p.relative_to(top).as_posix(): p.read_bytes() for p in found}


def sort(*words: str) -> Result:
    return afd("sort", "r.csv", "--to", "sorted", *words)


NAMES = ("a.jpg", "deep/a.jpg", "b.jpg", "broken.jpg", "odd\udcff.jpg")


@pytest.fixture
def sorted_here(here: Path) -> Path:
    """Pictures, their results, and nothing sorted yet."""
    photos(*NAMES)
    write(
        [
            row("a.jpg", "cat"),
            row("deep/a.jpg", "cat", 0.9),
            row("b.jpg", "../AC/DC", 0.3),
            row("broken.jpg"),
            row("odd\\xff.jpg", "cat"),
        ]
    )
    return here


def test_moves_and_puts_back(sorted_here: Path) -> None:
    before = tree("photos")
    result = sort()
    assert result.exit_code == 0, result.output
    assert "4 pictures moved into 2 folders" in result.stdout
    assert "1 picture stays where it is: its row has no label" in result.stdout
    assert f"undo: afd sort --undo {LIST}" in result.stdout
    assert tree("photos") == {"broken.jpg": b"broken.jpg"}
    assert tree("sorted") == {
        "cat/a.jpg": b"a.jpg",
        "cat/a-2.jpg": b"deep/a.jpg",
        "cat/odd\udcff.jpg": b"odd\xff.jpg",
        "%2E.%2FAC%2FDC/b.jpg": b"b.jpg",
    }
    shutil.rmtree("photos/deep")  # an empty folder that the user tidied away
    result = afd("sort", "--undo", LIST)
    assert result.exit_code == 0, result.output
    assert "4 pictures put back" in result.stdout
    assert tree("photos") == before
    assert [p.name for p in Path("sorted").iterdir()] == ["afd-moves.jsonl"]
    one_line(afd("sort", "--undo", LIST), 2, "has been undone already")
    assert sort().exit_code == 0  # again, with a list of its own
    assert Path("sorted/afd-moves-2.jsonl").is_file()


@pytest.mark.parametrize("how", ["--link", "--copy"])
def test_links_and_copies_leave_the_files(sorted_here: Path, how: str) -> None:
    before = tree("photos")
    assert sort(how).exit_code == 0
    assert tree("photos") == before
    assert len(tree("sorted")) == 4
    assert Path("sorted/cat/a.jpg").is_symlink() == (how == "--link")
    if how == "--copy":
        Path("sorted/cat/a.jpg").write_bytes(b"edited")
        result = afd("sort", "--undo", LIST)
        assert result.exit_code == 1
        assert "3 copies and links removed" in result.stdout
        assert "not put back: 1, e.g." in result.stderr and "changed since" in result.stderr
        assert tree("sorted") == {"cat/a.jpg": b"edited"}
        Path("sorted/cat/a.jpg").unlink()
    assert afd("sort", "--undo", LIST).exit_code == 0
    assert tree("sorted") == {}
    assert tree("photos") == before


def test_undo_keeps_a_copy_whose_original_is_gone(sorted_here: Path) -> None:
    assert sort("--copy").exit_code == 0
    before = tree("sorted")
    shutil.rmtree("photos")
    result = afd("sort", "--undo", LIST)
    assert result.exit_code == 1
    assert "its original is gone, so the copy stays" in " ".join(result.stderr.split())
    pictures = {name: data for name, data in tree("sorted").items() if name.endswith(".jpg")}
    assert pictures
    assert all(before[name] == data for name, data in pictures.items())


def test_unsure(sorted_here: Path) -> None:
    assert sort("--min-prob", "0.5").exit_code == 0
    assert tree("sorted")["unsure/b.jpg"] == b"b.jpg"
    assert len(tree("sorted")) == 4


def test_unsure_by_the_column(here: Path) -> None:
    photos("a.jpg", "b.jpg")
    with open_sink(Path("r.csv"), Columns(min_prob=0.5)) as sink:
        sink.write([row("a.jpg", "cat", 0.4), row("b.jpg", "cat", 0.6)])
    words = ("--photos", "photos", "--copy")
    assert sort(*words).exit_code == 0
    assert set(tree("sorted")) == {"unsure/a.jpg", "cat/b.jpg"}
    assert afd("sort", "r.csv", "--to", "all", "--min-prob", "0", *words).exit_code == 0
    assert set(tree("all")) == {"cat/a.jpg", "cat/b.jpg"}
    assert afd("sort", "r.csv", "--to", "by", "--by", "unsure", *words).exit_code == 0
    assert set(tree("by")) == {"unsure/a.jpg", "sure/b.jpg"}


def test_dry_run_touches_nothing(sorted_here: Path) -> None:
    before = tree(".")
    result = sort("--dry-run")
    assert result.exit_code == 0
    assert "4 pictures would be moved into 2 folders" in result.stdout
    assert tree(".") == before
    assert not Path("sorted").exists()


def test_files_that_are_there_are_never_replaced(sorted_here: Path) -> None:
    Path("sorted/cat").mkdir(parents=True)
    Path("sorted/cat/a.jpg").write_bytes(b"mine")
    Path("sorted/cat/a-2.jpg").symlink_to("nowhere")
    assert sort().exit_code == 0
    assert Path("sorted/cat/a.jpg").read_bytes() == b"mine"
    assert Path("sorted/cat/a-3.jpg").read_bytes() == b"a.jpg"
    photos("b.jpg")
    Path("photos/b.jpg").write_bytes(b"a new one")
    result = afd("sort", "--undo", LIST)
    assert result.exit_code == 1
    assert "another file is at its old place" in result.stderr
    assert Path("photos/b.jpg").read_bytes() == b"a new one"
    assert tree("photos")["a.jpg"] == b"a.jpg"
    Path("photos/b.jpg").unlink()  # now there is room
    assert afd("sort", "--undo", LIST).exit_code == 0
    assert tree("photos")["b.jpg"] == b"b.jpg"
    assert Path("sorted/cat/a.jpg").read_bytes() == b"mine"


@pytest.mark.parametrize(
    ("by", "folders"),
    [
        ("status", {"ok", "failed"}),
        ("error", {"truncated"}),
        ("codec", {"jpeg"}),
        ("direct_label", {"cat", "%2E.%2FAC%2FDC"}),
    ],
)
def test_by_other_columns(sorted_here: Path, by: str, folders: set[str]) -> None:
    assert sort("--by", by).exit_code == 0
    assert {p.name for p in Path("sorted").iterdir() if p.is_dir()} == folders


def test_by_quality(here: Path) -> None:
    photos("a.jpg", "b.jpg", "c.jpg")
    write([row("a.jpg", "x", quality=9.6), row("b.jpg", "x", quality=75), row("c.jpg", "x")])
    assert sort("--by", "quality").exit_code == 0
    assert set(tree("sorted")) == {"QF 10-14/a.jpg", "QF 75-89/b.jpg"}


def test_links_among_the_pictures_still_lead_where_they_led(here: Path) -> None:
    photos("sub/real.jpg")
    Path("photos/link.jpg").symlink_to("sub/real.jpg")
    write([row("link.jpg", "cat")])
    assert sort().exit_code == 0
    assert Path("sorted/cat/link.jpg").read_bytes() == b"sub/real.jpg"
    assert not os.path.lexists("photos/link.jpg")
    assert afd("sort", "--undo", LIST).exit_code == 0
    assert Path("photos/link.jpg").readlink() == Path("sub/real.jpg")


@pytest.mark.parametrize("given", ["z.zip", "memory://sorting"])
def test_pictures_in_archives_and_at_urls_are_sorted_once_they_are_unpacked(
    here: Path, given: str
) -> None:
    photos("a.jpg")
    if given == "z.zip":
        zipfile.ZipFile(given, "w").close()
    inputs = [str(here / "photos"), given if "://" in given else str(here / given)]
    with open_sink(Path("r.csv"), Columns()) as sink:
        sink.write([row("a.jpg", "cat"), row("z.zip/x.jpg", "cat")])
    metadata_path(Path("r.csv")).write_text(json.dumps({"options": {"inputs": inputs}}))
    result = sort("--copy")
    assert result.exit_code == 1
    assert "not copied: 1, e.g. z.zip/x.jpg: it is " in result.stderr
    assert "and give --photos DIR" in result.stderr
    photos("z.zip/x.jpg")
    Path("z.zip").unlink(missing_ok=True)
    assert sort("--photos", "photos").exit_code == 0
    assert set(tree("sorted")) == {"cat/a.jpg", "cat/a-2.jpg", "cat/x.jpg"}


class Killed(BaseException):
    """Stands for `kill -9`."""


@pytest.mark.parametrize("how", ["move", "copy", "link"])
def test_killed_at_any_moment(here: Path, how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut off behind any operation on files, then undone and sorted again."""
    names = [f"{n}.jpg" for n in range(5)]
    rows = [row(name, "cat" if n % 2 else "dog") for n, name in enumerate(names)]
    rows[3] = row("3.jpg")
    monkeypatch.setattr(run, "_AT_ONCE", 3)

    def attempt(budget: int) -> bool:
        """Sort with *budget* operations; then undo. True if that was enough."""
        for folder in ("photos", "sorted"):
            shutil.rmtree(folder, ignore_errors=True)
        photos(*names)
        write(rows)
        before = tree("photos")
        with monkeypatch.context() as patch:
            complete = _run_with(budget, how, patch)
        if Path(LIST).is_file():
            if not complete:
                with pytest.raises(UsageError, match=f"interrupted: afd sort --undo {LIST}"):
                    sorting(how).run()
            assert not undo(Path(LIST)).problems.counts
        assert tree("photos") == before
        assert not [name for name in tree("sorted") if tree("sorted")[name]]
        return complete

    budget = 0
    while not attempt(budget):
        budget += 1
    assert budget > 6
    assert sorting(how).run().folders == {"cat": 1, "dog": 3}


def sorting(how: str) -> Sorting:
    return Sorting(Path("r.csv"), Path("sorted"), Plan(), Origins.of(Path("r.csv")), how)


def _run_with(budget: int, how: str, patch: pytest.MonkeyPatch) -> bool:
    """Sort until *budget* operations on files are used up; True if it was finished."""
    left = iter(range(budget))

    def counted(name: str, owner: object) -> None:
        real = getattr(owner, name)

        def operation(*args: object, **options: object) -> object:
            if not str(args[0]).endswith(".lock") and next(left, None) is None:
                raise Killed
            return real(*args, **options)

        patch.setattr(owner, name, operation)

    for name in ("replace", "unlink", "symlink_to"):
        counted(name, Path)
    counted("open", os)
    counted("copy2", shutil)
    try:
        sorting(how).run()
    except Killed:
        return False
    return True


def test_another_disk(sorted_here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A rename across disks fails; the file is then copied and removed."""
    import errno

    real = Path.replace

    def replace(self: Path, target: Path) -> Path:
        if self.parent != Path(target).parent:
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        return real(self, target)

    monkeypatch.setattr(Path, "replace", replace)
    before = tree("photos")
    changed = Path("photos/a.jpg").stat().st_mtime_ns
    assert sort().exit_code == 0
    assert len(tree("sorted")) == 4
    assert Path("sorted/cat/a.jpg").stat().st_mtime_ns == changed
    assert afd("sort", "--undo", LIST).exit_code == 0
    assert tree("photos") == before
    assert tree("sorted") == {}


def test_what_cannot_be_moved_is_said(sorted_here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("photos/a.jpg").unlink()

    def refuse(self: Path, target: Path) -> Path:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "replace", refuse)
    result = sort()
    assert result.exit_code == 2
    assert "afd: not moved: 3, e.g." in result.stderr and "Permission denied" in result.stderr
    assert "not moved: 1, e.g. a.jpg: there is no such file any more" in result.stderr
    assert tree("sorted") == {}


def test_parts_and_a_sorted_folder_sorted_again(here: Path) -> None:
    photos("cat/a.jpg", "cat/b.jpg", "cat/c.jpg")
    rows = [row("cat/a.jpg", "cat"), row("cat/b.jpg", "dog"), row("cat/c.jpg", "cat")]
    write(rows, "r.parquet")
    result = afd("sort", "r.parquet", "--to", "photos")
    assert result.exit_code == 0, result.output
    assert "2 pictures already in place" in result.stdout
    assert set(tree("photos")) == {"cat/a.jpg", "dog/b.jpg", "cat/c.jpg"}


def test_mistakes_are_one_line(sorted_here: Path) -> None:
    Path("file").write_text("x")
    for words, parts in (
        (("r.csv",), ("give --to DIR",)),
        (("r.csv", "--to", "x", "--link", "--copy"), ("exclude each other",)),
        (("r.csv", "--to", "file"), ("not a folder",)),
        (("r.csv", "--to", "x", "--by", "prob"), ("holds numbers", "choose", "label")),
        (("r.csv", "--to", "x", "--by", "colour"), ("no column",)),
        (("r.csv", "--to", "x", "--by", "codec", "--min-prob", "0.5"), ("--by codec",)),
        (("other.csv", "--to", "x"), ("no such file",)),
        (("r.csv", "--to", "x", "--photos", "nowhere"), ("no such",)),
        (("--undo", "nothing.jsonl"), ("no such file",)),
        (("--undo", "r.csv"), ("not a list of moves",)),
        (("r.csv", "--undo", "x"), ("only the list",)),
    ):
        one_line(afd("sort", *words), 2, *parts)
    assert len(tree("photos")) == len(NAMES)


def test_two_sorts_at_once(sorted_here: Path) -> None:
    with locked(Path(LIST)), pytest.raises(UsageError, match="another run"):
        sorting(MOVE).run()


@pytest.mark.parametrize("target", ["../x.jpg", "/etc/x.jpg"])
def test_a_list_from_a_stranger_stays_inside(here: Path, target: str) -> None:
    Path("x.jpg").write_bytes(b"x")
    Path("d").mkdir()
    moves = MoveList(Path("d/afd-moves.jsonl"))
    record = {"row": 1, "how": "move", "from": str(here / "y.jpg"), "to": target}
    moves.append([{"afd": "moves"}, record])
    one_line(afd("sort", "--undo", moves.path), 2, "leads out of the folder")
    assert Path("x.jpg").is_file()


def test_damaged_lists_are_refused(here: Path) -> None:
    for lines in ("{}\n", '{"afd": "moves"}\nx\n{"end": true}\n', '{"afd": "moves"}\n{"row": 1}\n'):
        Path("moves.jsonl").write_text(lines)
        assert afd("sort", "--undo", "moves.jsonl").exit_code == 2


def _names(moves: Iterator[object]) -> int:
    return sum(1 for _ in moves)


def test_a_cut_last_line_is_dropped(here: Path) -> None:
    Path("moves.jsonl").write_bytes(b'{"afd": "moves"}\n{"row": 1, "how": "mo')
    moves = MoveList(Path("moves.jsonl"))
    assert _names(moves.moves()) == 0
    moves.append([{"row": 2, "how": "move", "from": "/a", "to": "b"}])
    assert [move.row for move in moves.moves()] == [2]
    assert files.equal(Path("moves.jsonl"), Path("moves.jsonl"))


def test_truth_as_pandas_writes_it(here: Path) -> None:
    """Joined with rows that have none, 1 becomes 1.0; other tools write TRUE."""
    photos("a.jpg", "b.jpg", "c.jpg")
    lines = ["path,status,error,label,prob,correct,unsure,problem"]
    lines += ["a.jpg,ok,,cat,0.9,1.0,TRUE,blurry", "b.jpg,ok,,cat,0.9,0.0,FALSE,dark"]
    Path("r.csv").write_text("\n".join([*lines, "c.jpg,failed,corrupt,,,,,"]) + "\n")
    words = ("--photos", "photos", "--copy")
    for by, expected in (
        ("correct", {"right/a.jpg", "wrong/b.jpg"}),
        ("label", {"unsure/a.jpg", "cat/b.jpg"}),
        ("problem", {"blurry/a.jpg", "dark/b.jpg"}),
    ):
        assert afd("sort", "r.csv", "--to", by, "--by", by, *words).exit_code == 0
        assert {name for name in tree(by) if name.endswith(".jpg")} == expected


def test_a_cell_that_holds_no_number_is_named_and_what_was_moved_can_be_undone(here: Path) -> None:
    photos("a.jpg", "b.jpg")
    lines = ["path,status,error,label,prob", "a.jpg,ok,,cat,0.9", "b.jpg,ok,,cat,high"]
    Path("r.csv").write_text("\n".join(lines) + "\n")
    words = ("--photos", "photos", "--min-prob", "0.5")
    one_line(sort(*words), 2, "r.csv: row 2", "high")
    assert afd("sort", "--undo", LIST).exit_code == 0
    assert set(tree("photos")) == {"a.jpg", "b.jpg"}
