"""The rooms of the house: data flows one way, and nothing goes in circles."""

from __future__ import annotations

import ast
from graphlib import TopologicalSorter
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1] / "afdcli"
#: Lowest first: a room imports from itself and from rooms above it in this list.
ROOMS = [
    *("errors", "constants", "version", "storage", "codec", "core", "view", "models", "inputs"),
    *("results", "workers", "inference", "train", "degrade", "classify", "inspect", "report"),
    *("sort", "cli", "afdcli", "__main__"),
]
#: What the maths and what runs in readers must not load.
FORBIDDEN = {
    "core": ("timm", "typer", "rich", "PIL"),
    "codec": ("torch", "timm", "typer", "rich"),
    "view": ("torch", "timm", "typer", "rich"),
}


def imports(path: Path) -> list[str]:
    """Dotted names that a file imports anywhere, inside functions too."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            found += [name if is_module(name) else node.module for name in names]
    return found


def is_module(name: str) -> bool:
    return name in FILES


def files() -> dict[str, Path]:
    """Dotted name -> file of the package."""
    names = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        names[".".join(part for part in parts if part != "__init__")] = path
    return names


def room(name: str) -> str:
    """`core` of `afdcli.core.fde`; `afdcli` is the package itself."""
    return name.removeprefix("afdcli.").split(".")[0]


def order(name: str) -> int:
    return ROOMS.index(room(name))


FILES = files()
IMPORTS = {name: imports(path) for name, path in FILES.items()}


def test_every_room_is_in_the_order() -> None:
    assert {room(name) for name in FILES} == set(ROOMS)


def test_imports_lead_downwards() -> None:
    wrong = []
    for name, found in IMPORTS.items():
        for imported in found:
            top = imported.split(".")[0]
            upwards = top == "afdcli" and order(imported) > order(name)
            if upwards or top in FORBIDDEN.get(room(name), ()):
                wrong.append(f"{name} imports {imported}")
    assert not wrong


def test_no_circle_of_files() -> None:
    graph = {
        name: {imported for imported in found if imported in FILES and imported != name}
        for name, found in IMPORTS.items()
    }
    list(TopologicalSorter(graph).static_order())  # raises CycleError


def test_files_are_small() -> None:
    lengths = {name: len(path.read_text("utf-8").splitlines()) for name, path in FILES.items()}
    assert {name: length for name, length in lengths.items() if length > 300} == {}
