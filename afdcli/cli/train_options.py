"""The options of ``afd train`` that no other command has."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from afdcli.cli.completion import backbones
from afdcli.cli.help import AFD, CLASSIFIER, INPUT, OUTPUT, SPEED, TRAINING
from afdcli.cli.options import MOST_WORKERS, option

DataOption = Annotated[
    list[Path],
    option(
        "--data",
        metavar="DIR",
        panel=INPUT,
        help="Folder of good, unlabelled photos; repeatable. Each folder gives as many pairs.",
    ),
]
ExcludeOption = Annotated[
    Path | None,
    option(
        "--exclude-list",
        "--exclude",  # its old name; elsewhere that is a folder
        metavar="FILE",
        panel=INPUT,
        help="Photos not to train on: one relative path per line.",
    ),
]
ValidationOption = Annotated[
    int,
    option(
        "--validation",
        metavar="N",
        panel=INPUT,
        least=5,
        most=50_000,
        help="Photos held out for validation.",
    ),
]
BackboneOption = Annotated[
    list[str] | None,
    option(
        "--backbone",
        metavar="NAME[=FILE]",
        panel=CLASSIFIER,
        help="Any timm name, and its weights file; repeatable with --plug input."
        " Default: EfficientNet-Lite0.",
        complete=backbones,
    ),
]
PresetOption = Annotated[
    str,
    option(
        "--preset",
        metavar="auto|light|best|paper",
        panel=AFD,
        help="Module size. auto: light at the stem; best: larger, for quality alone; "
        "paper: without corrections behind the stem.",
    ),
]
PlugOption = Annotated[
    str,
    option(
        "--plug",
        metavar="stem|input",
        panel=AFD,
        help="stem, behind the first layers, recovers most, for this backbone only; "
        "input, in front of it, is for any backbone.",
    ),
]
PlugAtOption = Annotated[
    str | None,
    option(
        "--plug-at",
        metavar="MODULE",
        panel=AFD,
        help="Plug in behind this module of the backbone instead.",
    ),
]
InitOption = Annotated[
    Path | None,
    option(
        "--init",
        metavar="FILE",
        panel=AFD,
        help="Start from this trained module instead of a new one.",
    ),
]
MinutesOption = Annotated[
    float | None,
    option(
        "--minutes",
        metavar="X",
        panel=TRAINING,
        least=0.01,
        most=100_000.0,
        help="Training time. Default: 20, unless --steps is given.",
    ),
]
StepsOption = Annotated[
    int | None,
    option("--steps", metavar="N", panel=TRAINING, least=1, most=10**9, help="Training steps."),
]
BatchSizeOption = Annotated[
    int,
    option(
        "--batch-size",
        metavar="N",
        panel=TRAINING,
        least=1,
        most=65_536,
        help="Pairs per step.",
    ),
]
LrOption = Annotated[
    float,
    option("--lr", metavar="X", panel=TRAINING, least=0.0, most=1.0, help="Peak learning rate."),
]
DivergenceOption = Annotated[
    float,
    option(
        "--divergence",
        metavar="X",
        panel=TRAINING,
        least=0.0,
        most=1000.0,
        help="Loss weight of the output divergence.",
    ),
]
DeepOption = Annotated[
    float,
    option(
        "--deep",
        metavar="X",
        panel=TRAINING,
        least=0.0,
        most=1000.0,
        help="Loss weight of the features at the ends of the stages.",
    ),
]
AngleOption = Annotated[
    float,
    option(
        "--angle",
        metavar="X",
        panel=TRAINING,
        least=0.0,
        most=1.0,
        help="Share of the angle in the feature loss; the rest is L1.",
    ),
]
SideOption = Annotated[
    int,
    option(
        "--side",
        metavar="PX",
        panel=TRAINING,
        least=0,
        most=4096,
        help="Side of the training crops; 0: the classifier's input size.",
    ),
]
ReuseOption = Annotated[
    int,
    option(
        "--reuse",
        metavar="N",
        panel=TRAINING,
        least=1,
        most=10_000,
        help="How often each pair is used.",
    ),
]
OutOption = Annotated[
    Path,
    option(
        "--out",
        "-o",
        metavar="FILE",
        panel=OUTPUT,
        help="Module file to write (.safetensors).",
    ),
]
ResumeOption = Annotated[
    bool,
    option("--resume", panel=OUTPUT, help="Continue from the checkpoint beside --out."),
]
PrecisionOption = Annotated[
    str,
    option(
        "--precision",
        metavar="auto|fp32|bf16|fp16",
        panel=SPEED,
        help="Arithmetic. auto uses bf16 where the hardware is fast at it.",
    ),
]
WorkersOption = Annotated[
    int,
    option(
        "--workers",
        metavar="N",
        panel=SPEED,
        least=1,
        most=MOST_WORKERS,
        help="Processes that make training pairs.",
    ),
]
