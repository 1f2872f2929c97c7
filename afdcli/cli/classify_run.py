"""Run ``afd classify``: say what is loading, show progress, summary and exit code."""

from __future__ import annotations

import shlex
import sys
from typing import TYPE_CHECKING

import typer

from afdcli.cli.console import (
    EXIT_INTERRUPTED,
    EXIT_SOME_FAILED,
    EXIT_USAGE,
    err,
    out,
    say_all_failed,
    say_loading,
    stop_politely,
)

if TYPE_CHECKING:
    from afdcli.classify.settings import Settings
    from afdcli.inputs.inputs import Inputs


def run(inputs: Inputs, settings: Settings, results: str, quiet: bool, overwrite: bool) -> None:
    """Classify, show progress and summary. Raises typer.Exit unless all went well."""
    from afdcli.results.claim import claimed
    from afdcli.workers.supervisor import start_server

    settings.check()
    with stop_politely(), claimed(settings.out, resume=settings.resume, overwrite=overwrite):
        say_loading(settings.backbone, quiet)
        if settings.engine == "local":  # Ray starts its own processes
            start_server()
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
