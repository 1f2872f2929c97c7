"""``afd classify``: classify pictures with an AFD module, one row per picture."""

from __future__ import annotations

import sys

from afdcli.cli import classify_options as own
from afdcli.cli import options
from afdcli.cli.command import ConfigOption, running_origins
from afdcli.cli.console import say_if_slow


def classify(
    paths: options.Paths,
    labels: own.Labels = None,
    exclude: options.Exclude = None,
    suffixes: options.Suffixes = None,
    limit: own.Limit = None,
    sample: own.Sample = None,
    seed: own.SampleSeed = None,
    shard: own.Shard = "1/1",
    icc: options.Icc = True,
    backbone: options.Backbone = None,
    checkpoint: options.Checkpoint = None,
    imports: options.Import = None,
    class_names: options.ClassNames = None,
    resize: own.Resize = "fast",
    near: own.Near = "crop",
    afd: options.Afd = "auto",
    compare: own.Compare = False,
    results: own.Out = "results.csv",
    topk: own.Topk = 1,
    exif: own.Exif = False,
    min_prob: options.MinProb = None,
    embeddings: options.Embeddings = None,
    embeddings_dtype: options.EmbeddingsDtype = "float32",
    export_failed: options.ExportFailed = None,
    rows_per_part: own.RowsPerPart = None,
    resume: own.Resume = False,
    overwrite: options.Overwrite = False,
    dry_run: own.DryRun = False,
    as_json: options.Json = False,
    device: options.Device = "auto",
    precision: own.Precision = "auto",
    runtime: own.Runtime = "auto",
    compiled: own.Compile = False,
    batch_size: own.BatchSize = None,
    workers: own.Workers = None,
    engine: own.Engine = "local",
    actors: own.Actors = None,
    actor_gpus: own.ActorGpus = 0.0,
    timeout: options.Timeout = 60.0,
    memory: own.Memory = 4096,
    max_pixels: own.MaxPixels = None,
    strict: own.Strict = False,
    config: ConfigOption = None,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
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
    from afdcli.codec.limits import Limits
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
