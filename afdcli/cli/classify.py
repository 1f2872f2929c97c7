"""``afd classify``: one row per picture, with the AFD module in front of the answer."""

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
            metavar="PATHS...",
            help="Images, folders (searched recursively), archives (.tar, .tar.gz, .zip, …),"
            " .parquet files with a column of image bytes, URLs (s3://, gs://, https://), or - for"
            " a list of paths on standard input, one per line.",
            show_default=False,
        ),
    ],
    backbone: BackboneOption = None,
    checkpoint: CheckpointOption = None,
    imports: ImportOption = None,
    class_names: ClassNamesOption = None,
    afd: AfdOption = "auto",
    compare: Annotated[
        bool, typer.Option("--compare", help="Also give the answers of the plain classifier.")
    ] = False,
    labels: Annotated[
        str | None,
        typer.Option(
            "--labels",
            metavar="FILE.csv|folders",
            help="True classes: a CSV file with columns path and class, or the folders' names.",
        ),
    ] = None,
    topk: Annotated[
        int, typer.Option("--topk", min=1, max=1_000_000, help="Classes per image.")
    ] = 1,
    resize: Annotated[
        str,
        typer.Option(
            "--resize",
            metavar="auto|always",
            help="auto: images within 16 px of the classifier's input are only cropped;"
            " always: resize them too, as timm does.",
        ),
    ] = "auto",
    results: Annotated[
        str,
        typer.Option(
            "--out",
            "-o",
            metavar="FILE|URL",
            help="Results: .csv, .jsonl or .parquet. Behind a URL (s3://bucket/run.parquet), a"
            " folder of parts.",
        ),
    ] = "results.csv",
    rows_per_part: Annotated[
        int | None,
        typer.Option(
            "--rows-per-part",
            metavar="N",
            min=1,
            max=10**12,
            help="Make --out a folder of files with N rows each; behind a URL by default 100,000.",
        ),
    ] = None,
    exclude: ExcludeOption = None,
    suffixes: SuffixesOption = None,
    shard: Annotated[
        str,
        typer.Option(
            "--shard",
            metavar="I/N",
            help="Only the I-th of N parts of the inputs, by a hash of each path; I from 1.",
        ),
    ] = "1/1",
    engine: Annotated[
        str, typer.Option("--engine", metavar="E", help="local, or ray for a cluster.")
    ] = "local",
    actors: Annotated[
        int | None,
        typer.Option(
            "--actors",
            min=1,
            max=100_000,
            help="Ray: classifiers; default: one per CPU, at most 8.",
        ),
    ] = None,
    actor_gpus: Annotated[
        float,
        typer.Option(
            "--actor-gpus",
            min=0.0,
            max=1024.0,
            callback=a_number,
            help="Ray: GPUs of each classifier.",
        ),
    ] = 0.0,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Go on with a run that was cut off; same command again."),
    ] = False,
    overwrite: OverwriteOption = False,
    batch_size: Annotated[
        int | None,
        typer.Option(
            "--batch-size",
            min=1,
            max=65_536,
            help="Images per pass; default: by device and memory (CPU 16).",
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            "--workers",
            min=1,
            max=MOST_WORKERS,
            help="Processes that read images; default: all cores; with a GPU, all but one.",
        ),
    ] = None,
    timeout: TimeoutOption = 60.0,
    memory: Annotated[
        int,
        typer.Option(
            "--memory", metavar="MIB", min=256, max=2**30, help="Limit for reading one image."
        ),
    ] = 4096,
    max_pixels: Annotated[
        int | None,
        typer.Option(
            "--max-pixels", min=1, max=2**40, help="Larger images fail. Default: 179 megapixels."
        ),
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Damaged images fail instead of being classified.")
    ] = False,
    icc: IccOption = True,
    device: DeviceOption = "auto",
    precision: Annotated[
        str,
        typer.Option(
            "--precision",
            metavar="P",
            help="auto, fp32, bf16, fp16 or int8; auto takes bf16 where it is faster.",
        ),
    ] = "auto",
    runtime: Annotated[
        str,
        typer.Option(
            "--runtime",
            metavar="R",
            help="auto, torch or openvino; auto takes openvino on processors.",
        ),
    ] = "auto",
    compiled: Annotated[
        bool,
        typer.Option("--compile", help="Compile the network (torch.compile): slow start, faster."),
    ] = False,
    quiet: QuietOption = False,
    debug: DebugOption = False,
) -> None:
    """Classify images; badly compressed ones better than the classifier alone.

    Writes one row per image, in input order, and FILE.meta.json about the run. Images that cannot
    be read get a row too; the exit code is then 1.
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
    if engine == "local":  # Ray has processes of its own
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
    """Classify, show how it goes and what came of it. Raises typer.Exit unless all is fine."""
    from afdcli.results.claim import claimed

    with stop_politely(), claimed(settings.out, resume=settings.resume, overwrite=overwrite):
        # Loaded with the results in hand: whoever must wait for another run is told at once.
        from afdcli.classify.run import classify
        from afdcli.classify.session import set_up
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
                message = f"afd: interrupted; {live.rows} rows are in {results}; go on with the"
                err().print(f"{message} same command and {how}", markup=False, soft_wrap=True)
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
