"""Draw the example photos in ``examples/photos`` and their labels, from nothing but code.

    python examples/draw_photos.py [--out examples/photos]

The labels (classes of Caltech-101) go to ``<out>_labels.csv`` beside the folder. Every picture has
a fixed seed; encoders differ a little between versions of Pillow, the drawn pixels do not.
"""

from __future__ import annotations

import argparse
import csv
import io
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from drawing import banknote, craft, food, house, nature, signs, travel
from PIL import Image

if ".avif" not in Image.registered_extensions():
    import pillow_avif  # noqa: F401  (Pillow before 11.3)

PICTURES: dict[str, Callable[[], Image.Image]] = {
    "Motorbikes": travel.motorbike,
    "airplanes": travel.airplane,
    "butterfly": nature.butterfly,
    "car_side": travel.car_side,
    "ceiling_fan": craft.ceiling_fan,
    "cup": house.cup,
    "dollar_bill": banknote.dollar_bill,
    "lamp": house.lamp,
    "laptop": craft.laptop,
    "menorah": craft.menorah,
    "metronome": craft.metronome,
    "nautilus": nature.nautilus,
    "pizza": food.pizza,
    "pyramid": travel.pyramid,
    "scissors": house.scissors,
    "soccer_ball": signs.soccer_ball,
    "starfish": nature.starfish,
    "stop_sign": signs.stop_sign,
    "strawberry": food.strawberry,
    "sunflower": nature.sunflower,
    "umbrella": house.umbrella,
    "watch": house.watch,
    "windsor_chair": craft.windsor_chair,
    "yin_yang": signs.yin_yang,
}


@dataclass(frozen=True)
class Print:
    """One file: where it goes, what it shows, and how it is encoded.

    *qualities* are those of successive compressions; with *kept* < 1 only the first part of the
    file is written.
    """

    file: str
    label: str
    qualities: tuple[int, ...] = (90,)
    kept: float = 1.0


GOOD = {
    "laptop": "laptop.webp",
    "umbrella": "parapluie-été.jpg",
    "soccer_ball": "garden/soccer_ball.jpg",
    "sunflower": "garden/sunflower.jpg",
    "yin_yang": "yin_yang.png",
}

PRINTS = (
    *(Print(GOOD.get(label, f"{label}.jpg"), label) for label in PICTURES),
    Print("compressed/butterfly_q10.jpg", "butterfly", (10,)),
    Print("compressed/dollar_bill_q10.jpg", "dollar_bill", (10,)),
    Print("compressed/pizza_q7.jpg", "pizza", (7,)),
    Print("compressed/starfish_q25_q10.jpg", "starfish", (25, 10)),
    Print("compressed/stop_sign_q7.jpg", "stop_sign", (7,)),
    Print("compressed/strawberry.avif", "strawberry", (15,)),
    Print("compressed/sunflower_q15_q7.jpg", "sunflower", (15, 7)),
    Print("compressed/watch_q10.jpg", "watch", (10,)),
    Print("broken.jpg", "pyramid", kept=0.1),
)


def draw(label: str) -> Image.Image:
    """The picture of one class."""
    return PICTURES[label]()


def encoded(picture: Image.Image, recipe: Print) -> bytes:
    """The bytes of one file, in the format of its suffix."""
    kind = Image.registered_extensions()[Path(recipe.file).suffix]
    for quality in recipe.qualities:
        file = io.BytesIO()
        picture.save(file, kind, quality=quality)
        picture = Image.open(file).convert("RGB")
    data = file.getvalue()
    return data[: int(len(data) * recipe.kept)]


def write_all(out: Path) -> None:
    """Draw every picture once, write every print under *out* and the labels beside it."""
    with ProcessPoolExecutor() as pool:
        drawn = dict(zip(PICTURES, pool.map(draw, PICTURES), strict=True))
    for recipe in PRINTS:
        target = out / recipe.file
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(encoded(drawn[recipe.label], recipe))
    labels = out.with_name(out.name + "_labels.csv")
    with labels.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("file", "label"))
        writer.writerows(sorted((recipe.file, recipe.label) for recipe in PRINTS))


def main(arguments: list[str]) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Draw the example photos.")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "photos")
    write_all(parser.parse_args(arguments).out)


if __name__ == "__main__":
    main(sys.argv[1:])
