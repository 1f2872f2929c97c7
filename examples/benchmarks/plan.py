"""How long and how much for a million, a hundred million, ten thousand million photos?

    python examples/benchmarks/plan.py PHOTOS --backbone NAME[=CHECKPOINT][@MODULE]
        [--import FILE.py] [--runtime R] [--core-hour 0.04] [--gigabits 10] --out DIR

Measures, on this machine: how many photos one core reads (decodes, coefficients, view); how many
`afd classify` does on one core, and as two shards on two cores at once. Then says how many cores a
budget of hours needs, what they cost, and where storage or the network becomes the limit. Writes
DIR/plan.csv.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import pandas as pd
from classify_run import command
from protocols import arguments, load

from afdcli.codec.limits import Limits
from afdcli.inputs.discover import discover
from afdcli.models.afd_file import view_of
from afdcli.workers.read_task import prepared

PHOTOS = (10**6, 10**8, 10**10)
NIGHT = 10.0  # hours


def reading_rate(item: str, args: argparse.Namespace) -> tuple[float, float]:
    """Photos per second that one core reads, and their mean size in kB."""
    spec = replace(view_of(*load(item, args.imports)), resize="fast")
    paths = [found.path for found in discover([args.photos])][: args.count]
    for path in paths[:8]:
        prepared(path, spec, Limits(), strict=False)
    begin = time.perf_counter()
    for path in paths:
        prepared(path, spec, Limits(), strict=False)
    rate = len(paths) / (time.perf_counter() - begin)
    return rate, statistics.mean(path.stat().st_size for path in paths) / 1000


def classify_rates(item: str, args: argparse.Namespace, cores: list[int]) -> float:
    """Photos per second of as many shards as *cores*, each tied to one of them."""
    line = command(item, args.imports, "--runtime", args.runtime, "--workers", "1")
    line.append(str(args.photos))
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    with tempfile.TemporaryDirectory() as folder:
        outs = [Path(folder) / f"{core}.csv" for core in cores]
        running = []
        for n, (core, out) in enumerate(zip(cores, outs, strict=True), 1):
            shard = ["--shard", f"{n}/{len(cores)}", "--out", str(out)]
            running.append(
                subprocess.Popen(["taskset", "--cpu-list", str(core), *line, *shard], env=env)
            )
        for process in running:
            if process.wait() not in (0, 1):
                raise SystemExit("afd classify failed")
        counts = [json.loads(out.with_name(f"{out.name}.meta.json").read_text()) for out in outs]
    return sum(c["counts"]["rows"] / c["counts"]["seconds"] for c in counts)


def plan(rate: float, kilobytes: float, args: argparse.Namespace) -> pd.DataFrame:
    """Cores, time, cost and traffic, by number of photos.

    Args:
        rate: photos per second of one core, everything included.
    """
    rows = []
    for photos in PHOTOS:
        core_hours = photos / rate / 3600
        cores = max(1.0, core_hours / NIGHT)
        gigabits = photos * kilobytes * 8e-6 / (NIGHT * 3600)
        rows.append(
            {
                "photos": f"{photos:.0e}",
                "core_hours": round(core_hours, 1),
                "cores_for_one_night": round(cores),
                "cost": round(core_hours * args.core_hour, 2),
                "terabytes": round(photos * kilobytes / 1e9, 2),
                "gigabits_per_second": round(gigabits, 3),
                "limit": "storage or network" if gigabits > args.gigabits else "classifier",
            }
        )
    return pd.DataFrame(rows)


def main() -> None:
    """Parse, measure, print, write."""
    parser = arguments(__doc__, many=False)
    parser.add_argument("--runtime", default="auto")
    parser.add_argument("--count", type=int, default=300, help="photos for the reading rate")
    parser.add_argument("--core-hour", type=float, default=0.04, help="price of a core for an hour")
    parser.add_argument("--gigabits", type=float, default=10.0, help="Gbit/s of the storage")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    cores = sorted(os.sched_getaffinity(0))[:2]
    reading, kilobytes = reading_rate(args.backbone, args)
    print(f"one core reads {reading:.0f} photos/s of {kilobytes:.0f} kB")
    one = classify_rates(args.backbone, args, cores[:1])
    print(f"one core classifies {one:.1f} photos/s: {3600 * one:.0f} an hour")
    if len(cores) > 1:
        two = classify_rates(args.backbone, args, cores)
        print(f"two shards on two cores: {two:.1f} photos/s, {two / one:.2f} times one")
    table = plan(one, kilobytes, args)
    table.to_csv(args.out / "plan.csv", index=False)
    print(table.to_string(index=False))


if __name__ == "__main__":
    main()
