"""Write the card of a module file: what it is, training photos, command, date, numbers, licence.

    python examples/write_card.py weights/FILE.safetensors \\
        --what TEXT --trained-on TEXT --numbers TEXT [--command TEXT] [--date YYYY-MM-DD]

Plug, backbone and command are read from the module's metadata.
"""

from __future__ import annotations

import argparse
from datetime import date
from pathlib import Path

from safetensors import safe_open

from afdcli.models.shipped import write_card


def main() -> None:
    """Parse and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", type=Path)
    for name in ("what", "trained-on", "numbers"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--command", default="")
    parser.add_argument("--date", default=date.today().isoformat())
    args = parser.parse_args()
    with safe_open(args.file, "pt") as file:
        metadata = dict(file.metadata() or {})
    plug = metadata["plug"]
    facts = {
        "what": args.what,
        "trained_on": args.trained_on,
        "command": args.command or metadata.get("command", ""),
        "date": args.date,
        "numbers": args.numbers,
        "licence": "Apache-2.0",
        "plug": plug,
        "backbone": metadata["backbone"].split(".")[0] if plug == "stem" else "",
        "trained_through": metadata["backbone"],
        "steps": int(metadata["steps"]),
    }
    print(write_card(args.file, facts))


if __name__ == "__main__":
    main()
