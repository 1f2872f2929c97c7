"""README, CHANGELOG and --help say what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.main import get_command
from typer.testing import CliRunner

import afdcli
from afdcli.cli.main import app

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = get_command(app).commands  # type: ignore[attr-defined]


def section(command: str) -> str:
    """The part of the README under the heading of one command."""
    found = re.search(rf"^### `afd {command}`\n(.*?)(?=^#{{2,3}} )", README, re.M | re.S)
    assert found, f"README has no section '### `afd {command}`'"
    return found.group(1)


def test_the_six_commands_are_there() -> None:
    assert set(COMMANDS) == {"degrade", "train", "fuse", "classify", "report", "inspect"}


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_is_in_the_readme(command: str) -> None:
    text = section(command)
    for parameter in COMMANDS[command].params:
        for option in parameter.opts:
            # -h and --debug are the same everywhere, and described once.
            if option.startswith("--") and option not in ("--help", "--debug", "--quiet"):
                assert f"`{option}" in text, f"README, afd {command}: {option} is not described"


@pytest.mark.parametrize("command", COMMANDS)
def test_the_readme_names_no_option_that_does_not_exist(command: str) -> None:
    known = {option for p in COMMANDS[command].params for option in p.opts}
    for option in re.findall(r"^\| `(--[a-z-]+)", section(command), re.M):
        assert option in known, f"README, afd {command}: there is no {option}"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_has_help(command: str) -> None:
    for parameter in COMMANDS[command].params:
        assert parameter.help, f"afd {command} {parameter.name}: no help"
    result = CliRunner().invoke(app, [command, "--help"])
    assert result.exit_code == 0
    assert COMMANDS[command].help


def test_common_options_are_described() -> None:
    for option in ("--help", "--debug", "--quiet", "--version"):
        assert f"`{option}`" in README


def test_version_and_changelog_agree() -> None:
    result = CliRunner().invoke(app, ["--version"])
    assert result.stdout.strip() == f"afd {afdcli.__version__}"
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"## [{afdcli.__version__}]" in changelog


def test_architecture_names_every_room() -> None:
    """The picture in the README is the code's: each package folder is in it."""
    picture = README[README.index("## Architecture") :]
    for room in sorted(
        p.name for p in (ROOT / "afdcli").iterdir() if (p / "__init__.py").is_file()
    ):
        assert f"{room}/" in picture, f"README, Architecture: afdcli/{room}/ is missing"


def test_every_error_code_is_described() -> None:
    from afdcli.errors import ErrorCode

    for code in ErrorCode:
        assert f"`{code}`" in README


def test_core_is_pure() -> None:
    """core/ imports neither timm nor any other room but the errors; nothing imports the CLI."""
    for path in (ROOT / "afdcli").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        room = path.relative_to(ROOT / "afdcli").parts[0]
        imports = re.findall(r"^\s*(?:from|import) ([\w.]+)", text, re.M)
        for name in imports:
            if room not in ("cli", "__main__.py"):
                assert not name.startswith("afdcli.cli"), f"{path} imports the CLI"
            if room == "core":
                assert name.split(".")[0] not in ("timm", "typer", "rich", "PIL"), path
                if name.startswith("afdcli."):
                    assert name.split(".")[1] in ("core", "errors"), f"{path} imports {name}"
            if room in ("codec", "view"):
                assert name.split(".")[0] not in ("torch", "timm"), f"{path} imports {name}"


def _anchor(heading: str) -> str:
    """As GitHub makes it of a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")


@pytest.mark.parametrize("name", ["README.md", "examples/benchmarks/TRIALS.md"])
def test_links_lead_somewhere(name: str) -> None:
    """Files of the repository, and headings within them."""
    page = ROOT / name
    targets = re.findall(r"\]\((?!https?://)([^)\s]+)\)", page.read_text(encoding="utf-8"))
    assert targets
    for target in targets:
        file, _, anchor = target.partition("#")
        linked = page.parent / file if file else page
        assert linked.is_file(), f"{name}: {target}"
        if anchor:
            headings = re.findall(r"^#+ (.+)$", linked.read_text(encoding="utf-8"), re.M)
            assert anchor in map(_anchor, headings), f"{name}: {target}"
