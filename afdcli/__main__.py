"""``python -m afdcli`` is ``afd``."""

import sys


def main() -> None:
    """Entry point of the console script: whatever cannot be loaded is one line, too."""
    try:
        from afdcli.cli.main import main as run
    except (Exception, KeyboardInterrupt) as error:
        if "--debug" in sys.argv:
            raise
        print(f"afd: cannot start: {error}; run with --debug for the traceback", file=sys.stderr)  # noqa: T201
        sys.exit(130 if isinstance(error, KeyboardInterrupt) else 3)
    run()


if __name__ == "__main__":
    main()
