"""The options of ``afd train`` that no other command has."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from afdcli.cli.completion import backbones
from afdcli.cli.help import AFD, CLASSIFIER, INPUT, OUTPUT, SPEED, TRAINING
from afdcli.cli.options import MOST_WORKERS

Data = Annotated[
    list[Path],
    INPUT.option(
        "--data DIR",
        "Folder of good, unlabelled photos; repeatable. Each folder gives as many pairs.",
    ),
]
Exclude = Annotated[
    Path | None,
    INPUT.option(
        "--exclude-list,--exclude FILE", "Photos not to train on: one relative path per line."
    ),
]
Validation = Annotated[
    int, INPUT.option("--validation N", "Photos held out for validation.", (5, 50_000))
]
Backbone = Annotated[
    list[str] | None,
    CLASSIFIER.option(
        "--backbone NAME[=FILE]",
        "Any timm name, and its weights file; repeatable with --plug input."
        " Default: EfficientNet-Lite0.",
        complete=backbones,
    ),
]
Preset = Annotated[
    str,
    AFD.option(
        "--preset auto|light|best|paper",
        "Module size. auto: light at the stem; best: larger, for quality alone; "
        "paper: without corrections behind the stem.",
    ),
]
Plug = Annotated[
    str,
    AFD.option(
        "--plug stem|input",
        "stem, behind the first layers, recovers most, for this backbone only; "
        "input, in front of it, is for any backbone.",
    ),
]
PlugAt = Annotated[
    str | None,
    AFD.option("--plug-at MODULE", "Plug in behind this module of the backbone instead."),
]
Init = Annotated[
    Path | None, AFD.option("--init FILE", "Start from this trained module instead of a new one.")
]
Minutes = Annotated[
    float | None,
    TRAINING.option(
        "--minutes X", "Training time. Default: 20, unless --steps is given.", (0.01, 100_000.0)
    ),
]
Steps = Annotated[int | None, TRAINING.option("--steps N", "Training steps.", (1, 10**9))]
BatchSize = Annotated[int, TRAINING.option("--batch-size N", "Pairs per step.", (1, 65_536))]
Lr = Annotated[float, TRAINING.option("--lr X", "Peak learning rate.", (0.0, 1.0))]
Divergence = Annotated[
    float, TRAINING.option("--divergence X", "Loss weight of the output divergence.", (0.0, 1000.0))
]
Deep = Annotated[
    float,
    TRAINING.option(
        "--deep X", "Loss weight of the features at the ends of the stages.", (0.0, 1000.0)
    ),
]
Angle = Annotated[
    float,
    TRAINING.option(
        "--angle X", "Share of the angle in the feature loss; the rest is L1.", (0.0, 1.0)
    ),
]
Side = Annotated[
    int,
    TRAINING.option(
        "--side PX", "Side of the training crops; 0: the classifier's input size.", (0, 4096)
    ),
]
Reuse = Annotated[int, TRAINING.option("--reuse N", "How often each pair is used.", (1, 10_000))]
Out = Annotated[Path, OUTPUT.option("-o,--out FILE", "Module file to write (.safetensors).")]
Resume = Annotated[bool, OUTPUT.option("--resume", "Continue from the checkpoint beside --out.")]
Precision = Annotated[
    str,
    SPEED.option(
        "--precision auto|fp32|bf16|fp16",
        "Arithmetic. auto uses bf16 where the hardware is fast at it.",
    ),
]
Workers = Annotated[
    int, SPEED.option("--workers N", "Processes that make training pairs.", (1, MOST_WORKERS))
]
