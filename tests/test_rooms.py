"""The rooms of the house: data flows one way, and nothing goes in circles."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from graphlib import TopologicalSorter
from importlib.util import resolve_name
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "afdcli"
#: Lowest first: a room imports from itself and from rooms above it in this list.
ROOMS = [
    *("errors", "constants", "version", "storage", "codec", "core", "view", "models", "inputs"),
    *("results", "workers", "inference", "train", "degrade", "classify", "inspect", "report"),
    *("sort", "cli", "afdcli", "__main__"),
]
#: The most lines that a room may have. Lower them when rooms shrink; no new room above 1,200.
MOST_LINES = {
    "storage": 700,
    "codec": 2800,
    "core": 1400,
    "view": 1150,
    "models": 3250,
    "inputs": 2450,
    "results": 1650,
    "workers": 950,
    "inference": 1300,
    "train": 1950,
    "degrade": 600,
    "classify": 2300,
    "inspect": 1050,
    "report": 3150,
    "sort": 800,
    "cli": 3550,
}
#: What the maths and what runs in readers must not load.
FORBIDDEN = {
    "core": ("timm", "typer", "rich", "PIL"),
    "codec": ("torch", "timm", "typer", "rich"),
    "view": ("torch", "timm", "typer", "rich"),
}
#: The only file of core that touches files; others neither import nor call these.
FILE_IO_IN_CORE = "afdcli.core.weights_file"
FILE_LIBRARIES = ("io", "os", "pathlib", "safetensors", "shutil", "tempfile", "afdcli.storage")
FILE_CALLS = ("open", "load", "save", "fromfile", "tofile", "memmap")


def files() -> dict[str, Path]:
    """Dotted name -> file of the package."""
    names = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        names[".".join(part for part in parts if part != "__init__")] = path
    return names


def imports(name: str, source: str) -> list[str]:
    """Dotted names that the file *name* imports anywhere, inside functions and in strings too."""
    path = FILES.get(name)
    package = name if path is not None and path.stem == "__init__" else name.rpartition(".")[0]
    return [found for node in ast.walk(ast.parse(source)) for found in imported(node, package)]


def imported(node: ast.AST, package: str) -> Iterator[str]:
    if isinstance(node, ast.Import):
        for alias in node.names:
            yield alias.name
            if not alias.asname:  # the name that is bound leads to everything that is loaded
                yield alias.name.split(".")[0]
    elif isinstance(node, ast.ImportFrom):
        base = resolve_name("." * node.level + (node.module or ""), package)
        for alias in node.names:
            inner = f"{base}.{alias.name}"
            yield inner if inner in FILES else base
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        # For `import_module`, whatever way the string goes there. "afdcli" alone is also the name
        # of the distribution.
        if node.value.startswith("afdcli.") and node.value.rstrip(".") in FILES:
            yield node.value.rstrip(".")
    elif isinstance(node, ast.Call) and called(node) in ("import_module", "__import__"):
        yield from (
            a.value for a in node.args if isinstance(a, ast.Constant) and a.value == "afdcli"
        )


def called(node: ast.Call) -> str:
    """`open` of `open(…)` and of `path.open(…)`."""
    return ast.unparse(node.func).rpartition(".")[2]


def mistakes(name: str, source: str) -> list[str]:
    """Imports of the file *name* that its room must not have."""
    wrong = []
    for found in imports(name, source):
        top = found.split(".")[0]
        upwards = top == "afdcli" and order(found) > order(name)
        if upwards or top in FORBIDDEN.get(room(name), ()):
            wrong.append(f"{name} imports {found}")
    if room(name) == "core" and name != FILE_IO_IN_CORE:
        libraries = [f for f in imports(name, source) if f.startswith(FILE_LIBRARIES)]
        calls = [called(n) for n in ast.walk(ast.parse(source)) if isinstance(n, ast.Call)]
        wrong += [f"{name} reads or writes files: {what}" for what in libraries]
        wrong += [f"{name} reads or writes files: {what}()" for what in calls if what in FILE_CALLS]
    return wrong


def room(name: str) -> str:
    """`core` of `afdcli.core.fde`; `afdcli` is the package itself."""
    return name.removeprefix("afdcli.").split(".")[0]


def order(name: str) -> int:
    return ROOMS.index(room(name))


FILES = files()
SOURCES = {name: path.read_text(encoding="utf-8") for name, path in FILES.items()}


def test_every_room_is_in_the_order() -> None:
    assert {room(name) for name in FILES} == set(ROOMS)


def test_imports_lead_downwards() -> None:
    assert [wrong for name, text in SOURCES.items() for wrong in mistakes(name, text)] == []


@pytest.mark.parametrize(
    "source",
    [
        "from afdcli.cli import main",
        "from ..cli import main",
        "from .. import cli",
        "from .. import Classifier",
        "from afdcli import Classifier",
        "import afdcli",
        "import afdcli.core.fde; afdcli.cli.main.app",
        "def f():\n    from afdcli.cli.main import app",
        "importlib.import_module('afdcli.cli.main')",
        "NAME = 'afdcli.cli.main'; import_module(NAME)",
        "import_module(f'afdcli.cli.{name}')",
        "import_module('afdcli').cli",
        "import PIL.Image",
        "from pathlib import Path",
        "import os.path",
        "from afdcli.storage import paths",
        "def f(path):\n    return open(path)",
        "torch.load('module.pt')",
        "array.tofile('module.bin')",
    ],
)
def test_wrong_imports_and_file_access_in_core_are_found(source: str) -> None:
    assert mistakes("afdcli.core.fde", source)
    assert not mistakes("afdcli.core.fde", "from .config import AFDConfig; import torch")
    assert not mistakes(FILE_IO_IN_CORE, "import os; from afdcli.storage.paths import trouble")


def test_no_circle_of_files() -> None:
    graph = {
        name: {found for found in imports(name, text) if found in FILES and found != name}
        for name, text in SOURCES.items()
    }
    list(TopologicalSorter(graph).static_order())  # raises CycleError


def test_files_are_small() -> None:
    lengths = {name: len(text.splitlines()) for name, text in SOURCES.items()}
    assert {name: length for name, length in lengths.items() if length > 300} == {}


def test_rooms_do_not_grow() -> None:
    lines = Counter(dict.fromkeys(MOST_LINES, 0))
    for name, path in FILES.items():
        if path.parent != PACKAGE:
            lines[room(name)] += len(SOURCES[name].splitlines())
    over = {name: count for name, count in lines.items() if count > MOST_LINES.get(name, 1200)}
    assert over == {}
