"""The options of ``afd classify`` that no other command has."""

from __future__ import annotations

from afdcli.cli.help import AFD, CLASSIFIER, INPUT, LIMITS, OUTPUT, SPEED
from afdcli.cli.options import MOST_WORKERS

LABELS = INPUT.option(
    "--labels folders|FILE.csv",
    "True classes: the folders' names, or a CSV file with columns path and class.",
)
LIMIT = INPUT.option(
    "--limit N", "Take only the first N images; with --shard, of this part.", (1, 10**12)
)
SAMPLE = INPUT.option(
    "--sample N",
    "Draw N images at random, without replacement. All inputs are listed first.",
    (1, 10**8),
)
SAMPLE_SEED = INPUT.option(
    "--seed N",
    "Random seed of --sample: the same seed draws the same images. Default: 0.",
    (0, 2**32 - 1),
)
SHARD = INPUT.option(
    "--shard I/N",
    "Process part I of N only, counted from 1; a hash of the path decides.",
)
RESIZE = CLASSIFIER.option(
    "--resize fast|exact",
    "exact gives timm's pixels bit for bit. fast takes a sixth of the time; some"
    " values differ by 1 of 255.",
)
NEAR = CLASSIFIER.option(
    "--near crop|resize",
    "crop: images within 16 px of the input size are cropped, not resized."
    " resize: resized too, as in timm.",
)
COMPARE = AFD.option("--compare", "Also classify without AFD.")
DRY_RUN = OUTPUT.option(
    "--dry-run",
    "Write nothing. Show the images by kind and JPEG quality, whether AFD will help, and"
    " how long the run takes.",
)
OUT = OUTPUT.option(
    "-o,--out FILE|URL", "Results: .csv, .jsonl or .parquet. At a URL they are a folder of parts."
)
TOPK = OUTPUT.option("--topk N", "Classes per image.", (1, 1_000_000))
ROWS_PER_PART = OUTPUT.option(
    "--rows-per-part N",
    "Write a folder of files with N rows each. Default at a URL: 100,000.",
    (1, 10**9),
)
EXIF = OUTPUT.option("--exif", "Add each photo's time and place, from EXIF.")
RESUME = OUTPUT.option("--resume", "Continue an interrupted run. Repeat its command.")
PRECISION = SPEED.option(
    "--precision auto|fp32|bf16|fp16|int8",
    "Numeric precision. auto uses bf16 where the hardware is fast at it.",
)
RUNTIME = SPEED.option(
    "--runtime auto|torch|openvino", "Inference runtime. auto uses openvino on CPUs."
)
COMPILE = SPEED.option("--compile", "Use torch.compile: starts more slowly, runs faster.")
BATCH_SIZE = SPEED.option(
    "--batch-size N", "Images per batch. Default: by device and memory (CPU: 16).", (1, 65_536)
)
WORKERS = SPEED.option(
    "--workers N",
    "Processes that read images. Default: one per core; with a GPU, one fewer.",
    (1, MOST_WORKERS),
)
ENGINE = SPEED.option("--engine local|ray", "ray uses a Ray cluster.")
ACTORS = SPEED.option(
    "--actors N", "Ray: number of classifiers. Default: one per CPU, at most 8.", (1, 100_000)
)
ACTOR_GPUS = SPEED.option("--actor-gpus X", "Ray: GPUs per classifier.", (0.0, 1024.0))
MEMORY = LIMITS.option(
    "--memory MIB",
    "Memory of each process that reads images; an image that needs more fails.",
    (256, 2**30),
)
MAX_PIXELS = LIMITS.option(
    "--max-pixels N", "Images with more pixels fail. Default: 179 million.", (1, 10**10)
)
STRICT = LIMITS.option("--strict", "Fail damaged images instead of classifying them.")
