"""The options of ``afd classify`` that no other command has."""

from __future__ import annotations

from typing import Annotated

from afdcli.cli.help import AFD, CLASSIFIER, INPUT, LIMITS, OUTPUT, SPEED
from afdcli.cli.options import MOST_WORKERS

Labels = Annotated[
    str | None,
    INPUT.option(
        "--labels folders|FILE.csv",
        "True classes: the folders' names, or a CSV file with columns path and class.",
    ),
]
Limit = Annotated[
    int | None,
    INPUT.option(
        "--limit N", "Take only the first N images; with --shard, of this part.", (1, 10**12)
    ),
]
Sample = Annotated[
    int | None,
    INPUT.option(
        "--sample N",
        "Draw N images at random, each at most once. Lists all of them first.",
        (1, 10**8),
    ),
]
SampleSeed = Annotated[
    int | None,
    INPUT.option(
        "--seed N",
        "Random seed of --sample: the same seed draws the same images. Default: 0.",
        (0, 2**32 - 1),
    ),
]
Shard = Annotated[
    str,
    INPUT.option(
        "--shard I/N", "Process only part I of N, I from 1. A hash of each path decides its part."
    ),
]
Resize = Annotated[
    str,
    CLASSIFIER.option(
        "--resize fast|exact",
        "exact gives timm's pixels bit for bit. fast takes a sixth of the time; some"
        " values differ by 1 of 255.",
    ),
]
Near = Annotated[
    str,
    CLASSIFIER.option(
        "--near crop|resize",
        "crop only crops images within 16 px of the classifier's input size; resize"
        " resizes them too, as timm does.",
    ),
]
Compare = Annotated[bool, AFD.option("--compare", "Also classify without AFD.")]
DryRun = Annotated[
    bool,
    OUTPUT.option(
        "--dry-run",
        "Write nothing. Show the images by kind and JPEG quality, whether AFD will help, and"
        " how long the run takes.",
    ),
]
Out = Annotated[
    str,
    OUTPUT.option(
        "-o,--out FILE|URL",
        "Results: .csv, .jsonl or .parquet. At a URL they are a folder of parts.",
    ),
]
Topk = Annotated[int, OUTPUT.option("--topk N", "Classes per image.", (1, 1_000_000))]
RowsPerPart = Annotated[
    int | None,
    OUTPUT.option(
        "--rows-per-part N",
        "Write a folder of files with N rows each. Default at a URL: 100,000.",
        (1, 10**9),
    ),
]
Exif = Annotated[bool, OUTPUT.option("--exif", "Add each photo's time and place, from EXIF.")]
Resume = Annotated[
    bool, OUTPUT.option("--resume", "Continue an interrupted run. Repeat its command.")
]
Precision = Annotated[
    str,
    SPEED.option(
        "--precision auto|fp32|bf16|fp16|int8",
        "Arithmetic. auto uses bf16 where the hardware is fast at it.",
    ),
]
Runtime = Annotated[
    str,
    SPEED.option(
        "--runtime auto|torch|openvino", "What runs the network. auto uses openvino on CPUs."
    ),
]
Compile = Annotated[
    bool, SPEED.option("--compile", "Use torch.compile: starts more slowly, runs faster.")
]
BatchSize = Annotated[
    int | None,
    SPEED.option(
        "--batch-size N", "Images per batch. Default: by device and memory (CPU: 16).", (1, 65_536)
    ),
]
Workers = Annotated[
    int | None,
    SPEED.option(
        "--workers N",
        "Processes that read images. Default: one per core; with a GPU, one fewer.",
        (1, MOST_WORKERS),
    ),
]
Engine = Annotated[str, SPEED.option("--engine local|ray", "ray uses a Ray cluster.")]
Actors = Annotated[
    int | None,
    SPEED.option(
        "--actors N", "Ray: number of classifiers. Default: one per CPU, at most 8.", (1, 100_000)
    ),
]
ActorGpus = Annotated[
    float, SPEED.option("--actor-gpus X", "Ray: GPUs per classifier.", (0.0, 1024.0))
]
Memory = Annotated[
    int,
    LIMITS.option(
        "--memory MIB",
        "Memory of each process that reads images; an image that needs more fails.",
        (256, 2**30),
    ),
]
MaxPixels = Annotated[
    int | None,
    LIMITS.option(
        "--max-pixels N", "Images with more pixels fail. Default: 179 million.", (1, 10**10)
    ),
]
Strict = Annotated[
    bool, LIMITS.option("--strict", "Fail damaged images instead of classifying them.")
]
