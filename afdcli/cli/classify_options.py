"""The options of ``afd classify`` that no other command has."""

from __future__ import annotations

from typing import Annotated

from afdcli.cli.help import AFD, CLASSIFIER, INPUT, LIMITS, OUTPUT, SPEED
from afdcli.cli.options import MOST_WORKERS, option

LabelsOption = Annotated[
    str | None,
    option(
        "--labels",
        metavar="folders|FILE.csv",
        panel=INPUT,
        help="True classes: the folders' names, or a CSV file with columns path and class.",
    ),
]
LimitOption = Annotated[
    int | None,
    option(
        "--limit",
        metavar="N",
        panel=INPUT,
        least=1,
        most=10**12,
        help="Take only the first N images; with --shard, of this part.",
    ),
]
SampleOption = Annotated[
    int | None,
    option(
        "--sample",
        metavar="N",
        panel=INPUT,
        least=1,
        most=10**8,
        help="Draw N images at random, each at most once. Lists all of them first.",
    ),
]
SampleSeedOption = Annotated[
    int | None,
    option(
        "--seed",
        metavar="N",
        panel=INPUT,
        least=0,
        most=2**32 - 1,
        help="Random seed of --sample: the same seed draws the same images. Default: 0.",
    ),
]
ShardOption = Annotated[
    str,
    option(
        "--shard",
        metavar="I/N",
        panel=INPUT,
        help="Process only part I of N, I from 1. A hash of each path decides its part.",
    ),
]
ResizeOption = Annotated[
    str,
    option(
        "--resize",
        metavar="fast|exact",
        panel=CLASSIFIER,
        help="exact gives timm's pixels bit for bit. fast takes a sixth of the time; some"
        " values differ by 1 of 255.",
    ),
]
NearOption = Annotated[
    str,
    option(
        "--near",
        metavar="crop|resize",
        panel=CLASSIFIER,
        help="crop only crops images within 16 px of the classifier's input size; resize"
        " resizes them too, as timm does.",
    ),
]
CompareOption = Annotated[bool, option("--compare", panel=AFD, help="Also classify without AFD.")]
DryRunOption = Annotated[
    bool,
    option(
        "--dry-run",
        panel=OUTPUT,
        help="Write nothing. Show the images by kind and JPEG quality, whether AFD will help, and"
        " how long the run takes.",
    ),
]
OutOption = Annotated[
    str,
    option(
        "--out",
        "-o",
        metavar="FILE|URL",
        panel=OUTPUT,
        help="Results: .csv, .jsonl or .parquet. At a URL they are a folder of parts.",
    ),
]
TopkOption = Annotated[
    int,
    option(
        "--topk",
        metavar="N",
        panel=OUTPUT,
        least=1,
        most=1_000_000,
        help="Classes per image.",
    ),
]
RowsPerPartOption = Annotated[
    int | None,
    option(
        "--rows-per-part",
        metavar="N",
        panel=OUTPUT,
        least=1,
        most=10**9,
        help="Write a folder of files with N rows each. Default at a URL: 100,000.",
    ),
]
ExifOption = Annotated[
    bool,
    option("--exif", panel=OUTPUT, help="Add each photo's time and place, from EXIF."),
]
ResumeOption = Annotated[
    bool,
    option("--resume", panel=OUTPUT, help="Continue an interrupted run. Repeat its command."),
]
PrecisionOption = Annotated[
    str,
    option(
        "--precision",
        metavar="auto|fp32|bf16|fp16|int8",
        panel=SPEED,
        help="Arithmetic. auto uses bf16 where the hardware is fast at it.",
    ),
]
RuntimeOption = Annotated[
    str,
    option(
        "--runtime",
        metavar="auto|torch|openvino",
        panel=SPEED,
        help="What runs the network. auto uses openvino on CPUs.",
    ),
]
CompileOption = Annotated[
    bool,
    option(
        "--compile",
        panel=SPEED,
        help="Use torch.compile: starts more slowly, runs faster.",
    ),
]
BatchSizeOption = Annotated[
    int | None,
    option(
        "--batch-size",
        metavar="N",
        panel=SPEED,
        least=1,
        most=65_536,
        help="Images per batch. Default: by device and memory (CPU: 16).",
    ),
]
WorkersOption = Annotated[
    int | None,
    option(
        "--workers",
        metavar="N",
        panel=SPEED,
        least=1,
        most=MOST_WORKERS,
        help="Processes that read images. Default: one per core; with a GPU, one fewer.",
    ),
]
EngineOption = Annotated[
    str,
    option("--engine", metavar="local|ray", panel=SPEED, help="ray uses a Ray cluster."),
]
ActorsOption = Annotated[
    int | None,
    option(
        "--actors",
        metavar="N",
        panel=SPEED,
        least=1,
        most=100_000,
        help="Ray: number of classifiers. Default: one per CPU, at most 8.",
    ),
]
ActorGpusOption = Annotated[
    float,
    option(
        "--actor-gpus",
        metavar="X",
        panel=SPEED,
        least=0.0,
        most=1024.0,
        help="Ray: GPUs per classifier.",
    ),
]
MemoryOption = Annotated[
    int,
    option(
        "--memory",
        metavar="MIB",
        panel=LIMITS,
        least=256,
        most=2**30,
        help="Memory of each process that reads images; an image that needs more fails.",
    ),
]
MaxPixelsOption = Annotated[
    int | None,
    option(
        "--max-pixels",
        metavar="N",
        panel=LIMITS,
        least=1,
        most=10**10,
        help="Images with more pixels fail. Default: 179 million.",
    ),
]
StrictOption = Annotated[
    bool,
    option("--strict", panel=LIMITS, help="Fail damaged images instead of classifying them."),
]
