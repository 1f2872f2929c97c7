"""Draw the example photos in ``examples/photos`` and their labels, from nothing but code.

    python examples/draw_photos.py [--out examples/photos]

The labels (classes of ImageNet) go to ``<out>_labels.csv`` beside the folder. Every picture has
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

from drawing import nature, things
from PIL import Image

if ".avif" not in Image.registered_extensions():
    import pillow_avif  # noqa: F401  (Pillow before 11.3)

PICTURES: dict[str, Callable[[], Image.Image]] = {
    "coffee mug": things.coffee_mug,
    "daisy": nature.daisy,
    "monarch": nature.monarch,
    "pizza": things.pizza,
    "soccer ball": things.soccer_ball,
    "starfish": nature.starfish,
    "strawberry": things.strawberry,
}


@dataclass(frozen=True)
class Print:
    """One file: where it goes, what it shows, and how it is encoded.

    Attributes:
        file: relative path; its suffix says the format, JPEG without one.
        label: the ImageNet class of the picture.
        qualities: of successive JPEG compressions; the last one is that of the file's format.
        scale: of the picture's sides; below 1 it is a thumbnail.
        kept: part of the file that is written; below 1 it is broken.
    """

    file: str
    label: str
    qualities: tuple[int, ...] = (90,)
    scale: float = 1.0
    kept: float = 1.0


PRINTS = (
    Print("garden/daisy.jpg", "daisy"),
    Print("monarch.jpg", "monarch"),
    Print("pizza.jpg", "pizza"),
    Print("soccer_ball", "soccer ball"),
    Print("starfish.webp", "starfish"),
    Print("strawberry.jpg", "strawberry"),
    Print("tasse-de-café.jpg", "coffee mug", scale=0.75),
    Print("compressed/coffee_mug_q5.jpg", "coffee mug", (5,), 0.55),
    Print("compressed/coffee_mug_q6.jpg", "coffee mug", (6,), 0.55),
    Print("compressed/daisy_q7.jpg", "daisy", (7,)),
    Print("compressed/daisy_q25_q10.jpg", "daisy", (25, 10)),
    Print("compressed/monarch_q6.jpg", "monarch", (6,), 0.55),
    Print("compressed/pizza_q12.jpg", "pizza", (12,), 0.4),
    Print("compressed/pizza_q15.jpg", "pizza", (15,), 0.4),
    Print("compressed/screenshot.png", "strawberry", (10, 90), 0.6),
    Print("compressed/soccer_ball_q7.jpg", "soccer ball", (7,)),
    Print("compressed/starfish_q7.jpg", "starfish", (7,), 0.4),
    Print("compressed/strawberry.avif", "strawberry", (15,)),
    Print("compressed/strawberry_q10.jpg", "strawberry", (10,)),
    Print("broken.jpg", "starfish", kept=0.1),
)


def draw(label: str) -> Image.Image:
    """The picture of one class."""
    return PICTURES[label]()


def encoded(picture: Image.Image, recipe: Print) -> bytes:
    """The bytes of one file, in the format of its suffix."""
    kind = Image.registered_extensions()[Path(recipe.file).suffix or ".jpg"]
    if recipe.scale < 1:
        size = (round(recipe.scale * picture.width), round(recipe.scale * picture.height))
        picture = picture.resize(size, Image.Resampling.LANCZOS)
    for quality in recipe.qualities[:-1]:
        picture = Image.open(_saved(picture, "JPEG", quality)).convert("RGB")
    data = _saved(picture, kind, recipe.qualities[-1]).getvalue()
    return data[: int(len(data) * recipe.kept)]


def _saved(picture: Image.Image, kind: str, quality: int) -> io.BytesIO:
    file = io.BytesIO()
    picture.save(file, kind, quality=quality)
    return file


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
