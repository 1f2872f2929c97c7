"""``afd classify``: classify pictures with an AFD module, one row per picture."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from afdcli.cli.answer_options import (
    EmbeddingsDtypeOption,
    EmbeddingsOption,
    ExportFailedOption,
    MinProbOption,
)
from afdcli.cli.classify_options import (
    ActorGpusOption,
    ActorsOption,
    BatchSizeOption,
    CompareOption,
    CompileOption,
    DryRunOption,
    EngineOption,
    ExifOption,
    LabelsOption,
    LimitOption,
    MaxPixelsOption,
    MemoryOption,
    NearOption,
    OutOption,
    PrecisionOption,
    ResizeOption,
    ResumeOption,
    RowsPerPartOption,
    RuntimeOption,
    SampleOption,
    SampleSeedOption,
    ShardOption,
    StrictOption,
    TopkOption,
    WorkersOption,
)
from afdcli.cli.command import ConfigOption, running_origins
from afdcli.cli.console import DebugOption, QuietOption, say_if_slow
from afdcli.cli.help import INPUT
from afdcli.cli.options import (
    PATHS_HELP,
    AfdOption,
    BackboneOption,
    CheckpointOption,
    ClassNamesOption,
    DeviceOption,
    ExcludeOption,
    IccOption,
    ImportOption,
    JsonOption,
    OverwriteOption,
    SuffixesOption,
    TimeoutOption,
)


def classify(
    paths: Annotated[
        list[str],
        typer.Argument(metavar="PATH", help=PATHS_HELP, rich_help_panel=INPUT),
    ],
    labels: LabelsOption = None,
    exclude: ExcludeOption = None,
    suffixes: SuffixesOption = None,
    limit: LimitOption = None,
    sample: SampleOption = None,
    seed: SampleSeedOption = None,
    shard: ShardOption = "1/1",
    icc: IccOption = True,
    backbone: BackboneOption = None,
    checkpoint: CheckpointOption = None,
    imports: ImportOption = None,
    class_names: ClassNamesOption = None,
    resize: ResizeOption = "fast",
    near: NearOption = "crop",
    afd: AfdOption = "auto",
    compare: CompareOption = False,
    results: OutOption = "results.csv",
    topk: TopkOption = 1,
    exif: ExifOption = False,
    min_prob: MinProbOption = None,
    embeddings: EmbeddingsOption = None,
    embeddings_dtype: EmbeddingsDtypeOption = "float32",
    export_failed: ExportFailedOption = None,
    rows_per_part: RowsPerPartOption = None,
    resume: ResumeOption = False,
    overwrite: OverwriteOption = False,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
    device: DeviceOption = "auto",
    precision: PrecisionOption = "auto",
    runtime: RuntimeOption = "auto",
    compiled: CompileOption = False,
    batch_size: BatchSizeOption = None,
    workers: WorkersOption = None,
    engine: EngineOption = "local",
    actors: ActorsOption = None,
    actor_gpus: ActorGpusOption = 0.0,
    timeout: TimeoutOption = 60.0,
    memory: MemoryOption = 4096,
    max_pixels: MaxPixelsOption = None,
    strict: StrictOption = False,
    config: ConfigOption = None,
    quiet: QuietOption = False,
    debug: DebugOption = False,
) -> None:
    """Classify images, and correct for bad compression with an AFD module.

    Writes one row per image, in input order. FILE.meta.json beside the results describes the run.
    Images that cannot be read get a row too; the exit code is then 1.

    Examples:
        afd classify photos/ --dry-run
        afd classify photos/ --compare
        afd classify photos/ --labels folders --topk 5 --out run.csv
    """
    from afdcli.inputs.inputs import Inputs, Shard
    from afdcli.inputs.kinds import Rule
    from afdcli.inputs.selection import Selection
    from afdcli.results.parts import ROWS_PER_PART, check_out
    from afdcli.storage.paths import is_url, place
    from afdcli.workers.listing import Lister
    from afdcli.workers.pool import MEBI

    target = place(results)
    if rows_per_part is None and is_url(results):  # file://, too
        rows_per_part = ROWS_PER_PART
    check_out(target, rows_per_part)
    with say_if_slow("looking for images …", quiet):
        inputs = Inputs(
            paths,
            exclude=exclude or (),
            stdin=sys.stdin.buffer if "-" in paths else (),
            shard=Shard.parse(shard),
            rule=Rule.parse(suffixes),
            lister=Lister(timeout, memory * MEBI),
            selection=Selection(limit, sample, seed),
        )

    from afdcli.classify.settings import Settings
    from afdcli.cli.classify_run import rehearse, run
    from afdcli.codec.read import Limits
    from afdcli.models.shipped import DEFAULT

    settings = Settings(
        inputs=inputs.places,
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
        resize=resize,  # type: ignore[arg-type]  # checked there
        near=near,
        min_prob=min_prob,
        embeddings=embeddings,
        embeddings_dtype=embeddings_dtype,
        export_failed=export_failed,
        batch_size=batch_size,
        workers=workers,
        timeout=timeout,
        memory=memory,
        strict=strict,
        icc=icc,
        exif=exif,
        max_pixels=max_pixels or Limits().max_pixels,
        device=device,
        precision=precision,
        compile=compiled,
        runtime=runtime,
        limit=limit,
        sample=sample,
        seed=seed,
        shard=shard,
        engine=engine,
        actors=actors,
        actor_gpus=actor_gpus,
        resume=resume,
        sources=running_origins(),
    )
    if dry_run:
        rehearse(inputs, settings, quiet=quiet, as_json=as_json)
        return
    run(inputs, settings, results, quiet=quiet, as_json=as_json, overwrite=overwrite)
