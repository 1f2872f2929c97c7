"""``python -m afdcli`` is ``afd``."""

from afdcli.cli.main import main

if __name__ == "__main__":
    main()
