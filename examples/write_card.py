"""Write the card of a module file: what it is, training photos, command, date, accuracy, licence.

    python examples/write_card.py weights/FILE.safetensors --what TEXT --trained-on TEXT \\
        --accuracy accuracy.csv [--added-time PERCENT ...] [--command TEXT] [--date YYYY-MM-DD]

accuracy.csv is what examples/benchmarks/accuracy.py wrote for this module alone, with protocol
single. --added-time is the time that the module takes in % of the classifier's (float32, OpenVINO),
once per classifier in the order of accuracy.csv. The rest is from the module's metadata.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from datetime import date
from itertools import zip_longest
from pathlib import Path
from typing import Any

import pandas as pd
from safetensors import safe_open

from afdcli.models.shipped import write_card

#: Names of classifiers in RESULTS.md.
NAMES = {
    "tf_efficientnet_lite0": "EfficientNet-Lite0",
    "resnet50_v1": "ResNet-50 v1",
    "mobilenetv2_tf": "MobileNetV2",
}


def measured(table: pd.DataFrame, times: Sequence[float]) -> Iterator[dict[str, Any]]:
    """What the card says of each classifier in *table*, see `afdcli.models.measured.Measured`."""
    parts = table.groupby("backbone", sort=False)
    for (name, part), time in zip_longest(parts, times[: len(parts)]):
        pairs = part.set_index("name")[["direct", "afd"]].T.to_dict("list")
        single = part.name[part.protocol == "single"]
        yield {
            "classifier": NAMES.get(name, name),
            "added_time": time,
            "clean": pairs["clean"],
            "by_quality": {row.removeprefix("qf"): pairs[row] for row in single},
        }


def main(words: Sequence[str] | None = None) -> None:
    """Parse and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", type=Path)
    for name in ("what", "trained-on", "accuracy"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--added-time", type=float, nargs="+", default=[])
    parser.add_argument("--command", default="")
    parser.add_argument("--date", default=date.today().isoformat())
    args = parser.parse_args(words)
    with safe_open(args.file, "pt") as file:
        metadata = dict(file.metadata() or {})
    plug = metadata["plug"]
    facts = {
        "what": args.what,
        "trained_on": args.trained_on,
        "command": args.command or metadata.get("command", ""),
        "date": args.date,
        "measured": list(measured(pd.read_csv(args.accuracy), args.added_time)),
        "licence": "Apache-2.0",
        "plug": plug,
        "backbone": metadata["backbone"].split(".")[0] if plug == "stem" else "",
        "trained_through": metadata["backbone"],
        "steps": int(metadata["steps"]),
    }
    print(write_card(args.file, facts))


if __name__ == "__main__":
    main()
