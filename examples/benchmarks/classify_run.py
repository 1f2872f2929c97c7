"""Run `afd classify` as users do, and watch it from outside (Linux)."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from items import parts

WARM = 400  # rows that are not counted: what readers have read before the network is there
TICK = 0.02  # seconds between two looks at the results
MEMORY_TICK = 0.5


def command(item: str, imports: list[str], *options: str) -> list[str]:
    """`afd classify` with the classifier ``NAME[=CHECKPOINT][@MODULE]``, and *options*."""
    name, checkpoint, module = parts(item)
    line = [sys.executable, "-m", "afdcli", "classify", "-q", "--backbone", name]
    line += ["--checkpoint", checkpoint] if checkpoint else []
    line += ["--afd", module] if module else []
    return [*line, *(word for source in imports for word in ("--import", source)), *options]


@dataclass(frozen=True)
class Ran:
    """What a run showed.

    Attributes:
        rate: images/s, without the first `WARM` rows (half of all, if they are few); NaN if the
            others came with them.
        first_row: seconds from its start until a row is in the results.
        main, reader: peak resident memory of the main process and of its largest other one, MiB.
        rows: number of rows.
        precision: as in the metadata.
    """

    rate: float
    first_row: float
    main: float
    reader: float
    rows: int
    precision: str


def run(line: list[str], cache: Path, count: int, names: str = "") -> Ran:
    """Run a `command`.

    Args:
        cache: the user's cache folder.
        count: number of rows that are expected.
        names: standard input, for the input ``-``.
    """
    seen: list[tuple[int, float]] = []  # rows so far, and since when
    peaks, looked, at, lines = dict[int, float](), 0.0, 0, -1  # the first line has the columns
    with tempfile.TemporaryDirectory() as folder:
        out, given = Path(folder) / "r.csv", Path(folder) / "names"
        given.write_text(names)
        with given.open() as source:
            environment = {**os.environ, "XDG_CACHE_HOME": str(cache)}
            begin = time.perf_counter()
            process = subprocess.Popen([*line, "--out", str(out)], stdin=source, env=environment)
        running = True
        while running:
            running = process.poll() is None
            now = time.perf_counter()
            if more := _lines(out, at):
                at, lines = at + len(more), lines + more.count(b"\n")
                if lines > 0:
                    seen.append((lines, now - begin))
            if now - looked > MEMORY_TICK:
                peaks |= _peaks(process.pid)
                looked = time.perf_counter()
            time.sleep(TICK)
        if process.returncode or seen[-1][0] != count:
            raise SystemExit(f"afd classify failed: {' '.join(line)}")
        facts = json.loads(out.with_name("r.csv.meta.json").read_text())
    from_row, from_time = next(each for each in seen if each[0] >= min(WARM, count // 2))
    rate = (count - from_row) / (seen[-1][1] - from_time) if from_row < count else math.nan
    main = peaks.pop(process.pid)
    return Ran(rate, seen[0][1], main, max(peaks.values()), count, facts["precision"])


def _lines(out: Path, start: int) -> bytes:
    """What *out* has from byte *start* on; b"" if it is not there yet."""
    try:
        with out.open("rb") as file:
            file.seek(start)
            return file.read()
    except OSError:
        return b""


def _peaks(pid: int) -> dict[int, float]:
    """Peak resident memory, MiB, of process *pid* and all below it, as the kernel records it."""
    parents, peaks = {}, {}
    for status in Path("/proc").glob("[0-9]*/status"):
        with suppress(OSError):  # it has just ended
            facts = dict(line.split(":", 1) for line in status.read_text().splitlines())
            each = int(facts["Pid"])
            parents[each] = int(facts["PPid"])
            if "VmHWM" in facts:
                peaks[each] = int(facts["VmHWM"].split()[0]) / 1024

    def below(each: int) -> bool:
        return each == pid or (each in parents and below(parents[each]))

    return {each: peak for each, peak in peaks.items() if below(each)}
