"""The options of ``afd classify`` that no other command has."""

from __future__ import annotations

from typing import Annotated

from afdcli.cli.help import AFD, CLASSIFIER, INPUT, LIMITS, OUTPUT, SPEED
from afdcli.cli.options import MOST_WORKERS, option

Labels = Annotated[
    str | None,
    option(
        "--labels folders|FILE.csv",
        INPUT,
        "True classes: the folders' names, or a CSV file with columns path and class.",
    ),
]
Limit = Annotated[
    int | None,
    option(
        "--limit N", INPUT, "Take only the first N images; with --shard, of this part.", (1, 10**12)
    ),
]
Sample = Annotated[
    int | None,
    option(
        "--sample N",
        INPUT,
        "Draw N images at random, each at most once. Lists all of them first.",
        (1, 10**8),
    ),
]
SampleSeed = Annotated[
    int | None,
    option(
        "--seed N",
        INPUT,
        "Random seed of --sample: the same seed draws the same images. Default: 0.",
        (0, 2**32 - 1),
    ),
]
Shard = Annotated[
    str,
    option(
        "--shard I/N",
        INPUT,
        "Process only part I of N, I from 1. A hash of each path decides its part.",
    ),
]
Resize = Annotated[
    str,
    option(
        "--resize fast|exact",
        CLASSIFIER,
        "exact gives timm's pixels bit for bit. fast takes a sixth of the time; some"
        " values differ by 1 of 255.",
    ),
]
Near = Annotated[
    str,
    option(
        "--near crop|resize",
        CLASSIFIER,
        "crop only crops images within 16 px of the classifier's input size; resize"
        " resizes them too, as timm does.",
    ),
]
Compare = Annotated[bool, option("--compare", AFD, "Also classify without AFD.")]
DryRun = Annotated[
    bool,
    option(
        "--dry-run",
        OUTPUT,
        "Write nothing. Show the images by kind and JPEG quality, whether AFD will help, and"
        " how long the run takes.",
    ),
]
Out = Annotated[
    str,
    option(
        "-o,--out FILE|URL",
        OUTPUT,
        "Results: .csv, .jsonl or .parquet. At a URL they are a folder of parts.",
    ),
]
Topk = Annotated[int, option("--topk N", OUTPUT, "Classes per image.", (1, 1_000_000))]
RowsPerPart = Annotated[
    int | None,
    option(
        "--rows-per-part N",
        OUTPUT,
        "Write a folder of files with N rows each. Default at a URL: 100,000.",
        (1, 10**9),
    ),
]
Exif = Annotated[bool, option("--exif", OUTPUT, "Add each photo's time and place, from EXIF.")]
Resume = Annotated[
    bool, option("--resume", OUTPUT, "Continue an interrupted run. Repeat its command.")
]
Precision = Annotated[
    str,
    option(
        "--precision auto|fp32|bf16|fp16|int8",
        SPEED,
        "Arithmetic. auto uses bf16 where the hardware is fast at it.",
    ),
]
Runtime = Annotated[
    str,
    option(
        "--runtime auto|torch|openvino", SPEED, "What runs the network. auto uses openvino on CPUs."
    ),
]
Compile = Annotated[
    bool, option("--compile", SPEED, "Use torch.compile: starts more slowly, runs faster.")
]
BatchSize = Annotated[
    int | None,
    option(
        "--batch-size N",
        SPEED,
        "Images per batch. Default: by device and memory (CPU: 16).",
        (1, 65_536),
    ),
]
Workers = Annotated[
    int | None,
    option(
        "--workers N",
        SPEED,
        "Processes that read images. Default: one per core; with a GPU, one fewer.",
        (1, MOST_WORKERS),
    ),
]
Engine = Annotated[str, option("--engine local|ray", SPEED, "ray uses a Ray cluster.")]
Actors = Annotated[
    int | None,
    option(
        "--actors N",
        SPEED,
        "Ray: number of classifiers. Default: one per CPU, at most 8.",
        (1, 100_000),
    ),
]
ActorGpus = Annotated[
    float, option("--actor-gpus X", SPEED, "Ray: GPUs per classifier.", (0.0, 1024.0))
]
Memory = Annotated[
    int,
    option(
        "--memory MIB",
        LIMITS,
        "Memory of each process that reads images; an image that needs more fails.",
        (256, 2**30),
    ),
]
MaxPixels = Annotated[
    int | None,
    option(
        "--max-pixels N", LIMITS, "Images with more pixels fail. Default: 179 million.", (1, 10**10)
    ),
]
Strict = Annotated[
    bool, option("--strict", LIMITS, "Fail damaged images instead of classifying them.")
]
