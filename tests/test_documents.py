"""What README and guides tell to type works: their commands are run, in order, page by page.

A block that is not run carries a mark that says why, see `kit.documents`.
"""

from __future__ import annotations

import re
import shlex
import shutil
import sys
from itertools import pairwise
from pathlib import Path
from types import ModuleType

import pytest
from kit import results, small_models
from kit.classify import jpeg
from kit.command import afd
from kit.documents import Block, blocks, inline_commands
from typer.main import get_command

from afdcli.cli.main import app

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for path in (
        *(ROOT / "README.md", ROOT / "weights" / "README.md", ROOT / ".github" / "CONTRIBUTING.md"),
        *(ROOT / "examples").rglob("*.md"),
    )
)
LANGUAGES = ("sh", "console", "python", "text")
ROOT_OPTIONS = ("--help", "--version", "--debug", "--install-completion")
COMMANDS = get_command(app).commands  # type: ignore[attr-defined]
#: Hours of training become seconds, and nothing is downloaded.
SHORTER = [
    (re.compile(r"--minutes [\d.]+"), "--minutes 0.02"),
    (re.compile("pretrained=True"), "pretrained=False"),
]


def blocks_of(page: str) -> list[Block]:
    return list(blocks(ROOT / page, page))


def commands_of(page: str) -> list[str]:
    return [c for b in blocks_of(page) for c in b.commands()] + inline_commands(ROOT / page)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the pages take for granted: photos, and a classifier of the reader's own."""
    monkeypatch.chdir(tmp_path)
    examples = ROOT / "examples"
    shutil.copytree(examples / "photos", tmp_path / "examples" / "photos")
    shutil.copy(examples / "photos_labels.csv", tmp_path / "examples")
    drawn = sorted((examples / "photos" / "compressed").glob("*.jpg"))
    for photo in drawn[:4]:
        kind = photo.stem.rpartition("_q")[0].replace("_", " ")
        (tmp_path / "photos" / kind).mkdir(parents=True, exist_ok=True)
        shutil.copy(photo, tmp_path / "photos" / kind)
    (tmp_path / "good_photos").mkdir()
    for n in range(24):
        (tmp_path / "good_photos" / f"{n}.jpg").write_bytes(jpeg(n, (160, 160), quality=95))
    shutil.copytree(tmp_path / "photos", tmp_path / "kept_photos")
    shutil.copy(drawn[0], tmp_path / "a.jpg")
    shutil.copy(drawn[1], tmp_path / "b.jpg")
    (tmp_path / "your_models.py").write_text(small_models.source("YOUR_MODEL"))
    small_models.save_weights(tmp_path / "weights.safetensors")
    results.write("part1.csv", results.compared())
    # Exporting takes its time; torch will do. Nor is there an earlier start with OpenVINO.
    monkeypatch.setitem(sys.modules, "openvino", None)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path


def shorter(text: str) -> str:
    for pattern, instead in SHORTER:
        text = pattern.sub(instead, text)
    return text


def run(command: str, block: Block) -> str:
    """What a command prints; it must end well, or with failed images, as its own words say."""
    name, *words = shlex.split(shorter(command))
    assert name == "afd", f"{block.where}: {command}: neither run by this test nor marked"
    result = afd(*words, columns=120)
    some_failed = result.exit_code == 1 and "failed" in result.output
    assert result.exit_code == 0 or some_failed, f"{block.where}: {command}\n{result.output}"
    return str(result.output)


def skeleton(text: str) -> str:
    """*text* without what may differ from machine to machine: numbers and spaces."""
    return " ".join(re.sub(r"\d+(\.\d+)?", "0", text).split())


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Overwriting YOUR_MODEL")  # two pages import it
@pytest.mark.parametrize("page", PAGES)
def test_what_a_page_shows_works(folder: Path, page: str) -> None:
    for block in blocks_of(page):
        if block.language == "python" and not block.reason(""):
            module = sys.modules["page"] = ModuleType("page")  # in which models are registered
            exec(shorter("\n".join(block.lines)), module.__dict__)
        run_here = [c for c in block.commands() if not block.reason(c)]
        printed = skeleton(" ".join(run(command, block) for command in run_here))
        for line in block.output() if block.language == "console" and run_here else ():
            assert skeleton(line) in printed, f"{block.where}: not printed: {line}"


@pytest.mark.parametrize("page", PAGES)
def test_blocks_say_what_they_are(page: str) -> None:
    for block in blocks_of(page):
        assert block.language in LANGUAGES, f"{block.where}: sh, console, python or text?"
        for words, _ in block.marks:
            assert words in " ".join(block.commands()), f"{block.where}: a mark for nothing"
        for line in block.lines if block.language == "text" else ():
            assert not re.match(r"(\$ |afd |python |pip )", line), f"{block.where}: a command"


def choices_of(command: str) -> dict[str, list[str]]:
    """The options of an afd command that take one of some words, and these words."""
    params = COMMANDS[command].params
    words = {o: str(p.metavar).split("|") for p in params for o in p.opts}
    return {o: w for o, w in words.items() if len(w) > 1 and "".join(w).islower()}


@pytest.mark.parametrize("page", PAGES)
def test_commands_have_these_values(page: str) -> None:
    """Of options that take one of some words, unless a mark says that the code is an older one."""
    told = [c for b in blocks_of(page) for c in b.commands() if "commit" not in b.reason(c)]
    for command in told + inline_commands(ROOT / page):
        name, *words = shlex.split(command)
        pairs = list(pairwise(words))
        if name == "afd" and words[0] in COMMANDS:
            choices = choices_of(words[0])
            for option, value in pairs:
                if option in choices and value != "…":
                    assert set(value.split("|")) <= {*choices[option]}, f"{page}: {command}"
        elif name == "python" and words[0].startswith("examples/benchmarks/"):
            sources = [
                *(ROOT / "examples/benchmarks").glob("*.py"),
                ROOT / "afdcli/core/presets.py",
            ]
            text = "\n".join(source.read_text(encoding="utf-8") for source in sources)
            for option, value in pairs:
                if option in ("--lines", "--protocols", "--preset"):
                    for part in value.split(","):
                        assert f'"{part}"' in text, f"{page}: {command}: no {option} {part}"


@pytest.mark.parametrize("page", PAGES)
def test_commands_have_these_options_and_files(page: str) -> None:
    """Of all commands, also of those that are not run, and of those between the lines."""
    for command in commands_of(page):
        name, *words = command.split()
        options = {word.partition("=")[0] for word in words if re.match(r"--[a-z]", word)}
        if name == "afd" and words[0] in COMMANDS:
            known = {o for p in COMMANDS[words[0]].params for o in (*p.opts, *p.secondary_opts)}
            assert options <= known | {"--help"}, f"{page}: {command}: {options - known}"
        elif name == "afd":
            assert words[0] in ROOT_OPTIONS, f"{page}: {command}"
        elif name in ("python", "bash") and words[0] != "-m":
            script = ROOT / words[0]
            assert script.is_file(), f"{page}: {command}: no {words[0]}"
            sources = script.parent.glob("*.py")
            text = "\n".join(source.read_text(encoding="utf-8") for source in sources)
            for option in options:
                assert f'"{option}"' in text, f"{page}: {command}: no option {option}"
        for path in re.findall(r"\b(?:examples|weights|tests)/[\w./-]+", command):
            assert (ROOT / path).exists(), f"{page}: {command}: no {path}"
