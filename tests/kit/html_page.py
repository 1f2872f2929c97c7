"""The page of `afd report --html`, read element by element."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

from PIL import Image

from kit.reporting import report
from kit.results import row, write

VOID = {"meta", "img", "br", "hr", "link", "input", "wbr"}


class Page(HTMLParser):
    """A page's elements in order, as (name, attributes, text until the next tag)."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.source = text
        self.found: list[tuple[str, dict[str, str], list[str]]] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open, f"never closed: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, {name: value or "" for name, value in attrs}, []))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, {name: value or "" for name, value in attrs}, []))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.found:
            self.found[-1][2].append(data)

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes, _ in self.found if name == tag]

    def texts(self, tag: str) -> list[str]:
        return ["".join(text).strip() for name, _, text in self.found if name == tag]

    def number(self, name: str, column: int = 0, table: int = 0) -> float:
        """The exact number in the row headed *name*, in the *table*-th that has such a row."""
        starts = [
            i
            for i, (tag, attributes, text) in enumerate(self.found)
            if tag == "th" and attributes.get("scope") == "row" and "".join(text).strip() == name
        ]
        cells = [attributes for tag, attributes, _ in self.found[starts[table] + 1 :]
                 if tag == "td"]  # fmt: skip
        return float(cells[column]["data-number"])


def page(*arguments: str) -> Page:
    result = report(*arguments, "--html", "page.html", "--format", "csv")
    assert result.exit_code == 0, result.output
    Path("s.csv").write_text(result.stdout, encoding="utf-8")
    return Page(Path("page.html").read_text(encoding="utf-8"))


def changed_pictures(folder: Path) -> None:
    """Results with pictures: 3 won, 1 lost, one gone, one that is no picture, one outside."""
    photos = folder / "photos"
    photos.mkdir()
    rows = []
    for i in range(3):
        rows.append(row(f"{i}<b>.jpg", "cat", "dog", "cat"))
        Image.new("RGB", (400, 300), (200, 30 * i, 9)).save(photos / f"{i}<b>.jpg")
    rows += [row("3.jpg", "dog", "cat", "cat"), row("gone.jpg", "cat", "dog", "cat")]
    Image.new("RGB", (300, 400), "blue").save(photos / "3.jpg")
    rows += [row("text.jpg", "cat", "dog", "cat"), row("../secret.jpg", "cat", "dog", "cat")]
    (photos / "text.jpg").write_text("not a picture")
    Image.new("RGB", (50, 50), "red").save(folder / "secret.jpg")
    write("r.csv", [*rows, row("same.jpg", "cat", "cat", "cat")])
