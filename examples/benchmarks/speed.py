"""How fast `afd classify` is, beside the network alone and timm's script: one table from one run.

    python examples/benchmarks/speed.py PHOTOS --backbone NAME[=CHECKPOINT][@MODULE] ... \\
        [--import FILE.py] [--count 1200] [--rounds 3] [--rows 1000,100000] --out DIR

Every measurement is a fresh process, as users start it, without its start. The rounds go through
all measurements in turn, so that a busy moment of the machine hits all; the tables have medians.
For each classifier, on photos of 500x375, images/s:

- timm's way from files (ImageFolder, create_transform, DataLoader), plain, with channels_last, and
  once with freed memory kept as well, which `afd` does and timm's users do not;
- the classifier on a batch in memory, in OpenVINO, alone and with the AFD module; once in torch;
- `afd classify` from files, by default and in float32; once without AFD, and on photos of 12 MP.

Besides: seconds until the first row is in the results, at the first start (which converts the
network) and later; ms of each stage of a reader, and of what Pillow alone takes to decode and
resize; peak memory, and whether it grows with the number of rows. The last table has the ratios and
what they shall be. Writes DIR/speed.csv and DIR/ratios.csv. Needs Linux.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import pandas as pd
from classify_run import Ran, command, run
from items import parts
from measure import Task
from memory import over_rows
from PIL import Image, ImageOps

from afdcli.inputs.discover import discover

SMALL, LARGE = (500, 375), (4000, 3000)
LARGE_FILES, TIMM_FILES = 96, 160  # timm's rate does not depend on the number
READER = {SMALL: "500x375", LARGE: "12 MP"}
#: What the ratios shall be: at least, or for times and memory at most. Of the 12 MP photo, half of
#: what it was when these were set.
CHANNELS_LAST = "channels_last"
LITE = {"default of default": 6.0, f"default of {CHANNELS_LAST}": 3.7, "default of float32": 0.62}
LITE |= {"added": 0.30}
RESNET = {"default of default": 4.2, f"default of {CHANNELS_LAST}": 2.7}
RESNET |= {"default of bfloat16": 0.7, "float32 of float32": 0.85}
BARS = {"tf_efficientnet_lite0": LITE, "resnet": RESNET}
FIRST_ROW, ROWS_GROWTH = 3.0, 1.1
OF_PILLOW = {"500x375": 1.3, "12 MP": 0.93}


@dataclass
class Found:
    """All measurements.

    Attributes:
        values: by classifier, what, and unit; one value per round.
        bfloat16: it is the default here.
    """

    values: dict[tuple[str, str, str], list[float]] = field(default_factory=dict)
    bfloat16: bool = False

    def add(self, name: str, what: str, unit: str, value: float) -> None:
        """Keep *value*, and say so."""
        print(f"{name}: {what}: {value:.2f} {unit}", file=sys.stderr, flush=True)
        self.values.setdefault((name, what, unit), []).append(value)

    def median(self, name: str, what: str) -> float:
        """The median over the rounds; nan if it was not measured."""
        found = [v for (n, w, _), v in self.values.items() if (n, w) == (name, what)]
        return statistics.median(found[0]) if found else float("nan")


def make_files(photos: list[Path], size: tuple[int, int], count: int, folder: Path) -> Path:
    """JPEG files of *size* (width, height) in *folder*/all, as ImageFolder wants it."""
    inside = folder / "all"
    inside.mkdir(parents=True)
    for i in range(count):
        with Image.open(photos[i % len(photos)]) as image:
            made = ImageOps.fit(image.convert("RGB"), size)
        made.save(inside / f"{i:05d}.jpg", quality=85)
    return folder


@dataclass(frozen=True)
class Bench:
    """What all measurements of a run share.

    Attributes:
        files: folders of photos, by `READER`; the last one is for timm.
        count: photos of 500x375.
    """

    found: Found
    files: dict[str, Path]
    count: int
    imports: list[str]
    cache: Path

    def measure(self, task: Task, unit: str, name: str = "", before: str = "") -> None:
        """Add the numbers of one *task*, from a process of its own, as *before* and their names."""
        file = Path(__file__).with_name("measure.py")
        line = [sys.executable, str(file), json.dumps(asdict(task))]
        environment = {**os.environ, "XDG_CACHE_HOME": str(self.cache)}
        done = subprocess.run(line, check=True, stdout=subprocess.PIPE, env=environment)
        for what, value in json.loads(done.stdout.splitlines()[-1]).items():
            self.found.add(name or _name(task.item), before + what, unit, value)

    def classify(self, item: str, what: str, size: str = "500x375", *options: str) -> Ran:
        """`afd classify` on the files of *size*."""
        count = self.count if size == "500x375" else min(self.count, LARGE_FILES)
        line = command(item, self.imports, *options, str(self.files[size]))
        ran = run(line, self.cache, count)
        self.found.add(_name(item), what, "images/s", ran.rate)
        return ran

    def round(self, item: str, number: int) -> None:
        """Measure everything about the classifier *item* once."""
        name, found, alone = _name(item), self.found, item.partition("@")[0] + "@off"
        timm = Task("timm", item, str(self.files["timm"]), tuple(self.imports))
        if number == 0:
            one = next(self.files["500x375"].rglob("*.jpg"))
            start = run(command(item, self.imports, str(one)), self.cache, 1)
            found.add(name, "first row, first start", "s", start.first_row)
            found.bfloat16 = "bfloat16" in start.precision
            self.measure(replace(timm, channels_last=True, keep_memory=True), "images/s")
        self.measure(timm, "images/s")
        self.measure(replace(timm, channels_last=True), "images/s")
        self.measure(replace(timm, kind="memory", torch=number == 0), "images/s")
        ran = self.classify(item, "afd classify")
        found.add(name, "first row, second start", "s", ran.first_row)
        found.add(name, "peak memory, main process", "MiB", ran.main)
        found.add(name, "peak memory, largest reader", "MiB", ran.reader)
        if self.found.bfloat16:
            self.classify(item, "afd classify, float32", "500x375", "--precision", "fp32")
        if number == 0:
            self.classify(alone, "afd classify, AFD off")
            self.classify(item, "afd classify, 12 MP", "12 MP")

    def readers(self, item: str) -> None:
        """Every stage of a reader, for the view of *item*."""
        for size in READER.values():
            task = Task("reader", item, str(self.files[size]), tuple(self.imports))
            self.measure(task, "ms", "reader", f"{size}: ")

    def rows(self, photos: list[Path], counts: list[int]) -> None:
        """Peak memory over so many rows."""
        for ran in over_rows(photos, counts, self.cache):
            self.found.add("memory", f"{ran.rows} rows, main process", "MiB", ran.main)
            self.found.add("memory", f"{ran.rows} rows, largest reader", "MiB", ran.reader)


def _name(item: str) -> str:
    return parts(item)[0]


def ratios(found: Found, name: str) -> Iterator[tuple[str, str, float, float | None, bool]]:
    """(classifier, ratio, value, bar, at most) of the classifier *name*."""
    bars = next((bars for start, bars in BARS.items() if name.startswith(start)), {})
    lower = found.bfloat16
    if bars is RESNET and not lower:
        bars = {"float32 of float32": RESNET["float32 of float32"]}
    bare = {"float32": "in memory, OpenVINO, float32"}
    bare |= {"bfloat16": "in memory, OpenVINO, default (bfloat16)"} if lower else {}
    base = {f"the bare forward, {kind}": what for kind, what in bare.items()}
    base |= {f"timm's script, {way}": f"timm's script, {way}" for way in ("default", CHANNELS_LAST)}
    mine = {"default": "afd classify"}
    mine["float32"] = "afd classify, float32" if lower else "afd classify"
    for how, what in mine.items():
        for of, other in base.items():
            if how == "default" or of == "the bare forward, float32":
                value = found.median(name, what) / found.median(name, other)
                bar = bars.get(f"{how} of {of.rpartition(', ')[2]}")
                yield name, f"afd classify, {how}, of {of}", value, bar, False
    for kind, without in bare.items():
        more = found.median(name, without) / found.median(name, f"{without}, with AFD") - 1
        yield name, f"time that AFD adds in OpenVINO, {kind}", more, bars.get("added"), True
    second = found.median(name, "first row, second start")
    yield name, "seconds to the first row, second start", second, FIRST_ROW, True


def all_ratios(found: Found, names: list[str], counts: list[int]) -> pd.DataFrame:
    """The table of ratios and bars."""
    rows = [row for name in names for row in ratios(found, name)]
    for size, bar in OF_PILLOW.items():
        value, alone = (
            found.median("reader", f"{size}: {what}") for what in ("fast: whole", "Pillow alone")
        )
        rows.append(("reader", f"ms per photo of {size}, of Pillow's", value / alone, bar, True))
    few, many = (found.median("memory", f"{n} rows, main process") for n in counts)
    rows.append(("memory", f"{counts[1]} rows, of {counts[0]}", many / few, ROWS_GROWTH, True))
    table = pd.DataFrame(rows, columns=["of", "what", "value", "bar", "at_most"])
    good = (table.value <= table.bar).where(table.at_most, table.value >= table.bar)
    signs = table.at_most.map({True: "<= ", False: ">= "})
    table["holds"] = good.map({True: "yes", False: "NO"}).where(table.bar.notna(), "")
    table["bar"] = (signs + table.bar.astype(str)).where(table.bar.notna(), "")
    return table.drop(columns="at_most").round(2)


def main() -> None:
    """Parse, measure, print, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("photos", type=Path)
    parser.add_argument("--backbone", action="append", required=True)
    parser.add_argument("--import", dest="imports", action="append", default=[])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--count", type=int, default=1200, help="photos of 500x375")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rows", default="1000,100000", help="two numbers, for the memory")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    photos, found = [each.path for each in discover([args.photos])], Found()
    counts = [int(count) for count in args.rows.split(",")]
    with tempfile.TemporaryDirectory() as folder:
        made, cache = Path(folder) / "made", Path(folder) / "cache"
        files = {"timm": make_files(photos, SMALL, min(args.count, TIMM_FILES), made / "timm")}
        for size, count in ((SMALL, args.count), (LARGE, min(args.count, LARGE_FILES))):
            files[READER[size]] = make_files(photos, size, count, made / READER[size])
        bench = Bench(found, files, args.count, args.imports, cache)
        for number in range(args.rounds):
            for item in args.backbone:
                bench.round(item, number)
        bench.readers(args.backbone[0])
        bench.rows(photos, counts)
    table = pd.DataFrame(
        [(*key, round(statistics.median(values), 2)) for key, values in found.values.items()],
        columns=["of", "what", "unit", "value"],
    )
    shown = all_ratios(found, list(dict.fromkeys(map(_name, args.backbone))), counts)
    table.to_csv(args.out / "speed.csv", index=False)
    shown.to_csv(args.out / "ratios.csv", index=False)
    print(platform.processor() or platform.machine(), os.cpu_count(), "CPUs")
    print(table.to_string(index=False), shown.to_string(index=False), sep="\n\n")


if __name__ == "__main__":
    main()
