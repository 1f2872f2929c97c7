"""README, CHANGELOG and --help say what the code does."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from kit.command import afd
from typer.main import get_command

import afdcli
from afdcli.cli.main import app

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
GUIDES = ROOT / "examples" / "guides"
PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for path in (ROOT / "README.md", *ROOT.glob("examples/*/*.md"), ROOT / "weights" / "README.md")
)
COMMANDS = get_command(app).commands  # type: ignore[attr-defined]


def read(name: str) -> str:
    return (GUIDES / name).read_text(encoding="utf-8")


def _script(name: str) -> Any:
    """A script of examples/, as a module."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "examples" / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_commands_are_there() -> None:
    names = "classify report sort inspect models degrade train fuse config"
    assert list(COMMANDS) == names.split()  # in this order in afd --help


def test_the_guide_to_the_commands_is_what_help_says() -> None:
    """Every command and option is in it; `python examples/write_commands.py` makes it anew."""
    assert read("commands.md") == _script("write_commands").guide()
    for name, command in COMMANDS.items():
        assert f"## `afd {name}`" in read("commands.md")
        for option in (o for p in command.params for o in p.opts if o.startswith("--")):
            assert option in read("commands.md")


def test_the_week_in_the_guide_is_the_one_that_was_run() -> None:
    """`python examples/write_week.py` runs it anew; test_documents.py checks the options."""
    week = _script("write_week")
    commands = [f"$ {command}" for step in week.STEPS for command in step.commands]
    lines = read("a-week-with-afd.md").splitlines()
    assert list(dict.fromkeys(line for line in lines if line.startswith("$ "))) == commands
    for column in week.WIDTHS:
        printed = [[f"{step.title} in {column}\n"] for step in week.STEPS]
        page = week.page({columns: [text for (text,) in printed] for columns in week.WIDTHS})
        assert all(text[0] in page for text in printed)


def test_what_a_terminal_showed_becomes_text() -> None:
    week = _script("write_week")
    bar = "".join(f"\r\x1b[2K\x1b[35m━━━━\x1b[0m {n}/20 {n}.5 images/s" for n in (0, 7, 12, 19))
    raw = f"loading x …\r\n{bar}\r\n\x1b[1A\x1b[2K answers\x1b[1m!\x1b[0m\r\n"
    assert week.seen(raw) == "loading x …\n━━━━ 12/20 12.5 images/s\n answers!\n"
    line = "│ speed │ 3.4 images/s on cpu (123.4 s)  │"
    assert week.stable(line) == "│ speed │ 25.0 images/s on cpu (0.8 s)   │"
    bar = "━━╸━ 3/40 2.1 images/s 1 failed -:--:--"
    assert week.stable(bar) == "━━━━━━━━╸━━━━━━━━━━━ 18/40 25.0 images/s 1 failed 0:00:00"
    assert week.stable('"seconds": 1.61,') == '"seconds": 0.08,'


def test_the_readme_is_short() -> None:
    assert len(README.splitlines()) < 150


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_has_help(command: str) -> None:
    for parameter in COMMANDS[command].params:
        assert parameter.help, f"afd {command} {parameter.name}: no help"
    result = afd(command, "--help")
    assert result.exit_code == 0
    assert COMMANDS[command].help


def test_version_and_changelog_agree() -> None:
    result = afd("--version")
    assert result.stdout.strip() == f"afd {afdcli.__version__}"
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"## [{afdcli.__version__}]" in changelog


def test_images_have_the_version_as_their_tag() -> None:
    files = [*(ROOT / "examples" / "clusters").iterdir(), GUIDES / "systems.md"]
    tags = [t for f in files for t in re.findall(r"\bafdcli:([\w.]+)", f.read_text("utf-8"))]
    assert len(tags) >= 5 and set(tags) == {afdcli.__version__}


def test_every_column_is_described() -> None:
    from afdcli.results.rows import Columns

    every = Columns(topk=2, compare=True, labels=True, min_prob=0.5, exif=True).names
    table = read("results-file.md").split("## Columns")[1].split("\n## ")[0]
    described = set(re.findall(r"`(\w+)`", table))
    for column in every:
        name = column.removeprefix("direct_")  # described once, as direct_…
        assert {name, re.sub(r"_2$", "", name)} & described, f"results-file.md: no {column}"


def test_architecture_names_every_room() -> None:
    """The picture in the guide is the code's: each package folder is in it."""
    picture = read("architecture.md")
    for room in sorted(
        p.name for p in (ROOT / "afdcli").iterdir() if (p / "__init__.py").is_file()
    ):
        assert f"{room}/" in picture, f"architecture.md: afdcli/{room}/ is missing"


def test_files_that_architecture_points_to_exist() -> None:
    """Every path in the answers of "Where is it?"."""
    table = read("architecture.md").split("## Where is it?")[1].split("\n## ")[0]
    answers = [row.split("|")[2] for row in table.splitlines() if row.startswith("| ")][1:]
    assert len(answers) >= 20
    for answer in answers:
        paths = re.findall(r"`([\w/]+\.py)`", answer)
        assert paths, f"architecture.md: no file in: {answer}"
        for path in paths:
            assert (ROOT / "afdcli" / path).is_file(), f"architecture.md: {path} does not exist"


def test_every_error_code_is_described() -> None:
    from afdcli.errors import ErrorCode

    for code in ErrorCode:
        assert f"`{code}`" in read("results-file.md")


def _anchor(heading: str) -> str:
    """As GitHub makes it of a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")


@pytest.mark.parametrize("name", PAGES)
def test_links_lead_somewhere(name: str) -> None:
    """Files of the repository, and headings within them."""
    page = ROOT / name
    targets = re.findall(r"\]\((?!https?://)([^)\s]+)\)", page.read_text(encoding="utf-8"))
    for target in targets:
        file, _, anchor = target.partition("#")
        linked = page.parent / file if file else page
        assert linked.is_file(), f"{name}: {target}"
        if anchor:
            headings = re.findall(r"^#+ (.+)$", linked.read_text(encoding="utf-8"), re.M)
            assert anchor in map(_anchor, headings), f"{name}: {target}"
