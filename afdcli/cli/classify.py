"""``afd classify``: classify pictures with an AFD module, one row per picture."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from afdcli.cli import classify_options as own
from afdcli.cli import console, options
from afdcli.cli.command import ConfigOption, command_line, running_origins
from afdcli.errors import UsageError

if TYPE_CHECKING:
    from afdcli.classify.settings import Settings
    from afdcli.classify.setup import Setup
    from afdcli.inputs.inputs import Inputs


def classify(
    paths: Annotated[list[str], options.PATHS],
    labels: Annotated[str | None, own.LABELS] = None,
    exclude: Annotated[list[Path] | None, options.EXCLUDE] = None,
    suffixes: Annotated[str | None, options.SUFFIXES] = None,
    limit: Annotated[int | None, own.LIMIT] = None,
    sample: Annotated[int | None, own.SAMPLE] = None,
    seed: Annotated[int | None, own.SAMPLE_SEED] = None,
    shard: Annotated[str, own.SHARD] = "1/1",
    icc: Annotated[bool, options.ICC] = True,
    backbone: Annotated[str | None, options.BACKBONE] = None,
    checkpoint: Annotated[Path | None, options.CHECKPOINT] = None,
    imports: Annotated[list[str] | None, options.IMPORT] = None,
    class_names: Annotated[Path | None, options.CLASS_NAMES] = None,
    resize: Annotated[str, own.RESIZE] = "fast",
    near: Annotated[str, own.NEAR] = "crop",
    afd: Annotated[str, options.AFD_MODULE] = "auto",
    compare: Annotated[bool, own.COMPARE] = False,
    results: Annotated[str, own.OUT] = "results.csv",
    topk: Annotated[int, own.TOPK] = 1,
    exif: Annotated[bool, own.EXIF] = False,
    min_prob: Annotated[float | None, options.MIN_PROB] = None,
    embeddings: Annotated[Path | None, options.EMBEDDINGS] = None,
    embeddings_dtype: Annotated[str, options.EMBEDDINGS_DTYPE] = "float32",
    export_failed: Annotated[Path | None, options.EXPORT_FAILED] = None,
    rows_per_part: Annotated[int | None, own.ROWS_PER_PART] = None,
    resume: Annotated[bool, own.RESUME] = False,
    overwrite: Annotated[bool, options.OVERWRITE] = False,
    dry_run: Annotated[bool, own.DRY_RUN] = False,
    as_json: Annotated[bool, options.JSON] = False,
    device: Annotated[str, options.DEVICE] = "auto",
    precision: Annotated[str, own.PRECISION] = "auto",
    runtime: Annotated[str, own.RUNTIME] = "auto",
    compiled: Annotated[bool, own.COMPILE] = False,
    batch_size: Annotated[int | None, own.BATCH_SIZE] = None,
    workers: Annotated[int | None, own.WORKERS] = None,
    engine: Annotated[str, own.ENGINE] = "local",
    actors: Annotated[int | None, own.ACTORS] = None,
    actor_gpus: Annotated[float, own.ACTOR_GPUS] = 0.0,
    timeout: Annotated[float, options.TIMEOUT] = 60.0,
    memory: Annotated[int, own.MEMORY] = 4096,
    max_pixels: Annotated[int | None, own.MAX_PIXELS] = None,
    strict: Annotated[bool, own.STRICT] = False,
    config: ConfigOption = None,
    quiet: Annotated[bool, options.QUIET] = False,
    debug: Annotated[bool, options.DEBUG] = False,
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
    with console.say_if_slow("looking for images …", quiet):
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
        _rehearse(inputs, settings, quiet, as_json)
    else:
        _run(inputs, settings, results, quiet, as_json, overwrite)


def _run(
    inputs: Inputs, settings: Settings, results: str, quiet: bool, as_json: bool, overwrite: bool
) -> None:
    """Classify, show progress and summary. Raises typer.Exit unless all went well."""
    from afdcli.results.claim import claimed

    settings.check()
    settings.check_outputs()
    claim = partial(claimed, resume=settings.resume, overwrite=overwrite)
    embeddings = settings.embeddings
    beside = claim(embeddings, option="--embeddings") if embeddings else nullcontext()
    with console.stop_politely(), claim(settings.out), beside:
        # After the lock is taken, so that a second run to the same --out fails at once.
        setup = _loaded(settings, quiet)
        from afdcli.classify.run import classify
        from afdcli.cli.classify_screen import show_summary, summary_facts
        from afdcli.cli.live import Live

        with Live(console.err(quiet), inputs) as live:
            try:
                summary = classify(inputs, setup, live.update, command_line(), inputs.skipped)
            except KeyboardInterrupt:
                how = "--resume instead of --overwrite" if overwrite else "--resume"
                message = f"afd: interrupted; {live.done} rows are in {results}; to continue, run"
                console.say(f"{message} the same command with {how}")
                raise typer.Exit(console.EXIT_INTERRUPTED) from None
    if inputs.unlisted:
        summary.notes.append(
            f"{len(inputs.unlisted)} folders could not be listed, e.g. {inputs.unlisted[0]}"
        )
    code = console.run_code(summary.failures, summary.classified, inputs.unlisted)
    if as_json:
        console.print_json(
            {"command": command_line(), "exit_code": code, **summary_facts(summary, setup)}
        )
    else:
        show_summary(console.out(quiet), summary, setup)
    console.end_run(code, "classified", summary.failed, results)


def _rehearse(inputs: Inputs, settings: Settings, quiet: bool, as_json: bool) -> None:
    """Show what `_run` would do."""
    if settings.resume:
        raise UsageError("--dry-run shows a whole run: omit --resume")
    settings.check()
    settings.check_outputs()
    with console.stop_politely():
        setup = _loaded(settings, quiet)
        from afdcli.classify.dry_run import dry_run
        from afdcli.cli.dry_run_screen import dry_run_facts, show_dry_run
        from afdcli.cli.live import Live

        with Live(console.err(quiet), inputs) as live:
            found = dry_run(inputs, setup, live.begin)
    if as_json:
        console.print_json({"command": command_line(), **dry_run_facts(found, setup, inputs)})
    else:
        show_dry_run(console.out(quiet), found, setup, inputs)


def _loaded(settings: Settings, quiet: bool) -> Setup:
    console.say_loading(settings.backbone, quiet)

    from afdcli.workers.supervisor import start_server

    if settings.engine == "local":  # Ray starts its own processes
        start_server()

    from afdcli.classify.setup import set_up
    from afdcli.workers.memory import keep_freed_memory

    keep_freed_memory()
    return set_up(settings)
