"""The fixed Caltech-101 split of everything in this repository: 20 % of every class is test.

Within a class, files are ordered by the SHA-256 of ``class/name``; the first fifth (rounded) is
test. The order depends on names only, so any copy of the data set gives the same split.

    python examples/caltech101_split.py CALTECH101 > examples/caltech101_test.txt
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

TEST_SHARE = 0.2


def split(root: Path) -> tuple[list[str], list[str]]:
    """Return (train, test) as sorted lists of ``class/name`` relative to *root*."""
    train: list[str] = []
    test: list[str] = []
    for folder in sorted(p for p in root.iterdir() if p.is_dir()):
        names = [f"{folder.name}/{p.name}" for p in folder.iterdir() if p.is_file()]
        names.sort(key=lambda name: hashlib.sha256(name.encode()).hexdigest())
        count = round(len(names) * TEST_SHARE)
        test += names[:count]
        train += names[count:]
    return sorted(train), sorted(test)


if __name__ == "__main__":
    sys.stdout.write("\n".join(split(Path(sys.argv[1]))[1]) + "\n")
