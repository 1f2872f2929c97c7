"""What files that kill their reader cost a run: images/s with and without them, and their ratio.

    python examples/benchmarks/faults.py PHOTOS [--share 0.05] [--count 400] [--rounds 3]

Classifies the same good photos twice with the shipped default: alone, and with a share of files
among them that kill the process that reads them (SIGKILL), as a hole in a C library would.
"""

from __future__ import annotations

import argparse
import os
import signal
import statistics
import tempfile
from dataclasses import replace
from pathlib import Path

from afdcli.inputs.discover import discover
from afdcli.inputs.found import Found
from afdcli.workers.memory import keep_freed_memory
from afdcli.workers.read_task import Prepare, ReadResult, Task

DEADLY = "deadly"


class Deadly(Prepare):
    """Reads files as usual, and dies of those with a deadly name."""

    def __call__(self, task: Task) -> ReadResult:
        if task.path.name == DEADLY:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().__call__(task)


def rate(inputs: list[Found]) -> float:
    """Images per second of one run."""
    # Here, not above: every new worker imports this file, and `afd` itself spares it torch.
    from afdcli.classify import run as engine
    from afdcli.classify.settings import Settings
    from afdcli.classify.setup import set_up

    engine.Prepare = Deadly  # type: ignore[misc]
    settings = Settings(runtime="torch")
    with tempfile.TemporaryDirectory() as folder:
        setup = set_up(replace(settings, out=Path(folder) / "r.csv"))
        summary = engine.classify(iter(inputs), setup)
        deadly = sum(found.path.name == DEADLY for found in inputs)
        assert dict(summary.failed) == ({"worker-crashed": deadly} if deadly else {})
        return summary.rate


def main() -> None:
    """Parse, run, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("photos", type=Path)
    parser.add_argument("--share", type=float, default=0.05)
    parser.add_argument("--count", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    keep_freed_memory()
    found = list(discover([args.photos]))
    good = [found[n % len(found)] for n in range(args.count)]
    every = round(1 / args.share)
    dead = Found(Path(DEADLY), DEADLY)
    mixed = [dead if n % every == every - 1 else item for n, item in enumerate(good)]
    rates: dict[str, list[float]] = {"good files": [], f"{args.share:.0%} deadly": []}
    for _ in range(args.rounds):
        for name, inputs in zip(rates, (good, mixed), strict=True):
            rates[name].append(rate(inputs))
    plain, faulty = (statistics.median(values) for values in rates.values())
    for name, values in rates.items():
        print(f"{name}: {statistics.median(values):.1f} images/s (median of {len(values)})")
    print(f"ratio: {faulty / plain:.2f}")


if __name__ == "__main__":
    main()
