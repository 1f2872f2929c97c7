"""Write the card beside a weights file: what, trained on what, command, date, numbers, licence.

    python examples/write_card.py weights/FILE.safetensors --kind classifier|module \\
        --what TEXT --trained-on TEXT --numbers TEXT [--command TEXT] [--date YYYY-MM-DD]

For a module, plug, backbone and command come from its own metadata.
"""

from __future__ import annotations

import argparse
from datetime import date
from pathlib import Path

from safetensors import safe_open

from afdcli.backbones.weights import write_card


def main() -> None:
    """Parse and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", type=Path)
    parser.add_argument("--kind", choices=("classifier", "module"), required=True)
    for name in ("what", "trained-on", "numbers"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--command", default="")
    parser.add_argument("--date", default=date.today().isoformat())
    args = parser.parse_args()
    with safe_open(args.file, "pt") as file:
        metadata = dict(file.metadata() or {})
    facts = {
        "kind": args.kind,
        "what": args.what,
        "trained_on": args.trained_on,
        "command": args.command or metadata.get("command", ""),
        "date": args.date,
        "numbers": args.numbers,
        "licence": "Apache-2.0",
    }
    if args.kind == "module":
        plug = metadata["plug"]
        facts |= {"plug": plug, "backbone": metadata["backbone"] if plug == "stem" else ""}
        facts |= {"trained_through": metadata["backbone"], "steps": int(metadata["steps"])}
    print(write_card(args.file, facts))


if __name__ == "__main__":
    main()
