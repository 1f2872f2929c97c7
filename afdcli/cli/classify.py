"""``afd classify``: classify pictures with an AFD module, one row per picture."""

from __future__ import annotations

import shlex
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from afdcli.cli.console import (
    EXIT_INTERRUPTED,
    EXIT_SOME_FAILED,
    EXIT_USAGE,
    DebugOption,
    QuietOption,
    err,
    out,
    say_all_failed,
    stop_politely,
)
from afdcli.cli.options import (
    MOST_WORKERS,
    PATHS_HELP,
    AfdOption,
    BackboneOption,
    CheckpointOption,
    ClassNamesOption,
    DeviceOption,
    ExcludeOption,
    IccOption,
    ImportOption,
    OverwriteOption,
    SuffixesOption,
    TimeoutOption,
    a_number,
)

if TYPE_CHECKING:
    from afdcli.classify.settings import Settings
    from afdcli.inputs.inputs import Inputs


def classify(
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="PATH",
            help=PATHS_HELP,
            show_default=False,
        ),
    ],
    backbone: BackboneOption = None,
    checkpoint: CheckpointOption = None,
    imports: ImportOption = None,
    class_names: ClassNamesOption = None,
    afd: AfdOption = "auto",
    compare: Annotated[bool, typer.Option("--compare", help="Also classify without AFD.")] = False,
    labels: Annotated[
        str | None,
        typer.Option(
            "--labels",
            metavar="FILE.csv|folders",
            help="True classes: a CSV file with columns path and class, or the folders' names.",
        ),
    ] = None,
    topk: Annotated[
        int,
        typer.Option("--topk", metavar="N", min=1, max=1_000_000, help="Classes per image."),
    ] = 1,
    resize: Annotated[
        str,
        typer.Option(
            "--resize",
            metavar="auto|always",
            help="auto: only crop images within 16 px of the classifier's input size;"
            " always: resize them too, as timm does.",
        ),
    ] = "auto",
    results: Annotated[
        str,
        typer.Option(
            "--out",
            "-o",
            metavar="FILE|URL",
            help="Results file: .csv, .jsonl or .parquet. At a URL it is a folder of parts.",
        ),
    ] = "results.csv",
    rows_per_part: Annotated[
        int | None,
        typer.Option(
            "--rows-per-part",
            metavar="N",
            min=1,
            max=10**9,
            help="Write a folder of files with N rows each. Default at a URL: 100,000.",
        ),
    ] = None,
    exclude: ExcludeOption = None,
    suffixes: SuffixesOption = None,
    shard: Annotated[
        str,
        typer.Option(
            "--shard",
            metavar="I/N",
            help="Process only part I of N, I from 1. A hash of each path decides its part.",
        ),
    ] = "1/1",
    engine: Annotated[
        str, typer.Option("--engine", metavar="E", help="local, or ray to use a cluster.")
    ] = "local",
    actors: Annotated[
        int | None,
        typer.Option(
            "--actors",
            metavar="N",
            min=1,
            max=100_000,
            help="Ray: number of classifiers. Default: one per CPU, at most 8.",
        ),
    ] = None,
    actor_gpus: Annotated[
        float,
        typer.Option(
            "--actor-gpus",
            metavar="N",
            min=0.0,
            max=1024.0,
            callback=a_number,
            help="Ray: GPUs per classifier.",
        ),
    ] = 0.0,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Continue an interrupted run. Repeat its command."),
    ] = False,
    overwrite: OverwriteOption = False,
    batch_size: Annotated[
        int | None,
        typer.Option(
            "--batch-size",
            metavar="N",
            min=1,
            max=65_536,
            help="Images per batch. Default: by device and memory (CPU: 16).",
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            "--workers",
            metavar="N",
            min=1,
            max=MOST_WORKERS,
            help="Processes that read images. Default: one per core; with a GPU, one fewer.",
        ),
    ] = None,
    timeout: TimeoutOption = 60.0,
    memory: Annotated[
        int,
        typer.Option("--memory", metavar="MIB", min=256, max=2**30, help="Memory limit per image."),
    ] = 4096,
    max_pixels: Annotated[
        int | None,
        typer.Option(
            "--max-pixels",
            metavar="N",
            min=1,
            max=10**10,
            help="Images with more pixels fail. Default: 179 million.",
        ),
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Fail damaged images instead of classifying them.")
    ] = False,
    icc: IccOption = True,
    device: DeviceOption = "auto",
    precision: Annotated[
        str,
        typer.Option(
            "--precision",
            metavar="P",
            help="auto, fp32, bf16, fp16 or int8. auto uses bf16 where the hardware is fast at it.",
        ),
    ] = "auto",
    runtime: Annotated[
        str,
        typer.Option(
            "--runtime",
            metavar="R",
            help="auto, torch or openvino. auto uses openvino on CPUs.",
        ),
    ] = "auto",
    compiled: Annotated[
        bool,
        typer.Option("--compile", help="Use torch.compile: starts more slowly, runs faster."),
    ] = False,
    quiet: QuietOption = False,
    debug: DebugOption = False,
) -> None:
    """Classify images, and correct for bad compression with an AFD module.

    Writes one row per image, in input order. FILE.meta.json beside the results describes the run.
    Images that cannot be read get a row too; the exit code is then 1.
    """
    from afdcli.inputs.inputs import Inputs, Shard
    from afdcli.inputs.kinds import Rule
    from afdcli.results.parts import ROWS_PER_PART, check_out
    from afdcli.storage.paths import is_url, place
    from afdcli.workers.listing import Lister
    from afdcli.workers.pool import MEBI
    from afdcli.workers.supervisor import start_server

    target = place(results)
    if rows_per_part is None and is_url(results):  # file://, too
        rows_per_part = ROWS_PER_PART
    check_out(target, rows_per_part)
    inputs = Inputs(
        paths,
        exclude=exclude or (),
        stdin=sys.stdin.buffer if "-" in paths else (),
        shard=Shard.parse(shard),
        rule=Rule.parse(suffixes),
        lister=Lister(timeout, memory * MEBI),
    )
    if engine == "local":  # Ray starts its own processes
        start_server()

    from afdcli.classify.settings import Settings
    from afdcli.codec.read import Limits
    from afdcli.models.packaged import DEFAULT

    settings = Settings(
        out=target,
        rows_per_part=rows_per_part,
        backbone=backbone or DEFAULT,
        checkpoint=checkpoint,
        imports=tuple(imports or ()),
        class_names=class_names,
        afd=afd,
        compare=compare,
        labels=labels,
        topk=topk,
        resize=resize,
        batch_size=batch_size,
        workers=workers,
        timeout=timeout,
        memory=memory,
        strict=strict,
        icc=icc,
        max_pixels=max_pixels or Limits().max_pixels,
        device=device,
        precision=precision,
        compile=compiled,
        runtime=runtime,
        shard=shard,
        engine=engine,
        actors=actors,
        actor_gpus=actor_gpus,
        resume=resume,
    )
    _run(inputs, settings, results, quiet, overwrite)


