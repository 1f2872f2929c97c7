"""`afd` in a process of its own that runs one command after another.

A new process takes seconds to load torch. Tests that need another environment, but not a new
process for each command, share one.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_LOOP = """
import json, sys
from typer.testing import CliRunner
from afdcli.cli.main import app
for line in sys.stdin:
    done = CliRunner().invoke(app, json.loads(line))
    print(json.dumps([done.exit_code, done.stdout, done.stderr]), flush=True)
"""


@dataclass(frozen=True)
class Done:
    """A command that has ended."""

    exit_code: int
    stdout: str
    stderr: str


@contextmanager
def fresh_afd(
    *prefix: str, environment: Mapping[str, str] | None = None, first: str = ""
) -> Iterator[Callable[..., Done]]:
    """Runs ``afd WORDS`` in one new process, started by *prefix*, which runs *first* before."""
    line = [*prefix, sys.executable, "-c", first + _LOOP]
    env = {**os.environ, **(environment or {})}
    pipe = subprocess.PIPE
    with subprocess.Popen(line, stdin=pipe, stdout=pipe, text=True, env=env) as process:
        assert process.stdin is not None and process.stdout is not None
        stdin, stdout = process.stdin, process.stdout

        def run(*words: str | Path) -> Done:
            stdin.write(json.dumps([str(word) for word in words]) + "\n")
            stdin.flush()
            return Done(*json.loads(stdout.readline()))

        yield run
