"""Write examples/guides/a-week-with-afd.md: run its commands in terminals of 80 and 140 columns.

python examples/write_week.py

Times and rates of the machine are replaced, so that the page changes only if afd does.
"""

from __future__ import annotations

import os
import pty
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import textwrap
from dataclasses import dataclass
from functools import partial
from pathlib import Path

EXAMPLES = Path(__file__).resolve().parent
GUIDE = EXAMPLES / "guides" / "a-week-with-afd.md"
WIDTHS = (80, 140)
_HEAD = """# A week with afd

Written by `python examples/write_week.py`, which runs these commands in terminals of 80 and of 140
columns. Times, rates and progress are examples. The photos are the 20 of this repository.
"""
_MARK = "<!-- not run: examples/write_week.py has run it -->"


@dataclass(frozen=True)
class Step:
    """A heading, what is said below it, and the commands whose output is shown."""

    title: str
    text: str
    commands: tuple[str, ...]
    file: tuple[str, str] = ("", "")  # written before: name and content


STEPS = (
    Step("What is there?", "The commands, in the order of use:", ("afd --help",)),
    Step(
        "Before a long run",
        "What is in the folder, will AFD help, and how long will it take? Nothing is written.",
        ("afd classify examples/photos --dry-run",),
    ),
    Step(
        "Try a part",
        "`--limit` takes the first images, `--sample N --seed S` draws them at random.",
        ("afd classify examples/photos --sample 4 --seed 1 --out sample.csv",),
    ),
    Step(
        "Classify",
        "The bar is shown while it runs. Without a terminal (SLURM, Docker, cron) there is a line"
        " every 30 s instead. Without `--labels` and `--compare` the last columns are left out."
        " `--exif` adds time and place of the photos to the results, `--embeddings` writes their"
        " features.",
        (
            "afd classify examples/photos --labels examples/photos_labels.csv --compare --exif"
            " --min-prob 0.4 --embeddings embeddings.npy --export-failed failed.txt"
            " --out run.csv",
        ),
    ),
    Step(
        "An archive, for a script",
        "`--json` prints one object, and nothing else, on standard output.",
        (
            "python -m zipfile -c monday.zip examples/photos/garden examples/photos/broken.jpg",
            "afd classify monday.zip --out monday.csv --json --quiet",
        ),
    ),
    Step(
        "Report",
        "The same numbers are in the page, with pictures, for those who prefer to look.",
        ("afd report run.csv --html report.html --photos examples/photos",),
    ),
    Step(
        "Sort the photos, and put them back",
        "The failed one stays where it is.",
        ("afd sort run.csv --to sorted", "afd sort --undo sorted/afd-moves.jsonl"),
    ),
    Step(
        "Set options once",
        "In `afd.toml`:",
        ("afd config",),
        ("afd.toml", '[classify]\nmin-prob = 0.4\nexclude = ["thumbnails"]\n'),
    ),
)


def main() -> None:
    """Run everything and write the page."""
    shown: dict[int, list[str]] = {}
    for columns in WIDTHS:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            shutil.copytree(EXAMPLES / "photos", folder / "examples" / "photos")
            shutil.copy(EXAMPLES / "photos_labels.csv", folder / "examples")
            shown[columns] = [_run_step(step, columns, folder) for step in STEPS]
    GUIDE.write_text(page(shown), encoding="utf-8")


def page(shown: dict[int, list[str]]) -> str:
    """The text of the page; *shown* has what each step printed, for each width."""
    narrow, wide = (shown[columns] for columns in WIDTHS)
    parts = [_HEAD]
    for step, at_80, at_140 in zip(STEPS, narrow, wide, strict=True):
        parts.append(f"## {step.title}\n\n{textwrap.fill(step.text, 110)}\n")
        if step.file[0]:
            parts.append(f"```text\n{step.file[1]}```\n")
        parts.append(f"{_MARK}\n```console\n{at_80}```\n")
        if at_140 != at_80:
            parts.append(
                "<details><summary>In 140 columns</summary>\n\n"
                f"{_MARK}\n```console\n{at_140}```\n\n</details>\n"
            )
    return "\n".join(parts)


def _run_step(step: Step, columns: int, folder: Path) -> str:
    if step.file[0]:
        (folder / step.file[0]).write_text(step.file[1], encoding="utf-8")
    return "".join(f"$ {line}\n{_run(line, columns, folder)}" for line in step.commands)


def _run(command: str, columns: int, folder: Path) -> str:
    """What *command* shows in a terminal, colours and positions left out."""
    print(f"{columns}: {command}", file=sys.stderr)
    name, *words = shlex.split(command)
    words = ["-m", "afdcli", *words] if name == "afd" else words
    master, terminal = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, *words],
        cwd=folder,
        env={**os.environ, "COLUMNS": str(columns), "LINES": "50", "TERM": "xterm"},
        stdin=subprocess.DEVNULL,
        stdout=terminal,
        stderr=terminal,
    )
    os.close(terminal)
    raw = b"".join(iter(lambda: _read(master), b""))
    process.wait()
    os.close(master)
    return stable(seen(raw.decode()))


def _read(master: int) -> bytes:
    try:
        return os.read(master, 1 << 16)
    except OSError:  # so Linux says that nobody writes any more
        return b""


def seen(raw: str) -> str:
    """The lines of a terminal's output; of a bar, one state in the middle of the run."""
    lines: list[str] = []
    for line in raw.replace("\r\n", "\n").split("\n"):
        states = [re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", s) for s in re.split(r"\r|\x1b\[2K", line)]
        states = [state.rstrip() for state in states if state.strip()] or [""]
        bars = [state for state in states if "━" in state and "/" in state]
        middle = [bar for bar in bars if not re.search(r"\b0/", bar)]
        lines += middle[len(middle) // 2 :][:1] if bars else []
        lines += [] if states[-1] in bars else states[-1:]
    text = "\n".join(lines).strip("\n")
    return f"{text}\n" if text else ""


def stable(text: str) -> str:
    """*text* with examples instead of what depends on this machine, in the same width."""
    for pattern, example in (
        (r"about [\d.]+ s at [\d.]+ images/s on cpu", "about 0.8 s at 25.0 images/s on cpu"),
        (r"[\d.]+ images/s on cpu \([\d.]+ s\)", "25.0 images/s on cpu (0.8 s)"),
        (r'"images_per_second": [\d.]+', '"images_per_second": 25.0'),
        (r'"seconds": [\d.]+', '"seconds": 0.08'),
    ):
        # Spaces before the border of a table give way.
        fitted = partial(_fitted, example)
        text = re.sub(rf"{pattern}( *)(?=│|,|$)", fitted, text, flags=re.MULTILINE)
    bar = r"^[━╸╺ ]+\d+/(\d+) [\d.]+ (images/s.*?) +[-\d:]+$"
    text = re.sub(bar, _bar, text, flags=re.MULTILINE)
    return re.sub(r'"afd": \{.*?\n \}', '"afd": {…}', text, flags=re.DOTALL)


def _bar(found: re.Match[str]) -> str:
    total = int(found[1])
    return f"━━━━━━━━╸━━━━━━━━━━━ {9 * total // 20}/{total} 25.0 {found[2]} 0:00:00"


def _fitted(example: str, found: re.Match[str]) -> str:
    return example.ljust(len(found[0])) if found[1] else example


if __name__ == "__main__":
    main()
