"""``python -m afdcli`` is ``afd``."""

import os
import sys


def main() -> None:
    """Entry point of the console script: whatever cannot be loaded is one line, too."""
    if sys.platform == "win32":
        _say("does not run on Windows: use WSL, or a container (examples/clusters/Dockerfile)")
        sys.exit(2)
    # Before any process starts: Python's processes for workers would import modules from the
    # current folder first, which may hold photos from anywhere. (Python 3.11 and later)
    os.environ.setdefault("PYTHONSAFEPATH", "1")
    try:
        from afdcli.cli.main import main as run
    except (Exception, KeyboardInterrupt) as error:
        if "--debug" in sys.argv:
            raise
        _say(f"cannot start: {error}; run with --debug for the traceback")
        sys.exit(130 if isinstance(error, KeyboardInterrupt) else 3)
    run()


def _say(text: str) -> None:
    print(f"afd: {text}", file=sys.stderr)  # noqa: T201


if __name__ == "__main__":
    main()
