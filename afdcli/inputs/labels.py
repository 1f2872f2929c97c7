"""True classes for ``--labels``: from the names of the folders, or from a CSV file.

Three ways to name a class are understood: its name as the classifier gives it, its index in the
classifier's output, and, for ImageNet classifiers, its WordNet synset such as ``n01440764``.
"""

from __future__ import annotations

import csv
import os
import re
import unicodedata
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from afdcli.errors import UsageError
from afdcli.inputs.found import Found
from afdcli.storage.text import printable

FOLDERS = "folders"
PATH_COLUMNS = ("path", "file", "filename", "file_name", "image", "name")
INDEX_COLUMNS = ("class_index", "index", "target")
NAME_COLUMNS = ("label", "class", "class_name", "synset")


class ClassFinder:
    """From what people write to a class index.

    Args:
        names: the classifier's class names, one per output.
        synsets: the classifier's WordNet synsets in the same order, () where it has none.
        aliases: more names per class (WordNet's other words), () where there are none.
    """

    def __init__(
        self,
        names: Sequence[str],
        synsets: Sequence[str] = (),
        aliases: Sequence[Iterable[str]] = (),
    ) -> None:
        self.count = len(names)
        indexed = list(enumerate(names))
        others = [(i, alias) for i, words in enumerate(aliases) for alias in words]
        # Looked up one after the other; a name that two classes share is in none of them.
        self._tables: tuple[Mapping[str, int], ...] = (
            _unambiguous((name, i) for i, name in indexed),
            {synset: i for i, synset in enumerate(synsets)},
            _unambiguous((fold(name), i) for i, name in indexed),
            _unambiguous((fold(name), i) for i, name in [*indexed, *others]),
        )

    def find(self, text: str, *, index_first: bool = False) -> int | None:
        """The class that *text* names, else None.

        A number is a class index, unless a class bears it as its name and not *index_first*.
        """
        text = text.strip()
        number = int(text) if re.fullmatch(r"[0-9]{1,9}", text) else self.count
        index = number if number < self.count else None
        if index_first and index is not None:
            return index
        for table, key in zip(self._tables, (text, text, fold(text), fold(text)), strict=True):
            if key in table:
                return table[key]
        return index

    @classmethod
    def of(cls, names: Sequence[str]) -> ClassFinder:
        """For a classifier with these class names; one of ImageNet's sizes gets its synsets."""
        from timm.data.imagenet_info import ImageNetInfo, infer_imagenet_subset

        subset = infer_imagenet_subset({"num_classes": len(names)})
        if subset is None:
            return cls(names)
        info: Any = ImageNetInfo(subset)
        synsets = info.label_names()
        words = [info.label_name_to_description(synset).split(", ") for synset in synsets]
        # A classifier of that many classes need not be ImageNet's: its names must say so.
        known = sum(
            name == synset
            or not {fold(word) for word in those}.isdisjoint(map(fold, name.split(", ")))
            for name, synset, those in zip(names, synsets, words, strict=True)
        )
        return cls(names, synsets, words) if 2 * known > len(names) else cls(names)


def fold(text: str) -> str:
    """*text* without case, spaces, underscores and hyphens, in one Unicode form."""
    return re.sub(r"[\s_\-]+", "", unicodedata.normalize("NFKC", text).casefold())


def _unambiguous(pairs: Iterable[tuple[str, int]]) -> dict[str, int]:
    classes: dict[str, set[int]] = defaultdict(set)
    for name, index in pairs:
        classes[name].add(index)
    return {name: next(iter(found)) for name, found in classes.items() if len(found) == 1}


class Labels(ABC):
    """The true class of each picture.

    Attributes:
        source: what was given to ``--labels``.
        unknown: how many pictures so far had a label that is no class of the classifier.
        missing: how many had none.
        example: one of the unknown labels.
    """

    def __init__(self, source: str, finder: ClassFinder) -> None:
        self.source = source
        self.unknown = 0
        self.missing = 0
        self.example = ""
        self._finder = finder

    @abstractmethod
    def lookup(self, found: Found) -> int | str | None:
        """Class index of *found*, a label that is no class, or None where there is no label."""

    def target(self, found: Found) -> int | None:
        """Class index of *found*, or None; counts the failures."""
        label = self.lookup(found)
        if isinstance(label, int):
            return label
        if label is None:
            self.missing += 1
        else:
            self.unknown += 1
            self.example = self.example or label
        return None

    def warning(self) -> str:
        """One sentence on pictures left without a target, or ""."""
        parts = []
        if self.unknown:
            parts.append(
                f"{self.unknown} with a label that is no class of this classifier"
                f" (e.g. {self.example!r})"
            )
        if self.missing:
            parts.append(f"{self.missing} without a label")
        return f"--labels {self.source}: {' and '.join(parts)}" if parts else ""

    @abstractmethod
    def no_match(self, inputs: Sequence[Found]) -> UsageError:
        """The error for a run over *inputs*, none of which has a label that fits."""


