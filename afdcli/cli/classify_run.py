"""Run ``afd classify``: say what is loading, show progress, summary and exit code."""

from __future__ import annotations

from contextlib import nullcontext
from functools import partial
from typing import TYPE_CHECKING

import typer

from afdcli.cli.after import print_json
from afdcli.cli.command import command_line
from afdcli.cli.console import (
    EXIT_INTERRUPTED,
    EXIT_OK,
    EXIT_SOME_FAILED,
    EXIT_USAGE,
    err,
    out,
    say_all_failed,
    say_loading,
    stop_politely,
)
from afdcli.errors import UsageError

if TYPE_CHECKING:
    from afdcli.classify.settings import Settings
    from afdcli.classify.setup import Setup
    from afdcli.inputs.inputs import Inputs


def run(
    inputs: Inputs,
    settings: Settings,
    results: str,
    *,
    quiet: bool,
    as_json: bool,
    overwrite: bool,
) -> None:
    """Classify, show progress and summary. Raises typer.Exit unless all went well."""
    from afdcli.results.claim import claimed

    settings.check()
    claim = partial(claimed, resume=settings.resume, overwrite=overwrite)
    embeddings = settings.embeddings
    beside = claim(embeddings, option="--embeddings") if embeddings else nullcontext()
    with stop_politely(), claim(settings.out), beside:
        # After the lock is taken, so that a second run to the same --out fails at once.
        setup = _loaded(settings, quiet)
        from afdcli.classify.run import classify
        from afdcli.cli.classify_screen import show_summary, summary_facts
        from afdcli.cli.live import Live

        with Live(err(quiet), inputs) as live:
            try:
                summary = classify(inputs, setup, live.update, command_line(), inputs.skipped)
            except KeyboardInterrupt:
                how = "--resume instead of --overwrite" if overwrite else "--resume"
                message = f"afd: interrupted; {live.done} rows are in {results}; to continue, run"
                err().print(f"{message} the same command with {how}", markup=False, soft_wrap=True)
                raise typer.Exit(EXIT_INTERRUPTED) from None
    if inputs.unlisted:
        summary.notes.append(
            f"{len(inputs.unlisted)} folders could not be listed, e.g. {inputs.unlisted[0]}"
        )
    nothing = summary.failures > 0 and not summary.classified
    some = summary.failures > 0 or bool(inputs.unlisted)
    code = EXIT_USAGE if nothing else EXIT_SOME_FAILED if some else EXIT_OK
    if as_json:
        print_json({"command": command_line(), "exit_code": code, **summary_facts(summary, setup)})
    else:
        show_summary(out(quiet), summary, setup)
    if nothing:
        say_all_failed("classified", summary.failed, results)
    if code:
        raise typer.Exit(code)


def rehearse(inputs: Inputs, settings: Settings, *, quiet: bool, as_json: bool) -> None:
    """Show what `run` would do.

    Raises:
        UsageError: the run could not start either.
    """
    if settings.resume:
        raise UsageError("--dry-run shows a whole run: omit --resume")
    settings.check()
    with stop_politely():
        setup = _loaded(settings, quiet)
        from afdcli.classify.dry_run import dry_run
        from afdcli.cli.dry_run_screen import dry_run_facts, show_dry_run
        from afdcli.cli.live import Live

        with Live(err(quiet), inputs) as live:
            found = dry_run(inputs, setup, live.begin)
    if as_json:
        print_json({"command": command_line(), **dry_run_facts(found, setup, inputs)})
    else:
        show_dry_run(out(quiet), found, setup, inputs)


def _loaded(settings: Settings, quiet: bool) -> Setup:
    """Say what is loading, and load it."""
    say_loading(settings.backbone, quiet)

    from afdcli.workers.supervisor import start_server

    if settings.engine == "local":  # Ray starts its own processes
        start_server()

    from afdcli.classify.setup import set_up
    from afdcli.models.memory import keep_freed_memory

    keep_freed_memory()
    return set_up(settings)