def _run(inputs: Inputs, settings: Settings, results: str, quiet: bool, overwrite: bool) -> None:
    """Classify, show progress and summary. Raises typer.Exit unless all went well."""
    from afdcli.results.claim import claimed

    with stop_politely(), claimed(settings.out, resume=settings.resume, overwrite=overwrite):
        # Imported after the lock is taken, so that a second run to the same --out fails at once.
        from afdcli.classify.run import classify
        from afdcli.classify.setup import set_up
        from afdcli.cli.classify_screen import show_summary
        from afdcli.cli.live import Live
        from afdcli.models.memory import keep_freed_memory

        keep_freed_memory()
        setup = set_up(settings)
        with Live(err(quiet), inputs) as live:
            try:
                summary = classify(inputs, setup, live.update, _command(), inputs.skipped)
            except KeyboardInterrupt:
                how = "--resume instead of --overwrite" if overwrite else "--resume"
                message = f"afd: interrupted; {live.rows} rows are in {results}; to continue, run"
                err().print(f"{message} the same command with {how}", markup=False, soft_wrap=True)
                raise typer.Exit(EXIT_INTERRUPTED) from None
    if inputs.unlisted:
        summary.notes.append(
            f"{len(inputs.unlisted)} folders could not be listed, e.g. {inputs.unlisted[0]}"
        )
    show_summary(out(quiet), summary, setup)
    if summary.failures and not summary.classified:
        say_all_failed("classified", summary.failed, results)
        raise typer.Exit(EXIT_USAGE)
    if summary.failures or inputs.unlisted:
        raise typer.Exit(EXIT_SOME_FAILED)


def _command() -> str:
    return shlex.join(["afd", *sys.argv[1:]])