class FolderLabels(Labels):
    """The name of the folder that a picture lies in is its class."""

    def __init__(self, finder: ClassFinder) -> None:
        super().__init__(FOLDERS, finder)

    def lookup(self, found: Found) -> int | str | None:
        """See `Labels`."""
        name = _folder(found)
        index = self._finder.find(name)
        return name if index is None else index

    def no_match(self, inputs: Sequence[Found]) -> UsageError:
        """See `Labels`."""
        return UsageError(
            "--labels folders: no folder is named like a class of this classifier"
            f" (e.g. {_folder(inputs[0])!r}); give --labels FILE.csv, or the right --backbone"
        )


class FileLabels(Labels):
    """A CSV file with a column of paths and a column of classes.

    A picture's label is the entry with its path (as in the results, or as given), with or without
    the file's ending, for pictures that were converted; else the entry with its file name, if
    all entries of that name agree.

    Raises:
        UsageError: the file cannot be read or lacks a column, or none of its labels is a class.
    """

    def __init__(self, file: Path, finder: ClassFinder) -> None:
        super().__init__(str(file), finder)
        self._by_stem: dict[str, list[tuple[str, int | str]]] = defaultdict(list)
        some: int | str | None = None
        for path, label in self._read(file):
            path = printable(_plain(path))
            self._by_stem[_bare(path.rpartition("/")[2])].append((path, label))
            some = label if not isinstance(some, int) else some
        if not isinstance(some, int):
            reason = "it has no rows" if some is None else f"e.g. {some!r}"
            raise UsageError(f"--labels {file}: no label is a class of this classifier ({reason})")

    def lookup(self, found: Found) -> int | str | None:
        """See `Labels`."""
        name = found.relative.rpartition("/")[2]
        paths = {found.relative, printable(_plain(str(found.path)))}
        bare = {_bare(path) for path in paths}
        entries = self._by_stem.get(_bare(name), [])
        ways: tuple[Callable[[str], bool], ...] = (
            lambda path: path in paths,
            lambda path: _bare(path) in bare,
            lambda path: path.rpartition("/")[2] == name,
            lambda path: True,
        )
        for same in ways:
            labels = {label for path, label in entries if same(path)}
            if labels:
                return labels.pop() if len(labels) == 1 else None
        return None

    def no_match(self, inputs: Sequence[Found]) -> UsageError:
        """See `Labels`."""
        return UsageError(
            f"--labels {self.source}: it has no label that fits any of the pictures"
            f" (e.g. {inputs[0].relative!r}); its paths must be relative to the input folder,"
            " or bare file names"
        )

    def _read(self, file: Path) -> Iterator[tuple[str, int | str]]:
        try:
            with file.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as lines:
                reader = csv.DictReader(lines)
                columns = {name.strip().lower(): name for name in reader.fieldnames or ()}
                path, label = self._columns(file, columns)
                index_first = label in INDEX_COLUMNS
                for row in reader:
                    text = (row[columns[label]] or "").strip()
                    if row[columns[path]] and text:
                        index = self._finder.find(text, index_first=index_first)
                        yield row[columns[path]], text if index is None else index
        except OSError as error:
            raise UsageError(f"--labels {file}: {error.strerror or error}") from error
        except csv.Error as error:
            raise UsageError(f"--labels {file} is no CSV file: {error}") from error

    @staticmethod
    def _columns(file: Path, columns: Mapping[str, str]) -> tuple[str, str]:
        path = next((name for name in PATH_COLUMNS if name in columns), None)
        label = next((name for name in (*INDEX_COLUMNS, *NAME_COLUMNS) if name in columns), None)
        if path is None or label is None:
            raise UsageError(
                f"--labels {file} needs a header with a column of paths"
                f" ({', '.join(PATH_COLUMNS)}) and one of classes"
                f" ({', '.join((*INDEX_COLUMNS, *NAME_COLUMNS))}); it has"
                f" {', '.join(columns) or 'none'}"
            )
        return path, label


def load_labels(source: str, class_names: Sequence[str]) -> Labels:
    """What ``--labels`` names: "folders" or the path of a CSV file."""
    finder = ClassFinder.of(class_names)
    return FolderLabels(finder) if source == FOLDERS else FileLabels(Path(source), finder)


def _plain(path: str) -> str:
    """*path* in the form of `Found.relative`; a file made on Windows has backslashes."""
    return str(PurePosixPath(path if "/" in path else path.replace("\\", "/")))


def _bare(path: str) -> str:
    """*path* without the file's ending."""
    return os.path.splitext(path)[0]  # noqa: PTH122


def _folder(found: Found) -> str:
    return printable(found.path.absolute().parent.name)
