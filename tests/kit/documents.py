"""The fenced blocks of a Markdown page, their commands, and the marks that say what is not run.

A comment right before a block says why the block is not run::

    <!-- not run: needs the hub -->

and with words in brackets, which of its commands, those that hold them::

    <!-- not run (--backbone resnet50): needs the hub -->
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

_FENCE = re.compile(r"^\s*```(\w*)\s*$")
_MARK = re.compile(r"^<!-- not run(?: \(([^)]+)\))?: (.+) -->$")


@dataclass
class Block:
    """A fenced block.

    Attributes:
        where: ``PAGE:LINE``.
        language: what stands behind the backticks.
        lines: what stands between them.
        marks: words and reason of each mark before it; no words: the whole block.
    """

    where: str
    language: str
    marks: list[tuple[str, str]]
    lines: list[str] = field(default_factory=list)

    def reason(self, command: str) -> str:
        """Why *command* is not run; "" if it is."""
        return next((reason for words, reason in self.marks if words in command), "")

    def commands(self) -> list[str]:
        """Its commands in order, each on one line; none of Python and of plain text."""
        if self.language not in ("sh", "console"):
            return []
        text = "\n".join(self.lines).replace("\\\n", " ")
        lines = text.split("\n")
        if self.language == "console":
            lines = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
        parts = [part for line in lines for part in line.split(" && ")]
        return [shlex.join(words) for part in parts if (words := shlex.split(part, comments=True))]

    def output(self) -> list[str]:
        """The lines of a console that are no commands, without those that only say "and so on"."""
        said = [line.strip() for line in self.lines if not line.startswith("$ ")]
        return [line for line in said if line not in ("", "…")]


def blocks(page: Path, name: str) -> Iterator[Block]:
    """The blocks of *page*, in order; *name* is what they call it."""
    block: Block | None = None
    marks: list[tuple[str, str]] = []
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        if fence := _FENCE.match(line):
            if block is None:
                block, marks = Block(f"{name}:{number}", fence[1], marks), []
            else:
                yield block
                block = None
        elif block is not None:
            block.lines.append(line)
        elif mark := _MARK.match(line):
            marks.append((mark[1] or "", mark[2]))
        else:
            marks = []


def inline_commands(page: Path) -> list[str]:
    """Commands of ``afd`` and Python scripts between single backticks, outside of blocks."""
    text = re.sub(r"^\s*```.*?^\s*```", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    spans = re.findall(r"`((?:afd|python|bash) [^`]+)`", text)
    return [" ".join(span.replace("\\|", "|").split()) for span in spans]
