"""How many labels differ between two ways to run a classifier; by default resize fast and exact.

    python examples/benchmarks/labels.py PHOTOS --backbone NAME[=CHECKPOINT][@MODULE]
        [--import FILE.py] [--one precision=fp32,resize=exact] [--other precision=fp32,resize=fast]
        [--limit N] --out DIR

Every photo is classified in both ways as it is, and compressed at quality factors 25, 18, 15, 10
and 7 at its own size. Both always resize (``near=resize``), for photos nearly as small as the view
would only be cropped. *one* and *other* are options of `afdcli.Classifier`. So the default against
the most exact way is ``--one precision=fp32,resize=exact,runtime=torch --other precision=auto``.
Writes DIR/labels.csv.
"""

from __future__ import annotations

import sys
from itertools import islice
from typing import Any

import pandas as pd
from items import parts
from protocols import Condition, arguments, conditions

from afdcli import Classifier
from afdcli.codec.encode import compress
from afdcli.codec.read import read_photo
from afdcli.inputs.discover import discover
from afdcli.inputs.found import Found
from afdcli.view.crop import upright
from afdcli.workers.memory import keep_freed_memory

TOGETHER = 16  # photos; with all their conditions


def files(found: Found, every: list[Condition]) -> list[bytes]:
    """The file of a photo under each condition."""
    pixels = upright(read_photo(found.path))
    rounds = [condition.compressions(found.relative) for condition in every]
    return [compress(pixels, r) if r else found.path.read_bytes() for r in rounds]


def classifier(item: str, imports: list[str], options: str) -> Classifier:
    """The classifier *item*, see `protocols.load`, with ``KEY=VALUE,...``."""
    name, checkpoint, module = parts(item)
    chosen: dict[str, Any] = dict(pair.split("=", 1) for pair in options.split(","))
    chosen |= {"afd": module or "auto", "checkpoint": checkpoint or None, "imports": imports}
    return Classifier(name, near="resize", **chosen)


def main() -> None:
    """Parse, classify, print, write."""
    parser = arguments(__doc__)
    parser.add_argument("--one", default="precision=fp32,resize=exact")
    parser.add_argument("--other", default="precision=fp32,resize=fast")
    parser.add_argument("--limit", type=int)
    args = parser.parse_args()
    keep_freed_memory()
    ways = [classifier(args.backbone, args.imports, way) for way in (args.one, args.other)]
    every = conditions(["single"])
    photos, rows = iter(list(discover([args.photos]))[: args.limit]), []
    while part := list(islice(photos, TOGETHER)):
        pictures = [file for found in part for file in files(found, every)]
        for i, (a, b) in enumerate(zip(*(way(pictures) for way in ways), strict=True)):
            change = abs(a["prob"] - b["prob"])
            name = every[i % len(every)].name
            rows.append((name, a["label"] != b["label"], change))
        so_far = f"{sum(differ for _, differ, _ in rows)} of {len(rows)} labels differ"
        print(so_far, file=sys.stderr, flush=True)
    table = pd.DataFrame(rows, columns=["condition", "differ", "change"])
    total = table.assign(condition="all")
    by = pd.concat([table, total]).groupby("condition", sort=False)
    summary = by.agg(views=("differ", "size"), differ=("differ", "sum"), largest=("change", "max"))
    summary["differ_percent"] = (100 * summary.differ / summary.views).round(3)
    print(f"labels: {args.one} against {args.other}\n{summary.round(4).to_string()}")
    args.out.mkdir(parents=True, exist_ok=True)
    summary.to_csv(args.out / "labels.csv")


if __name__ == "__main__":
    main()
